//! The letters of text, without the white space between them.

use crate::simd::{Simd, Work, dispatch};

/// How many bytes are looked at, and copied, at a time.
const STEP: usize = 64;
/// Bytes that a buffer of text, or of letters, has more than there are: whole steps are copied.
pub const SPARE: usize = 2 * STEP;
/// With more white space than this in a step, its letters are copied one by one.
const MANY: u32 = 6;

/// Copies the first `size` bytes of a text without its white space; answers how many that gives.
///
/// `text` and `room` are longer, by `SPARE` at least.
pub fn copy_letters(text: &[u8], size: usize, room: &mut [u8]) -> usize {
    dispatch(Copying { text, size, room })
}

struct Copying<'a> {
    text: &'a [u8],
    size: usize,
    room: &'a mut [u8],
}

impl Work for Copying<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self, simd: impl Simd) -> usize {
        let (mut count, mut at) = (0, 0);
        while let Some(block) = self.text[at..].first_chunk::<STEP>().filter(|_| at < self.size) {
            let beyond = (at + STEP).saturating_sub(self.size) as u32;
            let spaces = simd.space_bits(block) | !(u64::MAX >> beyond);
            let room = &mut self.room[count..];
            count += if spaces.count_ones() > MANY {
                copy_each(block, !spaces, room)
            } else {
                copy_runs(&self.text[at..], spaces, room)
            };
            at += STEP;
        }
        count
    }
}

/// Copies what is between the white space in the first step of a text; answers how many bytes.
#[inline(always)]
fn copy_runs(text: &[u8], mut spaces: u64, room: &mut [u8]) -> usize {
    let (mut count, mut from) = (0, 0);
    while spaces != 0 {
        copy_step(&text[from..], &mut room[count..]);
        let to = spaces.trailing_zeros() as usize;
        count += to - from;
        from = to + 1;
        spaces &= spaces - 1;
    }
    copy_step(&text[from..], &mut room[count..]);
    count + STEP - from
}

/// As much as may be of use is copied, as it is quicker to copy too much.
#[inline(always)]
fn copy_step(text: &[u8], room: &mut [u8]) {
    if let (Some(text), Some(room)) = (text.first_chunk::<STEP>(), room.first_chunk_mut::<STEP>()) {
        *room = *text;
    }
}

/// Copies the bytes that have a bit; answers how many those are.
#[inline(always)]
fn copy_each(block: &[u8; STEP], letters: u64, room: &mut [u8]) -> usize {
    let mut count = 0;
    if let Some(room) = room.first_chunk_mut::<STEP>() {
        for (place, &byte) in block.iter().enumerate() {
            room[count % STEP] = byte;
            count += (letters >> place & 1) as usize;
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{SPARE, copy_letters};
    use crate::simd::run_portably;

    /// A sequence that looks random.
    fn numbers() -> impl Iterator<Item = usize> {
        let mut state = 1_u64;
        std::iter::repeat_with(move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize
        })
    }

    #[test]
    fn what_is_no_white_space_is_copied() {
        let mut numbers = numbers();
        for size in 0..400 {
            let one_in = [1, 2, 3, 20, 77, 1000][size % 6];
            let text: Vec<u8> = (0..size)
                .map(|_| match numbers.next() {
                    Some(number) if number % one_in == 0 => b" \t\n\r\x0b\x0c"[number / 7 % 6],
                    number => number.unwrap_or(0) as u8,
                })
                .collect();
            let is_letter = |byte: &u8| !b" \t\n\r\x0b\x0c".contains(byte);
            let expected: Vec<u8> = text.iter().copied().filter(is_letter).collect();
            let text = [text, vec![b'x'; SPARE]].concat();
            let mut room = vec![0; size + SPARE];
            let count = copy_letters(&text, size, &mut room);
            assert_eq!(room[..count], expected);
            let count = run_portably(super::Copying { text: &text, size, room: &mut room });
            assert_eq!(room[..count], expected);
        }
    }
}
