//! Counts the values, nulls and empty strings of each column of a CSV file.

use crate::json::byte_at;
use crate::marks::mark_specials;

/// Counts the cells of a CSV file of so many columns, whose text comes in pieces of any kind.
///
/// A cell of nothing is null, and two quotes are the empty string. The first row is the header.
pub struct CellCounter {
    counts: Vec<Counts>,
    /// Rows that have ended, the header among them.
    rows: u64,
    /// The cell at hand: its column, and where it starts in the file.
    column: usize,
    start: u64,
    /// How much of the file there has been.
    read: u64,
    in_quotes: bool,
    /// Whether the cell at hand has quotes.
    has_quotes: bool,
    /// Where a carriage return is outside quotes, which is a part of the line's end.
    carriage_return: Option<u64>,
    marks: Vec<u8>,
}

/// What cells a column has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All others.
    pub values: u64,
    /// Cells of nothing.
    pub nulls: u64,
    /// Cells of two quotes.
    pub empty: u64,
}

/// A file has a row, from 0 for the header, of another number of cells, or ends within one.
#[derive(Debug, PartialEq, Eq)]
pub struct Ragged(pub u64);

impl CellCounter {
    /// Nothing has been read.
    pub fn new(columns: usize) -> Self {
        Self {
            counts: vec![Counts::default(); columns],
            rows: 0,
            column: 0,
            start: 0,
            read: 0,
            in_quotes: false,
            has_quotes: false,
            carriage_return: None,
            marks: Vec::new(),
        }
    }

    /// Counts what comes next in the file.
    pub fn add(&mut self, text: &[u8]) -> Result<(), Ragged> {
        let mut marks = std::mem::take(&mut self.marks);
        mark_specials(text, &mut marks);
        for (index, bytes) in marks.chunks_exact(8).enumerate() {
            let mut found = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            while found != 0 {
                let at = index * 64 + found.trailing_zeros() as usize;
                found &= found - 1;
                if at < text.len() {
                    self.special(byte_at(text, at), self.read + at as u64)?;
                }
            }
        }
        self.marks = marks;
        self.read += text.len() as u64;
        Ok(())
    }

    #[inline(always)]
    fn special(&mut self, byte: u8, at: u64) -> Result<(), Ragged> {
        match byte {
            b'"' => {
                self.in_quotes = !self.in_quotes;
                self.has_quotes = true;
            }
            b',' if !self.in_quotes => self.end_cell(at)?,
            b'\r' if !self.in_quotes => self.carriage_return = Some(at),
            b'\n' if !self.in_quotes => {
                let end = self.carriage_return.take().unwrap_or(at);
                self.end_cell(end)?;
                self.start = at + 1;
                if self.column != self.counts.len() {
                    return Err(Ragged(self.rows));
                }
                self.column = 0;
                self.rows += 1;
            }
            _ => {}
        }
        Ok(())
    }

    #[inline(always)]
    fn end_cell(&mut self, end: u64) -> Result<(), Ragged> {
        let counts = self.counts.get_mut(self.column).ok_or(Ragged(self.rows))?;
        if self.rows > 0 {
            match end - self.start {
                0 => counts.nulls += 1,
                2 if self.has_quotes => counts.empty += 1,
                _ => counts.values += 1,
            }
        }
        self.column += 1;
        self.start = end + 1;
        self.has_quotes = false;
        Ok(())
    }

    /// How many rows there are after the header, and what each column has in them.
    pub fn finish(self) -> Result<(u64, Vec<Counts>), Ragged> {
        if self.rows == 0 || self.start != self.read {
            return Err(Ragged(self.rows));
        }
        Ok((self.rows - 1, self.counts))
    }
}

#[cfg(test)]
mod tests {
    use super::{CellCounter, Counts, Ragged};

    fn counted(text: &str, columns: usize, piece: usize) -> Result<(u64, Vec<Counts>), Ragged> {
        let mut counter = CellCounter::new(columns);
        for some in text.as_bytes().chunks(piece) {
            counter.add(some)?;
        }
        counter.finish()
    }

    const TEXT: &str = "a,b\n1,\n\"\",\"\"\"\"\n\"x,\n\"\"y\",ab\n,\"\n\"\n\"\r\n\",\"\"\n";

    #[test]
    fn cells_are_counted_wherever_pieces_end() {
        let expected = vec![Counts { values: 3, nulls: 1, empty: 1 }; 2];
        for line_end in ["\n", "\r\n"] {
            // Line ends within quotes are content, and may be any.
            let text = TEXT.replace('\n', line_end);
            for piece in (1..70).chain([1000]) {
                assert_eq!(counted(&text, 2, piece), Ok((5, expected.clone())));
            }
        }
    }

    #[test]
    fn rows_of_another_number_of_cells_are_told() {
        for (text, row) in [
            ("a,b\n1\n", 1),
            ("a,b\n1,2\n1,2,3\n", 2),
            ("a\n", 0),
            ("a,b\n1,\"2\n", 1),
            ("a,b\n1,2", 1),
            ("", 0),
        ] {
            assert_eq!(counted(text, 2, 100), Err(Ragged(row)), "{text:?}");
        }
    }
}
