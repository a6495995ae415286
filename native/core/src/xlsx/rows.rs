//! Rows of one table as they lie on the disk, in CSV files in which all text is in quotes.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::PathBuf;

use memchr::{memchr, memchr2};

use super::cells::{Cells, malformed};
use super::widths::Widths;

/// How much is read at a time; only longer rows take more memory.
const READ: usize = 256 << 10;
/// From so many rows a column has its width, if as many were read at once.
const FIRST_ROWS: usize = 100;

/// The rows of a table's files, one after another.
///
/// Each file begins with the same header, and its rows end with LF. What is not so is told as
/// `InvalidData`; all else that goes wrong is as the file system says it.
pub struct TableRows {
    header: Vec<u8>,
    columns: usize,
    widths: Vec<usize>,
    left: VecDeque<PathBuf>,
    file: Option<File>,
    /// What was read, and where in it the rows are that were not taken yet.
    text: Vec<u8>,
    start: usize,
    stop: usize,
    /// How long the next row is, when it was looked at.
    next: Option<usize>,
}

impl TableRows {
    /// The rows of these files.
    pub fn open(files: Vec<PathBuf>) -> io::Result<Self> {
        let mut rows = Self {
            header: Vec::new(),
            columns: 0,
            widths: Vec::new(),
            left: files.into(),
            file: None,
            text: vec![0; READ],
            start: 0,
            stop: 0,
            next: None,
        };
        rows.open_next()?;
        let mut cells = Cells::of(&rows.header);
        while cells.next_cell()?.is_some() {
            rows.columns += 1;
        }
        rows.widths = Widths::of(&rows.header, rows.first())?;
        Ok(rows)
    }

    /// The names of the columns, as the files have them.
    pub fn header(&self) -> &[u8] {
        &self.header
    }

    /// How many columns there are.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// How wide each column is to be shown, in characters.
    pub fn widths(&self) -> &[usize] {
        &self.widths
    }

    /// The next row without its line end, until it is taken; none at the end.
    pub fn peek(&mut self) -> io::Result<Option<&[u8]>> {
        if self.next.is_none() {
            self.next = self.find()?;
        }
        Ok(self.next.map(|length| &self.text[self.start..self.start + length]))
    }

    /// Takes the row that was looked at.
    pub fn advance(&mut self) {
        if let Some(length) = self.next.take() {
            self.start += length + 1;
        }
    }

    /// Takes so many rows, or all where there are fewer.
    pub fn skip(&mut self, rows: u64) -> io::Result<()> {
        for _ in 0..rows {
            self.peek()?;
            self.advance();
        }
        Ok(())
    }

    /// The first rows, as many as were read at once.
    fn first(&self) -> Vec<&[u8]> {
        let (mut rows, mut rest) = (Vec::new(), &self.text[self.start..self.stop]);
        while let (true, Some(end)) = (rows.len() < FIRST_ROWS, row_end(rest)) {
            rows.push(&rest[..end]);
            rest = &rest[end + 1..];
        }
        rows
    }

    /// How long the next row is.
    fn find(&mut self) -> io::Result<Option<usize>> {
        loop {
            if let Some(length) = row_end(&self.text[self.start..self.stop]) {
                return Ok(Some(length));
            }
            if !self.fill()? {
                if self.start < self.stop {
                    return Err(malformed());
                }
                if !self.open_next()? {
                    return Ok(None);
                }
            }
        }
    }

    /// Reads more of the file, as much as there is room for, and makes some if there is none.
    fn fill(&mut self) -> io::Result<bool> {
        let Some(file) = &mut self.file else { return Ok(false) };
        self.text.copy_within(self.start..self.stop, 0);
        (self.start, self.stop) = (0, self.stop - self.start);
        if self.stop > self.text.len() / 2 {
            self.text.resize(2 * self.text.len(), 0);
        }
        let before = self.stop;
        while self.stop < self.text.len() {
            match file.read(&mut self.text[self.stop..]) {
                Ok(0) => break,
                Ok(read) => self.stop += read,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.stop > before)
    }

    /// Goes on with the rows of the next file; answers whether there is one.
    fn open_next(&mut self) -> io::Result<bool> {
        self.file = None;
        let Some(path) = self.left.pop_front() else { return Ok(false) };
        self.file = Some(File::open(path)?);
        let length = loop {
            if let Some(length) = row_end(&self.text[self.start..self.stop]) {
                break length;
            }
            if !self.fill()? {
                return Err(malformed());
            }
        };
        let header = &self.text[self.start..self.start + length];
        if self.header.is_empty() {
            self.header = header.to_vec();
        } else if self.header != header {
            return Err(malformed());
        }
        self.start += length + 1;
        Ok(true)
    }
}

/// Where the first row of a text ends that is there as a whole.
fn row_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'\n', text.get(at..)?)?;
        if text[at] == b'\n' {
            return Some(at);
        }
        // Of a doubled quote, the second one opens anew what the first has closed.
        at += memchr(b'"', &text[at + 1..])? + 2;
    }
}

#[cfg(test)]
mod tests {
    use super::row_end;

    #[test]
    fn a_line_end_in_quotes_ends_no_row() {
        assert_eq!(row_end(b"a,\"\n\"\"\n\",b\nc"), Some(10));
        assert_eq!(row_end(b"\n"), Some(0));
        assert_eq!(row_end(b"a"), None);
        assert_eq!(row_end(b"\"a\n"), None);
        assert_eq!(row_end(b"\"a\""), None);
        assert_eq!(row_end(b""), None);
    }
}
