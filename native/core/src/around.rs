//! The text before and after the records of a file, read and checked and not held.

use crate::input::{Failure, Input, Place};
use crate::strict::{Juncture, Stop, StrictText};

/// Reads text around records, from a place in it on.
pub struct AroundReader {
    input: Input,
    strict: StrictText,
    /// What was read, up to `end`; what is before `at` was checked.
    text: Vec<u8>,
    at: usize,
    end: usize,
    /// The offset of that text in the file.
    offset: u64,
    /// How many bytes to read at a time.
    chunk: usize,
    /// More text than this is not held for the sake of one token.
    most_held: usize,
    ended: bool,
}

impl AroundReader {
    /// Begins with `head`, which is at an offset of the file; what comes after it is read from
    /// `input`.
    pub fn new(
        input: Input,
        strict: StrictText,
        head: &[u8],
        offset: u64,
        chunk: usize,
        most_held: usize,
    ) -> Self {
        let (text, end) = (head.to_vec(), head.len());
        Self { input, strict, text, at: 0, end, offset, chunk, most_held, ended: false }
    }

    /// Reads on for about so many bytes; whether there is more to read on.
    ///
    /// Where there is not, the records begin, the text has ended, or what comes next is for the
    /// caller to look at: see `juncture`.
    pub fn read_on(&mut self, most: usize) -> Result<bool, Failure> {
        let start = self.reached();
        loop {
            let (at, stop) = self.strict.read(&self.text[..self.end], self.at, self.ended);
            self.at = at;
            if stop != Stop::Cut || self.end - at > self.most_held {
                return Ok(false);
            }
            match self.fill() {
                // Whoever reads the file again finds out why.
                Err(Failure::Unreadable) => return Ok(false),
                filled => filled?,
            }
            if self.reached() - start >= most as u64 {
                return Ok(true);
            }
        }
    }

    /// Reads on; what is to be read once more comes first.
    fn fill(&mut self) -> Result<(), Failure> {
        let rest = self.end - self.at;
        let left = self.input.left().unwrap_or(u64::MAX);
        let size = self.chunk.max(rest / 2).min(usize::try_from(left).unwrap_or(usize::MAX));
        // Whole blocks of ciphertext, of which the last is longer than its text.
        let room = size.next_multiple_of(16);
        self.text.copy_within(self.at..self.end, 0);
        self.offset += self.at as u64;
        (self.at, self.end) = (0, rest);
        if self.text.len() < rest + room {
            self.text.resize(rest + room, 0);
        }
        let count = self.input.read(&mut self.text[rest..rest + room])?;
        self.end += count;
        self.ended = count == 0;
        Ok(())
    }

    /// The offset up to which the text was checked.
    pub fn reached(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// The juncture up to which it has read.
    pub fn juncture(&self) -> &Juncture {
        self.strict.juncture()
    }

    /// From where on can be read what comes after that, if the file is base64 or hex text.
    pub fn next_place(&self) -> Option<Place> {
        self.input.place()
    }

    /// The offset of the juncture, and what was read from there on, if it is there as a whole.
    pub fn rest(&self) -> (u64, Vec<u8>) {
        match self.strict.within() {
            0 => (self.reached(), [&self.text[self.at..self.end], self.input.unread()].concat()),
            // The beginning of a long string: it was not held.
            within => (self.reached() - within as u64, Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AroundReader;
    use crate::input::{Cause, Input, PullText, PulledText};
    use crate::strict::{Expect, Juncture, StrictText};

    /// Gives a text so many bytes at a time.
    struct Pieces(&'static [u8], usize);

    impl PullText for Pieces {
        fn pull(&mut self) -> Result<Vec<u8>, Cause> {
            let (piece, rest) = self.0.split_at(self.1.min(self.0.len()));
            self.0 = rest;
            Ok(piece.to_vec())
        }
    }

    const MOST_HELD: usize = 40;

    fn reader(text: &'static [u8], head: usize, piece: usize, chunk: usize) -> AroundReader {
        let (head, rest) = text.split_at(head);
        let input = Input::Pulled(PulledText::new(Pieces(rest, piece)));
        let start = Juncture { open: b"{".to_vec(), expect: Expect::CommaOrClose, entered: 0 };
        let strict = StrictText::new(start, Vec::new(), 9, 1000);
        AroundReader::new(input, strict, head, 100, chunk, MOST_HELD)
    }

    fn end_of(mut reader: AroundReader) -> Option<(u64, Vec<u8>, Expect)> {
        while reader.read_on(3).ok()? {}
        let (offset, rest) = reader.rest();
        assert!(reader.text.len() < 3 * MOST_HELD, "no more was held");
        Some((offset, rest, reader.juncture().expect))
    }

    #[test]
    fn it_stops_at_the_same_place_however_much_is_read_at_a_time() {
        let text = br#", "a": [1, "23456789012345678901234567890123456789012345678901"], "b"; 1}"#;
        for head in [0, 1, 9, 20, text.len()] {
            for piece in [1, 2, 7, 100] {
                for chunk in [1, 16, 50] {
                    let (offset, rest, expect) = end_of(reader(text, head, piece, chunk))
                        .unwrap_or((0, Vec::new(), Expect::Nothing));
                    assert_eq!((offset, expect), (169, Expect::Colon));
                    assert!(b"; 1}".starts_with(&rest));
                }
            }
        }
        let sound = br#", "a": [1, "234567890"]}   "#;
        let end = end_of(reader(sound, 2, 3, 5));
        assert_eq!(end, Some((100 + sound.len() as u64, Vec::new(), Expect::Nothing)));
    }

    #[test]
    fn a_long_string_is_read_again_from_its_start_if_it_is_flawed() {
        let text = b", \"a\": \"12345678901234567890123456789012345678901234567890\x01\"}";
        assert_eq!(end_of(reader(text, 4, 7, 8)), Some((107, Vec::new(), Expect::Value)));
    }

    #[test]
    fn no_more_is_held_for_one_token() {
        let text = b", \"a\": 123456789012345678901234567890123456789012345678901234567890}";
        let (offset, rest, expect) =
            end_of(reader(text, 4, 7, 8)).unwrap_or((0, Vec::new(), Expect::Nothing));
        assert_eq!((offset, expect), (107, Expect::Value));
        assert!(rest.len() > MOST_HELD && text[7..].starts_with(&rest));
    }
}
