//! Cells that are masked, and how many.

use std::borrow::Cow;

use super::cell::{Cell, LARGE, Texts};
use super::late::{LateCell, LatePseudonyms};
use crate::columns::{Domain, Mask, PSEUDONYM, ROOM, Shown, Taken, Worth};
use crate::kinds::kind;

/// How many cells of a column were masked, or left out though they were to be: see `MaskedCells` in
/// `kinds.py`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedCells {
    /// The table's number.
    pub table: usize,
    /// The column's number without the links, or one of a link.
    pub column: i64,
    /// How many.
    pub cells: u64,
}

impl MaskedCells {
    /// Takes how many there are, if there are any.
    pub fn take(&mut self) -> Option<Self> {
        let taken = Self { cells: std::mem::take(&mut self.cells), ..*self };
        (taken.cells > 0).then_some(taken)
    }
}

/// The number of the column with the record's id.
pub const RECORD_ID_COLUMN: i64 = -1;
/// The number of the column with the key.
pub const KEY_COLUMN: i64 = -2;

/// A column whose cells are masked.
pub struct MaskedColumn {
    mask: Mask,
    /// Where its cell is in a row, if it is written.
    place: Option<usize>,
    kinds: u8,
    /// The number of its domain, if it has pseudonyms that may be made late.
    domain: Option<Domain>,
    /// Whether it is worth while to look for its texts.
    worth: Worth,
    /// How many cells were masked.
    pub cells: MaskedCells,
}

impl MaskedColumn {
    /// A column of a table, whose cell is in that place of a row, if in any.
    pub fn new(
        mask: Mask,
        (table, column): (usize, usize),
        place: Option<usize>,
        late: &mut LatePseudonyms,
    ) -> Self {
        let domain = mask.pseudonyms().and_then(|one| late.batch.domain(one));
        let column = i64::try_from(column).unwrap_or(i64::MAX);
        let cells = MaskedCells { table, column, cells: 0 };
        Self { mask, place, kinds: 0, domain, worth: Worth::default(), cells }
    }

    /// Sets the masked cell of a row, or one that is room for what is made late.
    pub fn set(&mut self, row: &mut [Cell], cell: Cell, masking: &mut Masking, late: &mut Late) {
        let is_masked = masking.has_content(cell);
        self.cells.cells += u64::from(is_masked);
        let Some(place) = self.place.filter(|&place| place < row.len()) else { return };
        row[place] = match self.late_cell(place, cell, masking, late).filter(|_| is_masked) {
            Some(cell) => cell,
            None => masking.cell(&self.mask, cell).cell,
        };
        self.kinds |= if row[place].len() == 0 { kind::NULL } else { kind::STRING };
    }

    /// The cell of a pseudonym that was made lately, or room for one in that place of a row; None if
    /// it is not made late.
    #[inline]
    fn late_cell(
        &mut self,
        place: usize,
        cell: Cell,
        masking: &mut Masking,
        late: &mut Late,
    ) -> Option<Cell> {
        let (data, domain) = (masking.data, self.domain?);
        let quote = usize::from(data.get(cell.start..cell.end)?.starts_with(b"\""));
        let text = (cell.start + quote, cell.end - quote);
        let start = masking.scratch.len();
        let waiting = match late.pseudonyms.batch.take(data, text, domain, &mut self.worth)? {
            Taken::Made(made) => return Some(masking.push_quoted(&made)),
            Taken::Waits(waiting) => waiting,
        };
        let room = masking.push_quoted(&ROOM);
        let at = start + usize::from(masking.marks_text);
        late.cells.push(late.pseudonyms.note(waiting, at, place));
        Some(room)
    }

    /// Whether it has a cell in a row.
    pub fn is_written(&self) -> bool {
        self.place.is_some()
    }

    /// Takes of which kinds the cells are.
    pub fn take_kinds(&mut self) -> u8 {
        std::mem::take(&mut self.kinds)
    }
}

/// What is needed of pseudonyms where cells are set.
pub struct Late<'a> {
    /// The cells of the row at hand that are room for one.
    pub cells: &'a mut Vec<LateCell>,
    /// Those that are to be made.
    pub pseudonyms: &'a mut LatePseudonyms,
}

/// A cell that a mask was put on.
pub struct Masked {
    /// The cell that is written.
    pub cell: Cell,
    /// Whether there was something to mask.
    pub is_masked: bool,
}

