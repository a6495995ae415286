//! Where the rows of each table are, among few of each of many in several batches.

use std::ops::Range;
use std::sync::Arc;

use super::few::{FewRows, PackedRows};

/// The number of a batch, and of a stretch of rows in that.
pub type Place = (u32, u32);

/// The rows of batches, table by table, and for each table in the order of the batches.
#[derive(Default)]
pub struct Places {
    all: Vec<Place>,
    /// By the number of the table, where its places end.
    ends: Vec<usize>,
}

impl Places {
    /// Those of all rows.
    pub fn of(batches: &[Arc<FewRows>]) -> Self {
        let tables = batches.iter().flat_map(|few| few.tables()).max().map_or(0, |last| last + 1);
        // How many come before the next table's, then where each one's begin.
        let mut ends = vec![0; tables];
        for table in batches.iter().flat_map(|few| few.tables()) {
            ends[table] += 1;
        }
        let mut before = 0;
        for count in &mut ends {
            before += std::mem::replace(count, before);
        }
        let mut all = vec![(0, 0); before];
        for (batch, few) in batches.iter().enumerate() {
            for (index, table) in few.tables().enumerate() {
                all[ends[table]] = (batch as u32, index as u32);
                ends[table] += 1;
            }
        }
        Self { all, ends }
    }

    /// The numbers of tables that have rows, and which of all places are theirs.
    pub fn tables(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let mut start = 0;
        let all = self.ends.iter().enumerate().map(move |(table, &end)| {
            let places = start..end;
            start = end;
            (table, places)
        });
        all.filter(|(_, places)| !places.is_empty())
    }

    /// The rows at some of all places in those batches.
    pub fn rows<'a>(
        &'a self,
        batches: &'a [Arc<FewRows>],
        places: Range<usize>,
    ) -> impl Iterator<Item = PackedRows<'a>> {
        let places = self.all.get(places).unwrap_or_default().iter();
        places.filter_map(|&(batch, index)| batches.get(batch as usize)?.get(index as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::{FewRows, Places};
    use crate::flatten::table_rows::RowsIn;

    #[test]
    fn rows_are_found_table_by_table() {
        let batch = |rows: &[(usize, &str)]| {
            let mut few = FewRows::default();
            for &(table, text) in rows {
                few.add(RowsIn { table, text: text.as_bytes(), ends: &[text.len()], width: 1 }, 0);
            }
            few.into()
        };
        let batches = [batch(&[(1, "a"), (1, "b"), (4, "c")]), batch(&[(0, "d"), (1, "e")])];
        let places = Places::of(&batches);
        let tables = places.tables().map(|(table, places_of)| {
            let rows = places.rows(&batches, places_of);
            (table, rows.map(|rows| String::from_utf8_lossy(rows.text)).collect::<String>())
        });
        let expected = [(0, "d"), (1, "abe"), (4, "c")];
        assert!(tables.eq(expected.map(|(table, text)| (table, text.to_owned()))));
        assert!(Places::of(&[]).tables().next().is_none());
    }
}
