//! The letters of text, without the white space between them.

use crate::simd::{Simd, Work, dispatch};

/// How many bytes are looked at, and copied, at a time.
const STEP: usize = 64;

/// Room for the letters of so many bytes of text: what is copied last may go beyond them.
pub const fn room_for(size: usize) -> usize {
    size + STEP
}

/// Copies a text without its white space; answers how many bytes that is.
///
/// There must be room for them: see `room_for`.
pub fn copy_letters(text: &[u8], room: &mut [u8]) -> usize {
    dispatch(Copying { text, room })
}

struct Copying<'a> {
    text: &'a [u8],
    room: &'a mut [u8],
}

impl Work for Copying<'_> {
    type Output = usize;

    #[inline(always)]
    fn run(self, simd: impl Simd) -> usize {
        let (mut rest, mut count) = (self.text, 0);
        while let Some((block, after)) = rest.split_first_chunk::<STEP>() {
            count += copy(block, simd.space_bits(block), &mut self.room[count..]);
            rest = after;
        }
        let mut last = [b' '; STEP];
        last[..rest.len()].copy_from_slice(rest);
        count + copy(&last, simd.space_bits(&last), &mut self.room[count..])
    }
}

/// Copies the bytes of a block that have no bit; answers how many those are.
#[inline(always)]
fn copy(block: &[u8; STEP], mut spaces: u64, room: &mut [u8]) -> usize {
    let (mut count, mut from) = (0, 0);
    while spaces != 0 {
        let to = spaces.trailing_zeros() as usize;
        room[count..count + to - from].copy_from_slice(&block[from..to]);
        count += to - from;
        from = to + 1;
        spaces &= spaces - 1;
    }
    if from == 0 {
        room[..STEP].copy_from_slice(block);
        return STEP;
    }
    room[count..count + STEP - from].copy_from_slice(&block[from..]);
    count + STEP - from
}

#[cfg(test)]
mod tests {
    use super::{copy_letters, room_for};
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
            let one_in = [2, 3, 20, 77, 1000][size % 5];
            let text: Vec<u8> = (0..size)
                .map(|_| match numbers.next() {
                    Some(number) if number % one_in == 0 => b" \t\n\r\x0b\x0c"[number / 7 % 6],
                    number => number.unwrap_or(0) as u8,
                })
                .collect();
            let is_letter = |byte: &u8| !b" \t\n\r\x0b\x0c".contains(byte);
            let expected: Vec<u8> = text.iter().copied().filter(is_letter).collect();
            let mut room = vec![0; room_for(size)];
            let count = copy_letters(&text, &mut room);
            assert_eq!(room[..count], expected);
            let count = run_portably(super::Copying { text: &text, room: &mut room });
            assert_eq!(room[..count], expected);
        }
    }
}