/// Masks the cells of a record.
pub struct Masking<'a> {
    /// The batch.
    pub data: &'a [u8],
    /// Where masked texts are put, and others may be.
    pub scratch: &'a mut Vec<u8>,
    /// Room for a text that is not in the batch as it is.
    pub buffer: &'a mut Vec<u8>,
    /// Whether every text is in quotes.
    pub marks_text: bool,
}

impl Masking<'_> {
    /// Whether there is something to mask in a cell.
    #[inline]
    fn has_content(&self, cell: Cell) -> bool {
        cell.len() > EMPTY_STRING.len()
            || cell.len() > 0 && self.texts().text(cell) != Some(EMPTY_STRING)
    }

    fn texts(&self) -> Texts<'_> {
        Texts { data: self.data, scratch: self.scratch, marks_text: self.marks_text }
    }

    /// Puts a pseudonym into the scratch space, in quotes if every text is, and its cell.
    #[inline(always)]
    fn push_quoted(&mut self, made: &Shown) -> Cell {
        let start = self.data.len() + self.scratch.len();
        if self.marks_text {
            let mut quoted = [b'"'; size_of::<Shown>()];
            quoted[1..=PSEUDONYM].copy_from_slice(&made[..PSEUDONYM]);
            self.scratch.extend_from_slice(&quoted);
            return Cell { start, end: start + PSEUDONYM + 2 };
        }
        self.scratch.extend_from_slice(made);
        Cell { start, end: start + PSEUDONYM }
    }

    /// Masks a cell.
    pub fn cell(&mut self, mask: &Mask, cell: Cell) -> Masked {
        if !self.has_content(cell) {
            return Masked { cell, is_masked: false };
        }
        let data = self.data;
        let texts = Texts { data, scratch: self.scratch, marks_text: self.marks_text };
        let cell = match data.get(cell.start..cell.end) {
            _ if matches!(mask, Mask::Remove) => Cell::default(),
            Some(text) => self.masked(mask, without_quotes(text)),
            None => {
                let mut text = std::mem::take(self.buffer);
                text.clear();
                texts.append(cell, &mut text);
                unquote(&mut text);
                let cell = self.masked(mask, &text);
                if text.capacity() <= LARGE {
                    *self.buffer = text;
                }
                cell
            }
        };
        Masked { cell, is_masked: true }
    }

    /// The cell of a masked text, null if that is nothing.
    fn masked(&mut self, mask: &Mask, text: &[u8]) -> Cell {
        let start = self.data.len() + self.scratch.len();
        // All text of the record was checked.
        let text = std::str::from_utf8(text).unwrap_or_default();
        if !mask.write(text, self.scratch, self.marks_text) {
            return Cell::default();
        }
        Cell { start, end: self.data.len() + self.scratch.len() }
    }
}

/// Appends the cell that is made of the text of another one; false if that has nothing to mask.
pub fn mask_text(mask: &Mask, cell: &[u8], to: &mut Vec<u8>, marks_text: bool) -> bool {
    if cell.is_empty() || cell == EMPTY_STRING {
        to.extend_from_slice(cell);
        return false;
    }
    let mut text = Cow::Borrowed(without_quotes(cell));
    if text.contains(&b'"') {
        text = Cow::Owned(cell.to_vec());
        unquote(text.to_mut());
    }
    mask.write(std::str::from_utf8(&text).unwrap_or_default(), to, marks_text);
    true
}

/// The cell of an empty string.
const EMPTY_STRING: &[u8] = b"\"\"";

/// A text in quotes without them; there may be none within it.
fn without_quotes(text: &[u8]) -> &[u8] {
    let within = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
    within.unwrap_or(text)
}

/// Makes a cell its text again, where it is.
fn unquote(cell: &mut Vec<u8>) {
    if cell.first() != Some(&b'"') {
        return;
    }
    cell.pop();
    cell.remove(0);
    let mut is_second = false;
    cell.retain(|&byte| {
        is_second = byte == b'"' && !is_second;
        byte != b'"' || is_second
    });
}

#[cfg(test)]
mod tests {
    use super::unquote;

    #[test]
    fn a_cell_becomes_its_text_again() {
        for (cell, text) in
            [("a", "a"), ("\"a\"", "a"), ("\"\"\"a\"\"\"", "\"a\""), ("\"\"\"\"\"\"", "\"\"")]
        {
            let mut bytes = cell.as_bytes().to_vec();
            unquote(&mut bytes);
            assert_eq!(bytes, text.as_bytes());
        }
    }
}
