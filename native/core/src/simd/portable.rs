//! Questions that are answered with vectors of sixteen bytes, on any processor.

use multiversion::multiversion;
use sha2::block_api::compress256;
use wide::u8x16;

#[cfg(has_x86_vectors)]
use super::avx2;
use super::endings::{end_block, side_by_side};
use super::lanes::{WIDTH, bits, is, load};
use super::vector::{
    BLOCK, Block, Blocks, BracketBits, DIGEST, Ending, Half, LANES, Simd, Words, Work,
};

/// Does work on any processor.
///
/// It is compiled twice: counting bits takes half of its time on processors without `popcnt`.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
pub fn run_portably<W: Work>(work: W) -> W::Output {
    work.run(Portable)
}

/// Does work as a processor does it that has nothing beyond the rest.
#[inline(never)]
pub fn run_anywhere<W: Work>(work: W) -> W::Output {
    work.run(Portable)
}

/// Vectors for any processor.
#[derive(Clone, Copy)]
pub struct Portable;

impl Simd for Portable {
    #[inline(always)]
    fn bracket_bits(self, block: &[u8; 64]) -> BracketBits {
        let mut found = BracketBits::default();
        for at in [0, 16, 32, 48] {
            let lanes = load(block, at);
            // `[` and `{`, and so `]` and `}`, differ in this bit alone.
            let folded = lanes | u8x16::splat(0x20);
            found.quotes |= u64::from(bits(is(lanes, b'"'))) << at;
            found.backslashes |= u64::from(bits(is(lanes, b'\\'))) << at;
            found.opens |= u64::from(bits(is(folded, b'{'))) << at;
            found.closes |= u64::from(bits(is(folded, b'}'))) << at;
            found.commas |= u64::from(bits(is(lanes, b','))) << at;
        }
        found
    }

    #[inline(always)]
    fn special_bits(self, block: &[u8; 64]) -> u64 {
        let mut found = 0;
        for at in [0, 16, 32, 48] {
            let lanes = load(block, at);
            let last_control = u8x16::splat(0x1f);
            let control = lanes.max(last_control).cmp_eq(last_control);
            let special = control | is(lanes, b'"') | is(lanes, b'\\') | is(lanes, b',');
            found |= u64::from(bits(special)) << at;
        }
        found
    }

    #[inline(always)]
    fn space_bits(self, block: &[u8; 64]) -> u64 {
        let mut found = 0;
        for at in [0, 16, 32, 48] {
            let lanes = load(block, at);
            let since_tab = lanes - u8x16::splat(b'\t');
            let four = u8x16::splat(4);
            let up_to_return = since_tab.max(four).cmp_eq(four);
            found |= u64::from(bits(up_to_return | is(lanes, b' '))) << at;
        }
        found
    }

    #[inline(always)]
    fn last_blocks<'a>(self, endings: impl Iterator<Item = Ending<'a>>, blocks: &mut Blocks) {
        #[cfg(has_x86_vectors)]
        let endings = match avx2::last_blocks(endings, blocks) {
            Ok(()) => return,
            Err(endings) => endings,
        };
        for (Block(block), ending) in blocks.iter_mut().zip(endings) {
            end_block(&ending, block, side_by_side);
        }
    }

    #[inline(always)]
    fn keyed_halves(self, inner: &Words, outer: &Words, blocks: &Blocks) -> Half {
        #[cfg(has_x86_vectors)]
        if let Some(half) = avx2::keyed_halves(inner, outer, blocks) {
            return half;
        }
        keyed_halves(inner, outer, blocks)
    }
}

/// The first halves of keyed digests, one text after the other.
pub fn keyed_halves(inner: &Words, outer: &Words, blocks: &Blocks) -> Half {
    let mut half = [[0; LANES]; 4];
    for (text, Block(block)) in blocks.iter().enumerate() {
        let mut digest = *inner;
        compress256(&mut digest, &[*block]);
        let mut last = [0; BLOCK];
        for (bytes, word) in last.chunks_exact_mut(4).zip(digest) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        last[DIGEST] = 0x80;
        last[BLOCK - 8..].copy_from_slice(&((BLOCK + DIGEST) as u64 * 8).to_be_bytes());
        digest = *outer;
        compress256(&mut digest, &[last]);
        for (lanes, word) in half.iter_mut().zip(digest) {
            lanes[text] = word;
        }
    }
    half
}

/// Whether so many of the bytes are characters of their own.
#[inline(always)]
pub fn begins_with_ascii(bytes: &[u8; BLOCK], length: usize) -> bool {
    let others = |at: usize| u64::from(bits(load(bytes, at))) << at;
    let mut all = others(0);
    if length > WIDTH {
        all |= others(16) | others(32) | others(48);
    }
    all & ((1 << length) - 1) == 0
}

/// Where the bytes are that matter inside a string.
#[derive(Clone, Copy)]
pub struct StringBits {
    /// Quotes, backslashes and control characters: what a run of plain text ends at.
    pub stops: u32,
    /// Commas, for whose sake a CSV cell has to be quoted.
    pub commas: u32,
}

/// Finds the bytes that matter inside a string.
#[inline(always)]
pub fn string_bits(bytes: &[u8; WIDTH]) -> StringBits {
    let lanes = load(bytes, 0);
    let last_control = u8x16::splat(0x1f);
    let control = lanes.max(last_control).cmp_eq(last_control);
    let stops = control | is(lanes, b'"') | is(lanes, b'\\');
    StringBits { stops: bits(stops), commas: bits(is(lanes, b',')) }
}

/// Where the digits are.
#[inline(always)]
pub fn digit_bits(bytes: &[u8; WIDTH]) -> u32 {
    let values = load(bytes, 0) - u8x16::splat(b'0');
    let nine = u8x16::splat(9);
    bits(values.max(nine).cmp_eq(nine))
}

/// Which of the bytes are equal.
#[inline(always)]
pub fn equal(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    let low = bits(load(a, 0).cmp_eq(load(b, 0)));
    let high = bits(load(a, WIDTH).cmp_eq(load(b, WIDTH)));
    low | high << WIDTH
}

#[cfg(test)]
mod tests {
    use super::{Portable, Simd, digit_bits, equal, string_bits};

    #[test]
    fn each_bit_is_right_for_every_byte() {
        for byte in 0..=u8::MAX {
            let bytes = [byte; 64];
            let all = |condition: bool| if condition { u64::MAX } else { 0 };
            let found = Portable.bracket_bits(&bytes);
            assert_eq!(found.quotes, all(byte == b'"'));
            assert_eq!(found.backslashes, all(byte == b'\\'));
            assert_eq!(found.opens, all(byte == b'{' || byte == b'['));
            assert_eq!(found.closes, all(byte == b'}' || byte == b']'));
            let found = string_bits(&[byte; 16]);
            assert_eq!(
                found.stops,
                all(byte < b' ' || byte == b'"' || byte == b'\\') as u16 as u32
            );
            assert_eq!(found.commas, all(byte == b',') as u16 as u32);
            assert_eq!(digit_bits(&[byte; 16]), all(byte.is_ascii_digit()) as u16 as u32);
            let is_special = byte < b' ' || [b'"', b'\\', b','].contains(&byte);
            assert_eq!(Portable.special_bits(&bytes), all(is_special));
            let is_space = (b'\t'..=b'\r').contains(&byte) || byte == b' ';
            assert_eq!(Portable.space_bits(&bytes), all(is_space));
        }
        let mut other = [b'x'; 32];
        other[3] = b'y';
        other[31] = b'y';
        assert_eq!(equal(&[b'x'; 32], &other), !(1 << 3 | 1 << 31));
    }
}
