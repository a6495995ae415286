//! The last blocks of texts, for digests: what counts of a text, padded (FIPS 180-4, 5.1.1).

use wide::u8x16;

use super::lanes::{WIDTH, bits, is, load};
use super::vector::{BLOCK, Ending, NumberBits};

/// Finds the bytes by which a text is a number, or is not.
#[inline(always)]
fn number_bits<const N: usize>(bytes: &[u8; N]) -> NumberBits {
    let mut found = NumberBits { separators: 0, digits: 0 };
    for at in (0..N).step_by(WIDTH) {
        let lanes = load(bytes, at);
        let values = lanes - u8x16::splat(b'0');
        let nine = u8x16::splat(9);
        let digits = values.max(nine).cmp_eq(nine) | is(lanes, b'*');
        found.separators |= u64::from(bits(is(lanes, b'-') | is(lanes, b' '))) << at;
        found.digits |= u64::from(bits(digits)) << at;
    }
    found
}

/// Makes the last block of a text; of one that is a vector at most, `side_by_side` has what counts.
#[inline(always)]
pub fn end_block(
    ending: &Ending,
    block: &mut [u8; BLOCK],
    side_by_side: impl Fn(&[u8; WIDTH], u64) -> u128,
) {
    let (text, length) = ending.text;
    let (before, begun) = ending.before;
    let end;
    if let (Some(text), true) = (text.first_chunk(), length <= WIDTH && begun <= BLOCK - WIDTH) {
        let kept = number_bits(text).kept(length);
        let text = side_by_side(text, kept);
        *block = *before;
        // In two halves, as they are in two registers.
        block[begun..][..8].copy_from_slice(&(text as u64).to_le_bytes());
        block[begun + 8..][..8].copy_from_slice(&((text >> 64) as u64).to_le_bytes());
        end = begun + kept.count_ones() as usize;
    } else {
        let (text, kept) = kept_of_block(text, length);
        let mut bytes = [0; 2 * BLOCK];
        bytes[..BLOCK].copy_from_slice(before);
        bytes[begun..][..BLOCK].copy_from_slice(&text);
        end = begun + kept;
        *block = beginning(bytes.first_chunk().unwrap_or(before), end);
    }
    block[end] = 0x80;
    let bits = ending.bits((end - begun) as u32);
    block[BLOCK - 8..].copy_from_slice(&bits.to_be_bytes());
}

/// The bytes that count, the first one lowest, and zeros.
///
/// They stay in registers: to read at once what was put into memory in pieces takes longer than all
/// else.
#[inline(always)]
pub fn side_by_side(text: &[u8; WIDTH], kept: u64) -> u128 {
    let length = kept.checked_ilog2().map_or(0, |last| last + 1);
    let mut text = u128::from_le_bytes(*text) & below(length);
    let mut others = ((1 << length) - 1) & !kept;
    // The last ones first, so that the ones before stay where they are.
    while let Some(at) = others.checked_ilog2() {
        let before = below(at);
        text = text & before | text >> 8 & !before;
        others ^= 1 << at;
    }
    text
}

/// All bits of so many bytes.
#[inline(always)]
fn below(bytes: u32) -> u128 {
    u128::MAX.checked_shr(u128::BITS - 8 * bytes).unwrap_or_default()
}

/// What counts of a text of so many bytes, how many they are, and anything.
#[inline(always)]
fn kept_of_block(text: &[u8; BLOCK], length: usize) -> ([u8; BLOCK], usize) {
    /// A block, and what is copied in vain after it.
    const ROOM: usize = 2 * BLOCK;
    let mut given = [0; ROOM];
    given[..BLOCK].copy_from_slice(text);
    let mut kept = number_bits(text).kept(length);
    let mut bytes = [0; ROOM];
    let mut end = 0;
    // Each run of bytes between separators, and what comes after it.
    while kept != 0 {
        let start = kept.trailing_zeros() as usize;
        let run = (!(kept >> start)).trailing_zeros() as usize;
        bytes[end..][..BLOCK].copy_from_slice(&given[start..][..BLOCK]);
        end += run;
        kept &= !(((1 << run) - 1) << start);
    }
    (*bytes.first_chunk().unwrap_or(text), end)
}

/// So many of the bytes, and zeros.
#[inline(always)]
pub fn beginning(bytes: &[u8; BLOCK], length: usize) -> [u8; BLOCK] {
    /// As many ones as there may be, and zeros.
    const ONES: [u8; 2 * BLOCK] = {
        let mut ones = [0; 2 * BLOCK];
        let mut at = 0;
        while at < BLOCK {
            ones[at] = u8::MAX;
            at += 1;
        }
        ones
    };
    let ones = &ONES[BLOCK - length..][..BLOCK];
    let mut text = [0; BLOCK];
    for (byte, (&given, &one)) in text.iter_mut().zip(bytes.iter().zip(ones)) {
        *byte = given & one;
    }
    text
}
