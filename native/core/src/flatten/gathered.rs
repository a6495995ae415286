//! Few rows of each of many tables, put together from several batches.

use super::csv::Rows;
use crate::kinds::TableKinds;

/// A batch has rows of many tables from so many on,
const MANY_TABLES: usize = 32;
/// and few of each if these have so many bytes on average.
const FEW_BYTES: usize = 8 << 10;

/// Whether rows are few of each of many tables.
pub fn are_few_of_many(rows: &[Rows]) -> bool {
    rows.len() >= MANY_TABLES && rows.iter().map(Rows::size).sum::<usize>() < rows.len() * FEW_BYTES
}

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
    pub fn add(&mut self, rows: &[Rows], kinds: &[TableKinds]) {
        for added in rows {
            self.size += added.size();
            add_rows(at(&mut self.rows, added.table), added);
        }
        for TableKinds { table, bits } in kinds {
            let known = at(&mut self.kinds, *table);
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

fn add_rows(stretches: &mut Vec<Rows>, added: &Rows) {
    let Rows { table, text, ends, width } = added;
    match stretches.last_mut().filter(|last| last.width == *width) {
        Some(last) => {
            let start = last.text.len();
            last.text.extend_from_slice(text);
            last.ends.extend(ends.iter().map(|end| start + end));
        }
        None => stretches.push(Rows {
            table: *table,
            text: text.clone(),
            ends: ends.clone(),
            width: *width,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{Gathered, Rows, TableKinds, are_few_of_many};

    fn rows(table: usize, text: &str, width: usize) -> Rows {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Rows { table, text: text.into(), ends, width }
    }

    #[test]
    fn rows_are_put_together_table_by_table() {
        let mut gathered = Gathered::default();
        let kinds = |bits: &[u8]| [TableKinds { table: 2, bits: bits.into() }];
        gathered.add(&[rows(0, "a\n", 1), rows(2, "b\nc\n", 2)], &kinds(&[1]));
        gathered.add(&[rows(0, "d\n", 1), rows(2, "e,\n", 3), rows(2, "f\n", 4)], &kinds(&[2, 4]));
        assert!(gathered.size() > 11);
        let (taken, found) = gathered.take();
        let all = |Rows { table, text, ends, width }| (table, text, ends, width);
        let expected =
            [rows(0, "a\nd\n", 1), rows(2, "b\nc\n", 2), rows(2, "e,\n", 3), rows(2, "f\n", 4)];
        assert!(taken.into_iter().map(all).eq(expected.into_iter().map(all)));
        assert_eq!(found, kinds(&[3, 4]));
        assert_eq!((gathered.size(), gathered.take().0.len()), (0, 0));
    }

    #[test]
    fn many_rows_or_few_tables_are_left_as_they_are() {
        let of = |tables: usize, text: &str| -> Vec<_> {
            (0..tables).map(|table| rows(table, text, 1)).collect()
        };
        assert!(are_few_of_many(&of(32, "a\n")));
        assert!(!are_few_of_many(&of(31, "a\n")));
        assert!(!are_few_of_many(&of(32, &"a\n".repeat(1000))));
    }
}
