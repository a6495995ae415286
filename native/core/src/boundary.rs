//! Where values end, by brackets and strings alone.
//!
//! Nothing is checked: whoever parses a value sees what is wrong with it.

use memchr::memchr_iter;

use crate::json::{byte_at, scan_string};
use crate::simd::{BracketBits, Portable, Simd};

/// Start and end (exclusive) of a stretch of bytes.
pub type Span = (usize, usize);

/// The position after the value at `start`, if it is there as a whole.
#[inline(never)]
pub fn value_end(data: &[u8], start: usize) -> Option<usize> {
    end_of_value(Portable, data, start, &mut None).map(|(end, _)| end)
}

/// A container that was looked at up to the end of what there was of it.
#[derive(Clone, Copy)]
pub struct Unfinished {
    /// How much of it was looked at.
    length: usize,
    blocks: Blocks,
}

/// The position after the value at `start`, and how many commas are in it.
///
/// A container that goes on after the data leaves what is known of it: whoever has more of it then
/// does not look at its beginning again.
#[inline(always)]
pub fn end_of_value(
    simd: impl Simd,
    data: &[u8],
    start: usize,
    unfinished: &mut Option<Unfinished>,
) -> Option<(usize, usize)> {
    let end = match byte_at(data, start) {
        b'{' | b'[' => return container_end(simd, data, start, unfinished),
        b'"' => string_end(data, start)?,
        b'}' | b']' | b',' | b':' => return None,
        _ => scalar_end(data, start)?,
    };
    Some((end, memchr_iter(b',', &data[start..end]).count()))
}

/// The position after the string whose quote is at `start`.
pub fn string_end(data: &[u8], start: usize) -> Option<usize> {
    let mut at = start + 1;
    loop {
        at = scan_string(data, at).at;
        match data.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The position after the number or literal at `start`; at the end of the data it may go on.
fn scalar_end(data: &[u8], start: usize) -> Option<usize> {
    let ends = |byte: &u8| b" \t\n\r,:\"[]{}".contains(byte);
    let length = data.get(start..)?.iter().position(ends)?;
    (length > 0).then_some(start + length)
}

/// The position after the container that opens at `start`, and how many commas are in it.
#[inline(always)]
fn container_end(
    simd: impl Simd,
    data: &[u8],
    start: usize,
    unfinished: &mut Option<Unfinished>,
) -> Option<(usize, usize)> {
    let (mut blocks, mut at) = match unfinished.take() {
        Some(begun) => (begun.blocks, start + begun.length),
        None => (Blocks::default(), start),
    };
    while let Some(block) = data.get(at..)?.first_chunk() {
        match blocks.next(simd.bracket_bits(block)) {
            Step::GoesOn => at += block.len(),
            Step::EndsAt(length) => return Some((at + length, blocks.commas)),
            Step::Odd => return None,
        }
    }
    let begun = Unfinished { length: at - start, blocks };
    let rest = &data[at..];
    let mut block = [b' '; 64];
    block[..rest.len()].copy_from_slice(rest);
    match blocks.next(simd.bracket_bits(&block)) {
        Step::EndsAt(length) => Some((at + length, blocks.commas)),
        Step::GoesOn => {
            *unfinished = Some(begun);
            None
        }
        Step::Odd => None,
    }
}

/// What a block does to a container.
enum Step {
    /// The container goes on in the next one.
    GoesOn,
    /// It ends before that position in the block.
    EndsAt(usize),
    /// There is a backslash outside of strings: the container is malformed.
    Odd,
}

/// What is known of a container between two blocks of 64 bytes.
#[derive(Clone, Copy, Default)]
struct Blocks {
    /// Containers that are open.
    depth: i64,
    strings: Strings,
    /// Commas so far, those in strings as well.
    commas: usize,
}

impl Blocks {
    /// Takes the next block.
    #[inline(always)]
    fn next(&mut self, found: BracketBits) -> Step {
        let strings = self.strings.next(&found);
        let odd = found.backslashes & !strings;
        let opens = found.opens & !strings;
        let mut closes = found.closes & !strings;
        let closed = i64::from(closes.count_ones());
        if closed >= self.depth {
            let mut before = self.depth;
            while closes != 0 {
                let at = closes.trailing_zeros();
                let up_to_it = (1 << at) - 1;
                let opened = i64::from((opens & up_to_it).count_ones());
                if before + opened == 1 {
                    let is_odd = odd & up_to_it != 0;
                    self.commas += (found.commas & up_to_it).count_ones() as usize;
                    return if is_odd { Step::Odd } else { Step::EndsAt(at as usize + 1) };
                }
                before -= 1;
                closes &= closes - 1;
            }
        }
        self.depth += i64::from(opens.count_ones()) - closed;
        self.commas += found.commas.count_ones() as usize;
        if odd == 0 { Step::GoesOn } else { Step::Odd }
    }
}

/// What is known of strings between two blocks of 64 bytes.
#[derive(Clone, Copy, Default)]
pub struct Strings {
    /// All bits set within a string.
    in_string: u64,
    /// The lowest bit is set when the next byte is escaped.
    escaped: u64,
}

impl Strings {
    /// Takes the next block: which of its bytes are in strings, opening quotes included.
    #[inline(always)]
    pub fn next(&mut self, found: &BracketBits) -> u64 {
        let quotes = found.quotes & !self.escaped_in(found.backslashes);
        let strings = up_to_each(quotes) ^ self.in_string;
        self.in_string = if strings >> 63 == 1 { u64::MAX } else { 0 };
        strings
    }

    /// Which bytes of a block come after a backslash that is not itself escaped.
    #[inline(always)]
    fn escaped_in(&mut self, backslashes: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        if backslashes == 0 {
            return std::mem::take(&mut self.escaped);
        }
        // A run of backslashes escapes the byte after it if its length is odd: adding the bits of
        // runs that begin at odd places to all runs moves their ends to the other kind of place.
        let backslashes = backslashes & !self.escaped;
        let follows = backslashes << 1 | self.escaped;
        let odd_starts = backslashes & !EVEN & !follows;
        let (even_runs, carry) = odd_starts.overflowing_add(backslashes);
        self.escaped = u64::from(carry);
        (EVEN ^ (even_runs << 1)) & follows
    }
}

/// Each bit is the parity of the bits up to it: set from an opening quote up to the closing one.
#[inline(always)]
fn up_to_each(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::value_end;

    /// The same answer, one byte after the other.
    fn slow_end(data: &[u8]) -> Option<usize> {
        let (mut depth, mut in_string, mut escaped) = (0, false, false);
        for (at, &byte) in data.iter().enumerate() {
            if in_string {
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    #[test]
    fn containers_end_where_a_simple_loop_says() {
        // Backslashes only within strings: elsewhere the text is malformed and any end will do.
        let pieces = ["{", "}", "[", "]", "\"\"", "\"\\\\\"", "\"\\\"]\"", "1,", "\"a\\\\\\\"}\""];
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut text = String::from("[");
            for _ in 0..60 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.push_str(pieces[(state >> 33) as usize % pieces.len()]);
            }
            assert_eq!(value_end(text.as_bytes(), 0), slow_end(text.as_bytes()), "{text}");
        }
    }
}
