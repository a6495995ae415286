//! The cells of a row in which all text is in quotes.

use std::io::{self, ErrorKind};

use memchr::memchr;

/// A cell, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell<'a> {
    /// Nothing.
    Missing,
    /// A number or a boolean; in a header, a name that needs no quotes.
    Bare(&'a [u8]),
    /// What is between the quotes, each quote within doubled.
    Text(&'a [u8]),
}

/// Goes through the cells of a row, which has no line end.
pub struct Cells<'a> {
    /// What is left of the row; none after the last cell.
    rest: Option<&'a [u8]>,
}

impl<'a> Cells<'a> {
    /// The cells of a row.
    pub fn of(row: &'a [u8]) -> Self {
        Self { rest: Some(row) }
    }

    /// The next cell, if there is one.
    #[inline]
    pub fn next_cell(&mut self) -> io::Result<Option<Cell<'a>>> {
        let Some(rest) = self.rest else { return Ok(None) };
        let (cell, end) = match rest.first() {
            Some(b'"') => {
                let end = quoted_end(rest).ok_or_else(malformed)?;
                (Cell::Text(&rest[1..end]), end + 1)
            }
            Some(b',') | None => (Cell::Missing, 0),
            Some(_) => {
                let end = memchr(b',', rest).unwrap_or(rest.len());
                (Cell::Bare(&rest[..end]), end)
            }
        };
        self.rest = match rest.get(end) {
            Some(b',') => Some(&rest[end + 1..]),
            None => None,
            Some(_) => return Err(malformed()),
        };
        Ok(Some(cell))
    }
}

/// Where the closing quote of a cell is that begins with one.
#[inline]
fn quoted_end(cell: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr(b'"', cell.get(at..)?)?;
        if cell.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        at += 2;
    }
}

/// That rows are not as they were to be written.
pub fn malformed() -> io::Error {
    io::Error::new(ErrorKind::InvalidData, "rows are not as they were written")
}

#[cfg(test)]
mod tests {
    use super::Cell::{Bare, Missing, Text};
    use super::{Cell, Cells};

    fn cells(row: &str) -> Option<Vec<Cell<'_>>> {
        let (mut cells, mut found) = (Cells::of(row.as_bytes()), Vec::new());
        while let Some(cell) = cells.next_cell().ok()? {
            found.push(cell);
        }
        Some(found)
    }

    #[test]
    fn what_is_in_quotes_is_told_from_what_is_not() {
        let row = "1,\"1\",,\"\",true,\"a\"\"b,\nc\",\"\"\"\",";
        let expected = [
            Bare(b"1"),
            Text(b"1"),
            Missing,
            Text(b""),
            Bare(b"true"),
            Text(b"a\"\"b,\nc"),
            Text(b"\"\""),
            Missing,
        ];
        assert_eq!(cells(row).as_deref(), Some(&expected[..]));
        assert_eq!(cells("").as_deref(), Some(&[Missing][..]));
        assert_eq!(cells("\"a\"b"), None);
        assert_eq!(cells("\"a"), None);
    }
}
