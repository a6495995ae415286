//! Vectors of sixty-four bytes, for processors with AVX-512.
//!
//! It takes `unsafe` to call what is compiled for such a processor, when this is one.
#![expect(unsafe_code, reason = "see above")]
#![expect(clippy::incompatible_msrv, reason = "left out by older compilers, see build.rs")]

use std::arch::x86_64::{
    __m512i, _mm512_cmpeq_epi8_mask, _mm512_cmple_epu8_mask, _mm512_mask_expand_epi8,
    _mm512_mask_mov_epi8, _mm512_mask_set1_epi64, _mm512_maskz_compress_epi8, _mm512_or_si512,
    _mm512_set_epi64, _mm512_set1_epi8, _mm512_storeu_si512, _mm512_sub_epi8,
};

use super::portable::Portable;
use super::processor::has_avx512;
use super::sha256;
use super::vector::{Block, Blocks, BracketBits, Ending, Half, NumberBits, Simd, Words, Work};

/// Does work, or gives it back where the processor cannot do it.
pub fn run<W: Work>(work: W) -> Result<W::Output, W> {
    // SAFETY: the processor has all that the function is compiled for.
    if has_avx512() { Ok(unsafe { run_here(work) }) } else { Err(work) }
}

/// The first halves of keyed digests, or None where the processor cannot make them.
#[cfg(test)]
pub fn keyed_halves(inner: &Words, outer: &Words, blocks: &Blocks) -> Option<Half> {
    has_avx512().then(|| Avx512.keyed_halves(inner, outer, blocks))
}

#[target_feature(enable = "avx512f,avx512bw,bmi1,bmi2,lzcnt,popcnt")]
fn run_here<W: Work>(work: W) -> W::Output {
    work.run(Avx512)
}

/// Vectors that are there: nobody else than `run_here` has one.
#[derive(Clone, Copy)]
struct Avx512;

impl Simd for Avx512 {
    #[inline(always)]
    fn bracket_bits(self, block: &[u8; 64]) -> BracketBits {
        // SAFETY: the processor was asked.
        unsafe { bracket_bits(block) }
    }

    #[inline(always)]
    fn special_bits(self, block: &[u8; 64]) -> u64 {
        // SAFETY: the processor was asked.
        unsafe { special_bits(block) }
    }

    #[inline(always)]
    fn space_bits(self, block: &[u8; 64]) -> u64 {
        // SAFETY: the processor was asked.
        unsafe { space_bits(block) }
    }

    #[inline(always)]
    fn last_blocks<'a>(self, endings: impl Iterator<Item = Ending<'a>>, blocks: &mut Blocks) {
        if !is_x86_feature_detected!("avx512vbmi2") {
            return Portable.last_blocks(endings, blocks);
        }
        // SAFETY: the processor was asked.
        unsafe { last_blocks(endings, blocks) }
    }

    #[inline(always)]
    fn keyed_halves(self, inner: &Words, outer: &Words, blocks: &Blocks) -> Half {
        // SAFETY: the processor was asked.
        unsafe { sha256::keyed_halves(inner, outer, blocks) }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn bracket_bits(block: &[u8; 64]) -> BracketBits {
    let lanes = load(block);
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
fn special_bits(block: &[u8; 64]) -> u64 {
    let lanes = load(block);
    let control = _mm512_cmple_epu8_mask(lanes, _mm512_set1_epi8(0x1f));
    control | is(lanes, b'"') | is(lanes, b'\\') | is(lanes, b',')
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn space_bits(block: &[u8; 64]) -> u64 {
    let lanes = load(block);
    let since_tab = _mm512_sub_epi8(lanes, _mm512_set1_epi8(b'\t'.cast_signed()));
    let up_to_return = _mm512_cmple_epu8_mask(since_tab, _mm512_set1_epi8(4));
    up_to_return | is(lanes, b' ')
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
fn number_bits(block: &[u8; 64]) -> NumberBits {
    let lanes = load(block);
    let values = _mm512_sub_epi8(lanes, _mm512_set1_epi8(b'0'.cast_signed()));
    let digits = _mm512_cmple_epu8_mask(values, _mm512_set1_epi8(9));
    NumberBits { separators: is(lanes, b'-') | is(lanes, b' '), digits: digits | is(lanes, b'*') }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,lzcnt,popcnt")]
fn last_blocks<'a>(endings: impl Iterator<Item = Ending<'a>>, blocks: &mut Blocks) {
    const LAST_EIGHT: u8 = 1 << 7;
    for (Block(block), ending) in blocks.iter_mut().zip(endings) {
        let (before, length) = ending.before;
        let kept = number_bits(ending.text.0).kept(ending.text.1);
        let bits = ending.bits(kept.count_ones()).to_be().cast_signed();
        let end = 1 << (length + kept.count_ones() as usize);
        let text = _mm512_maskz_compress_epi8(kept, load(ending.text.0));
        let lanes = _mm512_mask_expand_epi8(load(before), u64::MAX << length, text);
        let lanes = _mm512_mask_mov_epi8(lanes, end, _mm512_set1_epi8(i8::MIN));
        let lanes = _mm512_mask_set1_epi64(lanes, LAST_EIGHT, bits);
        // SAFETY: there is room for sixty-four bytes.
        unsafe { _mm512_storeu_si512(block.as_mut_ptr().cast(), lanes) };
    }
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
