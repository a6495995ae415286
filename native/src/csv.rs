//! Rows of CSV text: cells that point to where their text is, and buffers that take whole rows.

use crate::json::{Sink, push};

/// Where a cell's text is: in the batch or, beyond its end, in the scratch space. Its text is
/// quoted already if it has to be.
#[derive(Clone, Copy, Default)]
pub struct Cell {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// The texts that cells point to.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    /// The batch.
    pub data: &'a [u8],
    /// What could not be taken from the batch as it is.
    pub scratch: &'a [u8],
}

impl<'a> Texts<'a> {
    /// The text that a cell's positions count in, and those positions.
    #[inline(always)]
    pub fn locate(&self, cell: Cell) -> (&'a [u8], usize, usize) {
        match cell.start.checked_sub(self.data.len()) {
            Some(start) if cell.end > cell.start => {
                (self.scratch, start, cell.end - self.data.len())
            }
            _ => (self.data, cell.start, cell.end),
        }
    }

    /// A cell's text.
    pub fn text(&self, cell: Cell) -> &'a [u8] {
        let (text, start, end) = self.locate(cell);
        &text[start..end]
    }
}

const CHUNK: usize = 16;

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

    /// Cuts the text off.
    pub fn truncate(&mut self, length: usize) {
        self.length = length;
    }

    /// Appends to the text.
    #[inline(always)]
    pub fn push(&mut self, text: &[u8]) {
        let end = self.length + text.len();
        if self.bytes.len() < end + CHUNK {
            self.bytes.resize(2 * (end + CHUNK), 0);
        }
        self.bytes[self.length..end].copy_from_slice(text);
        self.length = end;
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

/// A table's rows.
#[derive(Default)]
pub struct Output {
    /// Rows up to `length`, then room.
    buffer: Vec<u8>,
    length: usize,
    /// The end of each row.
    ends: Vec<usize>,
    /// Up to which row there are only so many columns.
    narrow: Vec<(usize, usize)>,
}

impl Output {
    /// Forgets all rows.
    pub fn clear(&mut self) {
        self.length = 0;
        self.ends.clear();
        self.narrow.clear();
    }

    /// The rows so far and their ends.
    pub fn rows(&self) -> (&[u8], &[usize]) {
        (&self.buffer[..self.length], &self.ends)
    }

    /// Appends a byte.
    #[inline(always)]
    pub fn byte(&mut self, byte: u8) {
        if let Some(slot) = self.buffer.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        } else {
            self.append(&[byte]);
        }
    }

    /// Appends `text[start..end]`.
    #[inline(always)]
    pub fn part(&mut self, text: &[u8], start: usize, end: usize) {
        // Most are short: copying a fixed number of bytes, some of them in vain, is faster.
        let source = text.get(start..).and_then(<[u8]>::first_chunk::<CHUNK>);
        let room = self.buffer.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut::<CHUNK>);
        match (source, room) {
            (Some(source), Some(room)) if end - start <= CHUNK => {
                *room = *source;
                self.length += end - start;
            }
            _ => self.long_part(text, start, end),
        }
    }

    fn long_part(&mut self, text: &[u8], start: usize, end: usize) {
        let length = end - start;
        let rounded = length.next_multiple_of(CHUNK);
        let source = text.get(start..start + rounded);
        let room = self.buffer.get_mut(self.length..self.length + rounded);
        match (source, room) {
            (Some(source), Some(room)) if length <= 4 * CHUNK => {
                for (room, source) in room.chunks_exact_mut(CHUNK).zip(source.chunks_exact(CHUNK)) {
                    room.copy_from_slice(source);
                }
                self.length += length;
            }
            _ => self.append(&text[start..end]),
        }
    }

    /// Appends the first bytes of a short text.
    #[inline(always)]
    pub fn head(&mut self, tail: &Tail, length: usize) {
        self.part(&tail.bytes, 0, length);
    }

    /// Appends a text of any length.
    pub fn append(&mut self, text: &[u8]) {
        let end = self.length + text.len();
        if self.buffer.len() < end + CHUNK {
            self.buffer.resize((end + CHUNK).max(4096).next_power_of_two(), 0);
        }
        self.buffer[self.length..end].copy_from_slice(text);
        self.length = end;
    }

    /// Ends a row.
    #[inline(always)]
    pub fn end_row(&mut self, line_end: &[u8]) {
        for &byte in line_end {
            self.byte(byte);
        }
        self.ends.push(self.length);
    }

    /// Notes that all rows so far have only `columns` columns.
    pub fn widen(&mut self, columns: usize) {
        let rows = self.ends.len();
        if rows > self.narrow.last().map_or(0, |&(rows, _)| rows) {
            self.narrow.push((rows, columns));
        }
    }

    /// Fills all rows up with empty cells to `columns` columns.
    pub fn fill_up(&mut self, columns: usize, line_end: &[u8]) {
        if self.narrow.is_empty() {
            return;
        }
        self.narrow.push((self.ends.len(), columns));
        let mut filled = Self::default();
        let mut row = 0;
        let mut start = 0;
        for &(until, width) in &self.narrow {
            while row < until {
                let end = self.ends[row];
                filled.append(&self.buffer[start..end - line_end.len()]);
                for _ in width..columns {
                    filled.byte(b',');
                }
                filled.end_row(line_end);
                (row, start) = (row + 1, end);
            }
        }
        *self = filled;
    }
}

/// Writes a string's content as a cell.
pub struct CellText<'a> {
    scratch: &'a mut Vec<u8>,
    start: usize,
    quoted: bool,
}

impl<'a> CellText<'a> {
    /// A cell at the end of the scratch space.
    pub fn new(scratch: &'a mut Vec<u8>) -> Self {
        let start = scratch.len();
        scratch.push(b'"');
        Self { scratch, start, quoted: false }
    }

    /// Where the whole cell is in the scratch space.
    pub fn finish(self) -> (usize, usize) {
        if self.quoted {
            self.scratch.push(b'"');
            (self.start, self.scratch.len())
        } else {
            (self.start + 1, self.scratch.len())
        }
    }
}

impl Sink for CellText<'_> {
    fn text(&mut self, text: &[u8], comma: bool) {
        self.quoted |= comma;
        self.scratch.extend_from_slice(text);
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.scratch.extend_from_slice(b"\"\""),
            '\0' => push(self.scratch, char::REPLACEMENT_CHARACTER),
            _ => push(self.scratch, character),
        }
        self.quoted |= matches!(character, '"' | ',' | '\r' | '\n');
    }
}

/// Writes a string's content as compact JSON text within a quoted cell.
pub struct ListText<'a>(pub &'a mut Vec<u8>);

impl Sink for ListText<'_> {
    fn text(&mut self, text: &[u8], _comma: bool) {
        self.0.extend_from_slice(text);
    }

    fn character(&mut self, character: char) {
        let escaped: &[u8] = match character {
            // A backslash, and the quote twice, because the cell is quoted.
            '"' => b"\\\"\"",
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\u{c}' => b"\\f",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '\t' => b"\\t",
            '\0'..'\u{20}' => {
                let code = format!("\\u{:04x}", u32::from(character));
                return self.0.extend_from_slice(code.as_bytes());
            }
            _ => return push(self.0, character),
        };
        self.0.extend_from_slice(escaped);
    }
}
