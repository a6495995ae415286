//! What looks at every byte, for processors with AVX-512: sixty-four bytes at once.
//!
//! It takes `unsafe` to call what is compiled for such a processor, when this is one.
#![expect(unsafe_code, reason = "see above")]
#![expect(clippy::incompatible_msrv, reason = "left out by older compilers, see build.rs")]

use std::arch::x86_64::{
    __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_or_si512, _mm512_set_epi64,
    _mm512_set1_epi8,
};

use crate::boundary::{Cut, Layout, Limits, cut_by};
use crate::lanes::{BracketBits, mark_by};

/// See [`crate::boundary::cut`]; None where the processor cannot do it.
pub fn cut(data: &[u8], start: usize, layout: Layout, first: bool, limits: Limits) -> Option<Cut> {
    // SAFETY: the processor has all that the function is compiled for.
    is_there().then(|| unsafe { cut_here(data, start, layout, first, limits) })
}

/// See [`crate::lanes::mark_specials`]; None where the processor cannot do it.
pub fn mark_specials(text: &[u8], marks: &mut Vec<u8>) -> Option<()> {
    // SAFETY: the processor has all that the function is compiled for.
    is_there().then(|| unsafe { mark_specials_here(text, marks) })
}

/// Whether this processor has all that is asked for below.
fn is_there() -> bool {
    is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("bmi1")
        && is_x86_feature_detected!("bmi2")
        && is_x86_feature_detected!("lzcnt")
        && is_x86_feature_detected!("popcnt")
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
fn cut_here(data: &[u8], start: usize, layout: Layout, first: bool, limits: Limits) -> Cut {
    cut_by(|block| bracket_bits(block), data, start, layout, first, limits)
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
fn mark_specials_here(text: &[u8], marks: &mut Vec<u8>) {
    mark_by(|block| special_bits(block), text, marks);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bracket_bits(bytes: &[u8; 64]) -> BracketBits {
    let lanes = load(bytes);
    // `[` and `{`, and so `]` and `}`, differ in this bit alone.
    let folded = _mm512_or_si512(lanes, _mm512_set1_epi8(0x20));
    BracketBits {
        quotes: is(lanes, b'"'),
        backslashes: is(lanes, b'\\'),
        opens: is(folded, b'{'),
        closes: is(folded, b'}'),
        commas: is(lanes, b','),
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn special_bits(bytes: &[u8; 64]) -> u64 {
    let lanes = load(bytes);
    let control = _mm512_cmple_epu8_mask(lanes, _mm512_set1_epi8(0x1f));
    control | is(lanes, b'"') | is(lanes, b'\\') | is(lanes, b',')
}

/// All bytes; compiled to one load.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn load(bytes: &[u8; 64]) -> __m512i {
    let [a, b, c, d, e, f, g, h] = std::array::from_fn(|word| {
        let eight = std::array::from_fn(|byte| bytes[8 * word + byte]);
        i64::from_le_bytes(eight)
    });
    _mm512_set_epi64(h, g, f, e, d, c, b, a)
}

/// One bit for each byte that is this one.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn is(lanes: __m512i, byte: u8) -> u64 {
    _mm512_cmpeq_epi8_mask(lanes, _mm512_set1_epi8(byte.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::{cut, mark_specials};
    use crate::boundary::{Cut, Layout, Limits, cut_anywhere};
    use crate::lanes::mark_specials_anywhere;

    const PIECES: [&str; 14] = [
        "{", "}", "[", "]", "\"", "\"a,b\"", "\\\\", "\\\"", ",", ", ", "\"k\":", "12,", "\u{1f}",
        "한글",
    ];

    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let mut state = 1_u64;
        (0..20_000).map(move |number| {
            let mut text = b"[".to_vec();
            for _ in 0..number % 90 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.extend(PIECES[(state >> 33) as usize % PIECES.len()].bytes());
            }
            text
        })
    }

    #[test]
    fn records_are_cut_off_where_other_processors_do() {
        let all = |Cut { end, values, keys }| (end, values, keys);
        for text in texts() {
            for layout in [Layout::Array, Layout::Keyed, Layout::Lines] {
                for commas in [1, 5, 1000] {
                    let limits = Limits { records: 9, bytes: 300, commas, record_bytes: 200 };
                    let Some(found) = cut(&text, 0, layout, true, limits) else { return };
                    let expected = cut_anywhere(&text, 0, layout, true, limits);
                    assert_eq!(all(found), all(expected), "{}", String::from_utf8_lossy(&text));
                }
            }
        }
    }

    #[test]
    fn the_same_bytes_are_special() {
        for text in texts().chain([(0..=u8::MAX).collect()]) {
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            if mark_specials(&text, &mut found).is_none() {
                return;
            }
            mark_specials_anywhere(&text, &mut expected);
            assert_eq!(found, expected, "{}", String::from_utf8_lossy(&text));
        }
    }
}
