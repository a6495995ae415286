//! Few rows of each of many tables, in as few pieces of memory as that takes.

use super::table_rows::{Rows, RowsIn};
use crate::kinds::TableKinds;

/// A batch has rows of many tables from so many on,
const MANY_TABLES: usize = 32;
/// and few of each if these have so many bytes on average.
const FEW_BYTES: usize = 8 << 10;
/// More of them are not packed: where rows end takes half the memory so.
const MOST_BYTES: usize = 1 << 30;

/// Whether so many tables' rows, with so many bytes together, are few of each of many.
pub fn are_few_of_many(tables: usize, bytes: usize) -> bool {
    tables >= MANY_TABLES && bytes < (tables * FEW_BYTES).min(MOST_BYTES)
}

/// Rows of a batch, and which kinds of values are in them: memory of its own for each table's would take as
/// long as to make the rows.
#[derive(Default)]
pub struct FewRows {
    text: Vec<u8>,
    /// Where each row ends in the text of its stretch.
    ends: Vec<u32>,
    stretches: Vec<Stretch>,
    kinds: FewKinds,
}

/// The kinds of values in the rows of a batch.
#[derive(Clone, Default)]
pub struct FewKinds {
    bits: Vec<u8>,
    /// Tables, and where their bits end.
    ends: Vec<(usize, usize)>,
}

/// Rows of a table that have the same number of cells: where their text and their ends end.
struct Stretch {
    table: u32,
    width: u32,
    text: u32,
    ends: u32,
}

/// Rows of one table among few of many, which have the same number of cells.
#[derive(Clone, Copy)]
pub struct PackedRows<'a> {
    /// The table's number.
    pub table: usize,
    /// The text of the rows.
    pub text: &'a [u8],
    /// Where each row ends in the text.
    pub ends: &'a [u32],
    /// How many cells the rows have, links included.
    pub width: usize,
}

impl PackedRows<'_> {
    /// A copy of them.
    pub fn to_rows(self) -> Rows {
        let Self { table, text, width, .. } = self;
        Rows { table, text: text.to_vec(), ends: self.ends_from(0).collect(), width }
    }

    /// Where each row ends in a text that begins so many bytes before theirs.
    pub fn ends_from(self, start: usize) -> impl Iterator<Item = usize> {
        self.ends.iter().map(move |&end| start + end as usize)
    }
}

impl FewRows {
    /// None, with room for so many rows of so many tables, which have so many columns together, and
    /// whose text takes so many bytes.
    pub fn with_room(tables: usize, columns: usize, rows: usize, bytes: usize) -> Self {
        let (text, ends) = (Vec::with_capacity(bytes), Vec::with_capacity(rows));
        let bits = Vec::with_capacity(columns * size_of::<u128>());
        let kinds = FewKinds { bits, ends: Vec::with_capacity(tables) };
        Self { text, ends, stretches: Vec::with_capacity(tables), kinds }
    }

    /// Adds rows, whose ends are those in a text that begins `start` bytes before theirs.
    pub fn add(&mut self, rows: RowsIn, start: usize) {
        let RowsIn { table, text, ends, width } = rows;
        self.text.extend_from_slice(text);
        self.ends.extend(ends.iter().map(|end| (end - start) as u32));
        let (table, width) = (table as u32, width as u32);
        let (text, ends) = (self.text.len() as u32, self.ends.len() as u32);
        self.stretches.push(Stretch { table, width, text, ends });
    }

    /// Adds the bits of a table's columns.
    pub fn add_kinds(&mut self, table: usize, columns: impl Iterator<Item = u128>) {
        let FewKinds { bits, ends } = &mut self.kinds;
        columns.for_each(|column| bits.extend_from_slice(&column.to_le_bytes()));
        ends.push((table, bits.len()));
    }

    /// Takes the kinds out: they are needed for a shorter time than the rows.
    pub fn take_kinds(&mut self) -> FewKinds {
        std::mem::take(&mut self.kinds)
    }

    /// How many stretches of rows there are.
    pub fn len(&self) -> usize {
        self.stretches.len()
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many bytes of text they have.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// About how many bytes of memory they take.
    pub fn size(&self) -> usize {
        self.text.len()
            + size_of_val(&*self.ends)
            + size_of_val(&*self.stretches)
            + self.kinds.bits.len()
    }

    /// A stretch of rows.
    pub fn get(&self, index: usize) -> Option<PackedRows<'_>> {
        let &Stretch { table, width, text, ends } = self.stretches.get(index)?;
        let before = index.checked_sub(1).map(|before| &self.stretches[before]);
        let (from_text, from_ends) = before.map_or((0, 0), |before| (before.text, before.ends));
        let text = &self.text[from_text as usize..text as usize];
        let ends = &self.ends[from_ends as usize..ends as usize];
        Some(PackedRows { table: table as usize, text, ends, width: width as usize })
    }

    /// All stretches, in the order of their tables.
    pub fn iter(&self) -> impl Iterator<Item = PackedRows<'_>> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// The tables of all stretches, in that order.
    pub fn tables(&self) -> impl Iterator<Item = usize> {
        self.stretches.iter().map(|stretch| stretch.table as usize)
    }
}

impl FewKinds {
    /// The tables, each with the bits of its columns.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let mut start = 0;
        self.ends.iter().map(move |&(table, end)| {
            let bits = &self.bits[start..end];
            start = end;
            (table, bits)
        })
    }

    /// Adds the bits of others if they are of the same tables and columns; whether they are.
    pub fn add_alike(&mut self, others: &Self) -> bool {
        let are_alike = self.ends == others.ends;
        if are_alike {
            self.bits.iter_mut().zip(&others.bits).for_each(|(known, bits)| *known |= bits);
        }
        are_alike
    }

    /// The same, as `TableKinds`.
    pub fn table_kinds(&self) -> Vec<TableKinds> {
        self.iter().map(|(table, bits)| TableKinds { table, bits: bits.to_vec() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{FewRows, RowsIn, are_few_of_many};

    #[test]
    fn rows_are_as_they_were_added() {
        let mut few = FewRows::default();
        few.add(RowsIn { table: 3, text: b"a\nbc\n", ends: &[2, 5], width: 1 }, 0);
        few.add(RowsIn { table: 3, text: b"d,\n", ends: &[8], width: 2 }, 5);
        few.add(RowsIn { table: 7, text: b"e\n", ends: &[2], width: 1 }, 0);
        few.add_kinds(3, [1, 2].into_iter());
        few.add_kinds(7, [4].into_iter());
        let all = few.iter().map(|it| (it.table, it.text, it.ends, it.width));
        let expected: [(_, &[u8], &[u32], _); 3] =
            [(3, b"a\nbc\n", &[2, 5], 1), (3, b"d,\n", &[3], 2), (7, b"e\n", &[2], 1)];
        assert!(all.eq(expected));
        assert_eq!((few.len(), few.rows(), few.bytes(), few.is_empty()), (3, 4, 10, false));
        assert!(few.get(3).is_none());
        assert!(
            few.take_kinds()
                .iter()
                .map(|(table, bits)| (table, bits.len(), bits[0]))
                .eq([(3, 32, 1), (7, 16, 4)])
        );
    }

    #[test]
    fn many_rows_or_few_tables_are_not_few_of_many() {
        assert!(are_few_of_many(32, 64));
        assert!(!are_few_of_many(31, 62));
        assert!(!are_few_of_many(32, 64_000 * 32));
    }
}
