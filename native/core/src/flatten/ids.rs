//! The ids that rows begin with.

use super::cell::LARGE;

/// Most texts are short: copying a fixed number of bytes, some of them in vain, is faster.
pub const CHUNK: usize = 32;

/// A short text that changes at its end, such as the id of the row at hand.
pub struct Tail {
    /// The text, and at least `CHUNK` bytes after it, so that it is copied fast.
    bytes: Vec<u8>,
    length: usize,
}

impl Tail {
    /// No text.
    pub fn new() -> Self {
        Self { bytes: vec![0; 4 * CHUNK], length: 0 }
    }

    /// How long the text is.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The text.
    pub fn text(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The first bytes of the text, and some after a shorter one.
    pub fn first_chunk(&self) -> Option<&[u8; CHUNK]> {
        self.bytes.first_chunk()
    }

    /// Cuts the text off.
    pub fn truncate(&mut self, length: usize) {
        self.length = length;
    }

    /// Forgets the text, and the memory of a long one.
    pub fn clear(&mut self) {
        if self.bytes.len() > LARGE {
            *self = Self::new();
        }
        self.length = 0;
    }

    /// Appends to the text.
    #[inline(always)]
    pub fn push(&mut self, text: &[u8]) {
        let end = self.length + text.len();
        if self.bytes.len() < end + CHUNK {
            self.bytes.resize(end + CHUNK + end.min(LARGE), 0);
        }
        self.bytes[self.length..end].copy_from_slice(text);
        self.length = end;
    }

    /// Adds one to the number whose digits the text has from `start` on.
    #[inline(always)]
    pub fn count_up(&mut self, start: usize) {
        for digit in self.bytes[start..self.length].iter_mut().rev() {
            if *digit < b'9' {
                *digit += 1;
                return;
            }
            *digit = b'0';
        }
        self.push(b"0");
        self.bytes[start] = b'1';
    }

    /// Appends a number's digits.
    #[inline(always)]
    pub fn push_number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut at = digits.len();
        let mut rest = number;
        loop {
            at -= 1;
            digits[at] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        self.push(&digits[at..]);
    }
}

/// What every row begins with.
pub struct Ids<'a> {
    /// The id of the record that the row is from.
    pub record: &'a Tail,
    /// The row's own, which begins with its parent's.
    pub row: &'a Tail,
    /// How long the parent's is, 0 for a row without a parent.
    pub parent: usize,
    /// Whether these texts are in quotes: then those of the rows begin with one, but do not end so.
    pub marks_text: bool,
}

impl<'a> Ids<'a> {
    /// The parent's id, empty for a row without a parent.
    pub fn parent(&self) -> &'a [u8] {
        &self.row.text()[..self.parent]
    }

    /// What comes after an id of a row.
    #[inline(always)]
    pub fn row_end(&self) -> &'static [u8] {
        if self.marks_text { b"\"" } else { b"" }
    }
}
