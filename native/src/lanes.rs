//! Questions about many bytes at once, answered with one bit for each byte.

use multiversion::multiversion;
use wide::u8x16;

const LANES: usize = 16;

/// Where the bytes are that matter inside a string.
#[derive(Clone, Copy)]
pub struct StringBits {
    /// Quotes, backslashes and control characters: what a run of plain text ends at.
    pub stops: u32,
    /// Commas, for whose sake a CSV cell has to be quoted.
    pub commas: u32,
}

/// Where the bytes are that decide where a value ends.
#[derive(Clone, Copy, Default)]
pub struct BracketBits {
    /// `"`
    pub quotes: u64,
    /// `\`
    pub backslashes: u64,
    /// `{` and `[`
    pub opens: u64,
    /// `}` and `]`
    pub closes: u64,
    /// `,`
    pub commas: u64,
}

/// The sixteen bytes from `at` on; the array is long enough.
#[inline(always)]
fn load<const N: usize>(bytes: &[u8; N], at: usize) -> u8x16 {
    let mut lanes = [0; LANES];
    lanes.copy_from_slice(&bytes[at..at + LANES]);
    u8x16::new(lanes)
}

#[inline(always)]
fn is(lanes: u8x16, byte: u8) -> u8x16 {
    lanes.cmp_eq(u8x16::splat(byte))
}

/// One bit for each lane that is all ones.
#[inline(always)]
fn bits(lanes: u8x16) -> u32 {
    lanes.move_mask() as u32
}

/// See [`StringBits`].
#[inline(always)]
pub fn string_bits(bytes: &[u8; LANES]) -> StringBits {
    let lanes = load(bytes, 0);
    let last_control = u8x16::splat(0x1f);
    let control = lanes.max(last_control).cmp_eq(last_control);
    let stops = control | is(lanes, b'"') | is(lanes, b'\\');
    StringBits { stops: bits(stops), commas: bits(is(lanes, b',')) }
}

/// Marks the bytes for which a string is not copied to a cell as it is, or ends: one bit for each
/// byte of the text, eight to a byte, and some bytes without marks after them.
pub fn mark_specials(text: &[u8], marks: &mut Vec<u8>) {
    #[cfg(has_avx512)]
    if crate::avx512::mark_specials(text, marks).is_some() {
        return;
    }
    mark_specials_anywhere(text, marks);
}

/// Does so on any processor.
#[multiversion(targets("x86_64+avx2+bmi1+bmi2+lzcnt+popcnt"))]
pub fn mark_specials_anywhere(text: &[u8], marks: &mut Vec<u8>) {
    mark_by(special_bits, text, marks);
}

/// Marks what `look` finds.
#[inline(always)]
pub fn mark_by(look: impl Fn(&[u8; 64]) -> u64, text: &[u8], marks: &mut Vec<u8>) {
    marks.clear();
    marks.reserve(text.len() / 8 + 16);
    let mut rest = text;
    while let Some((block, after)) = rest.split_first_chunk() {
        marks.extend_from_slice(&look(block).to_le_bytes());
        rest = after;
    }
    let mut block = [b' '; 64];
    block[..rest.len()].copy_from_slice(rest);
    marks.extend_from_slice(&look(&block).to_le_bytes());
    marks.extend_from_slice(&[0; 8]);
}

#[inline(always)]
fn special_bits(bytes: &[u8; 64]) -> u64 {
    let mut found = 0;
    for at in [0, 16, 32, 48] {
        let lanes = load(bytes, at);
        let last_control = u8x16::splat(0x1f);
        let control = lanes.max(last_control).cmp_eq(last_control);
        let special = control | is(lanes, b'"') | is(lanes, b'\\') | is(lanes, b',');
        found |= u64::from(bits(special)) << at;
    }
    found
}

/// Where the digits are.
#[inline(always)]
pub fn digit_bits(bytes: &[u8; LANES]) -> u32 {
    let values = load(bytes, 0) - u8x16::splat(b'0');
    let nine = u8x16::splat(9);
    bits(values.max(nine).cmp_eq(nine))
}

/// Which of the bytes are equal.
#[inline(always)]
pub fn equal(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    let low = bits(load(a, 0).cmp_eq(load(b, 0)));
    let high = bits(load(a, LANES).cmp_eq(load(b, LANES)));
    low | high << LANES
}

/// See [`BracketBits`].
#[inline(always)]
pub fn bracket_bits(bytes: &[u8; 64]) -> BracketBits {
    let mut found = BracketBits::default();
    for at in [0, 16, 32, 48] {
        let lanes = load(bytes, at);
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

#[cfg(test)]
mod tests {
    use super::{bracket_bits, digit_bits, equal, mark_specials, string_bits};

    #[test]
    fn each_bit_is_right_for_every_byte() {
        for byte in 0..=u8::MAX {
            let bytes = [byte; 64];
            let all = |condition: bool| if condition { u64::MAX } else { 0 };
            let found = bracket_bits(&bytes);
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
            let special = byte < b' ' || [b'"', b'\\', b','].contains(&byte);
            let mut marks = Vec::new();
            mark_specials(&[byte; 64], &mut marks);
            assert_eq!(marks[..8], all(special).to_le_bytes());
        }
        let mut other = [b'x'; 32];
        other[3] = b'y';
        other[31] = b'y';
        assert_eq!(equal(&[b'x'; 32], &other), !(1 << 3 | 1 << 31));
    }
}
