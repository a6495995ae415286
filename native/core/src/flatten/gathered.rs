//! Few rows of each of many tables, put together from several batches.

use super::few::FewRows;
use super::table_rows::{Rows, RowsIn};
use crate::kinds::TableKinds;

/// Rows in the order of their tables, and for each table in the order in which they came.
#[derive(Default)]
pub struct Gathered {
    /// By the number of the table, stretches of rows that have the same number of cells.
    rows: Vec<Vec<Rows>>,
    /// By the number of the table, the bits of its columns.
    kinds: Vec<Vec<u8>>,
    size: usize,
}

impl Gathered {
    /// About how many bytes of memory the rows take.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Adds the rows of a batch, and the kinds of values in them.
    pub fn add(&mut self, few: &FewRows) {
        for added in few.iter() {
            self.size += added.text.len() + size_of_val(added.ends);
            add_rows(at(&mut self.rows, added.table), added);
        }
        for (table, bits) in few.kinds() {
            let known = at(&mut self.kinds, table);
            known.resize(known.len().max(bits.len()), 0);
            known.iter_mut().zip(bits).for_each(|(known, bits)| *known |= bits);
        }
    }

    /// Takes all of them.
    pub fn take(&mut self) -> (Vec<Rows>, Vec<TableKinds>) {
        let Self { rows, kinds, .. } = std::mem::take(self);
        let kinds = kinds.into_iter().enumerate().filter(|(_, bits)| !bits.is_empty());
        let kinds = kinds.map(|(table, bits)| TableKinds { table, bits });
        (rows.into_iter().flatten().collect(), kinds.collect())
    }
}

/// The element of a table, after those of tables before it.
fn at<T: Default>(all: &mut Vec<T>, table: usize) -> &mut T {
    if all.len() <= table {
        all.resize_with(table + 1, T::default);
    }
    &mut all[table]
}

fn add_rows(stretches: &mut Vec<Rows>, added: RowsIn) {
    let RowsIn { text, ends, width, .. } = added;
    match stretches.last_mut().filter(|last| last.width == width) {
        Some(last) => {
            let start = last.text.len();
            last.text.extend_from_slice(text);
            last.ends.extend(ends.iter().map(|end| start + end));
        }
        None => stretches.push(added.to_rows()),
    }
}

#[cfg(test)]
mod tests {
    use super::{FewRows, Gathered, Rows, RowsIn};

    /// Rows of tables, each with its number, text and width, and bits of the table with the number 2.
    fn few(rows: &[(usize, &str, usize)], bits: &[u128]) -> FewRows {
        let mut few = FewRows::default();
        for &(table, text, width) in rows {
            let ends = &*ends(text);
            few.add(RowsIn { table, text: text.as_bytes(), ends, width }, 0);
        }
        few.add_kinds(2, bits.iter().copied());
        few
    }

    fn ends(text: &str) -> Vec<usize> {
        text.match_indices('\n').map(|(at, _)| at + 1).collect()
    }

    #[test]
    fn rows_are_put_together_table_by_table() {
        let mut gathered = Gathered::default();
        gathered.add(&few(&[(0, "a\n", 1), (2, "b\nc\n", 2)], &[1]));
        gathered.add(&few(&[(0, "d\n", 1), (2, "e,\n", 3), (2, "f\n", 4)], &[2, 4]));
        assert!(gathered.size() > 11);
        let (taken, found) = gathered.take();
        let all = |Rows { table, text, ends, width }| (table, text, ends, width);
        let expected = [(0, "a\nd\n", 1), (2, "b\nc\n", 2), (2, "e,\n", 3), (2, "f\n", 4)];
        let expected = expected.map(|(table, text, width)| (table, text.into(), ends(text), width));
        assert!(taken.into_iter().map(all).eq(expected));
        assert_eq!(found, few(&[], &[3, 4]).table_kinds());
        assert_eq!((gathered.size(), gathered.take().0.len()), (0, 0));
    }
}
