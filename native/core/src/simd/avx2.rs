//! What the level of AVX2 has beyond what is compiled for it: what takes instructions by their name.
#![expect(unsafe_code, reason = "as in `avx512.rs`")]

use std::arch::x86_64::{_mm_cvtsi128_si64, _mm_set_epi64x, _mm_shuffle_epi8, _mm_unpackhi_epi64};

use super::endings::end_block;
use super::lanes::WIDTH;
use super::level::Level;
use super::processor::has_avx2;
use super::sha_ni;
use super::vector::{Block, Blocks, Ending, Half, Words};

/// Makes the last blocks of texts, or gives these back where the processor cannot, or may not.
#[inline(always)]
pub fn last_blocks<'a, E: Iterator<Item = Ending<'a>>>(
    endings: E,
    blocks: &mut Blocks,
) -> Result<(), E> {
    if Level::in_use() == Level::Any || !has_avx2() {
        return Err(endings);
    }
    // SAFETY: the processor has all that the function is compiled for.
    unsafe { last_blocks_here(endings, blocks) };
    Ok(())
}

/// The first halves of keyed digests, or None where the processor cannot make them, or may not.
#[inline]
pub fn keyed_halves(inner: &Words, outer: &Words, blocks: &Blocks) -> Option<Half> {
    if Level::in_use() == Level::Any { None } else { sha_ni::keyed_halves(inner, outer, blocks) }
}

#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn last_blocks_here<'a>(endings: impl Iterator<Item = Ending<'a>>, blocks: &mut Blocks) {
    for (Block(block), ending) in blocks.iter_mut().zip(endings) {
        end_block(&ending, block, |text, kept| side_by_side(text, kept));
    }
}

/// For each set of eight bytes, its bytes side by side, and then ones that there are not.
const SIDE_BY_SIDE: [u64; 256] = {
    let mut all = [u64::MAX; 256];
    let mut set = 0;
    while set < all.len() {
        let (mut byte, mut place) = (0, 0);
        while byte < 8 {
            if set >> byte & 1 == 1 {
                all[set] ^= (0xff ^ byte) << (8 * place);
                place += 1;
            }
            byte += 1;
        }
        set += 1;
    }
    all
};

/// The bytes that count, the first one lowest, and zeros.
#[inline]
#[target_feature(enable = "avx2,bmi1,bmi2,lzcnt,popcnt")]
fn side_by_side(text: &[u8; WIDTH], kept: u64) -> u128 {
    const EIGHT: u64 = 0x0808_0808_0808_0808;
    let (low, high) = (kept as u8, (kept >> 8) as u8);
    let places = _mm_set_epi64x(
        (SIDE_BY_SIDE[usize::from(high)] | EIGHT) as i64,
        SIDE_BY_SIDE[usize::from(low)] as i64,
    );
    let bits = u128::from_le_bytes(*text);
    let text = _mm_set_epi64x((bits >> 64) as i64, bits as i64);
    let halves = _mm_shuffle_epi8(text, places);
    let first = _mm_cvtsi128_si64(halves) as u64;
    let last = _mm_cvtsi128_si64(_mm_unpackhi_epi64(halves, halves)) as u64;
    u128::from(first) | u128::from(last) << (8 * low.count_ones())
}

#[cfg(test)]
mod tests {
    use super::{WIDTH, has_avx2, side_by_side};

    #[test]
    fn bytes_that_count_are_side_by_side() {
        if !has_avx2() {
            return;
        }
        let text: [u8; WIDTH] = std::array::from_fn(|place| b'a' + place as u8);
        for kept in 0..=u16::MAX {
            let mut expected: Vec<u8> = (0..WIDTH)
                .filter(|place| kept >> place & 1 == 1)
                .map(|place| text[place])
                .collect();
            expected.resize(WIDTH, 0);
            // SAFETY: the processor was asked.
            let found = unsafe { side_by_side(&text, kept.into()) };
            assert_eq!(found.to_le_bytes(), *expected);
        }
    }
}
