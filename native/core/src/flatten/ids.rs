//! The ids that rows begin with.

use super::cell::{Cell, LARGE, Texts};
use super::links::Links;
use crate::columns::Link;

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
#[derive(Clone, Copy)]
pub struct Ids<'a> {
    /// Those that are written.
    pub links: Links,
    /// The id of the record that the row is from.
    pub record: &'a Tail,
    /// The row's own, which begins with its parent's.
    pub row: &'a Tail,
    /// How long the parent's is, 0 for a row without a parent.
    pub parent: usize,
    /// The cell of its key, empty for a row without one.
    pub key: Cell,
    /// Whether these texts are in quotes: then those of the rows begin with one, but do not end so.
    pub marks_text: bool,
}

/// The text of a link.
pub enum LinkText<'a> {
    /// The record's id.
    Record(&'a Tail),
    /// So much of a row's id, without what comes after it.
    Row(&'a Tail, usize),
    /// A key.
    Key(Cell),
}

impl LinkText<'_> {
    /// Appends the text.
    pub fn append(&self, texts: Texts, to: &mut Vec<u8>) {
        match *self {
            Self::Record(id) => to.extend_from_slice(id.text()),
            Self::Row(id, length) => {
                to.extend_from_slice(&id.text()[..length]);
                to.extend_from_slice(row_end(texts.marks_text));
            }
            Self::Key(key) => texts.append(key, to),
        }
    }
}

impl<'a> Ids<'a> {
    /// The texts of those that are written.
    pub fn written(self) -> impl Iterator<Item = LinkText<'a>> {
        [
            (Link::RecordId, LinkText::Record(self.record)),
            (Link::RowId, LinkText::Row(self.row, self.row.len())),
            (Link::ParentRowId, LinkText::Row(self.row, self.parent)),
            (Link::Key, LinkText::Key(self.key)),
        ]
        .into_iter()
        .filter_map(move |(link, text)| self.links.have(link).then_some(text))
    }

    /// What comes after an id of a row.
    #[inline(always)]
    pub fn row_end(&self) -> &'static [u8] {
        row_end(self.marks_text)
    }
}

#[inline(always)]
fn row_end(marks_text: bool) -> &'static [u8] {
    if marks_text { b"\"" } else { b"" }
}
