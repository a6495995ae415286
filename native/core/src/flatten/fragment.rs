//! What comes of a batch.

use super::few::{FewRows, PackedRows};
use super::masked::MaskedCells;
use super::table_rows::Rows;
use crate::kinds::TableKinds;

/// A table or column of the schema: in document order they are its log.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether it is a table.
    pub is_table: bool,
    /// The table that it is in.
    pub owner: usize,
    /// The path within the rows of that table.
    pub path: Vec<String>,
}

/// A batch's rows, made for the schema's first entries and then the fragment's own.
pub struct Fragment {
    /// How many entries the schema had.
    pub base: usize,
    /// The entries that the batch added.
    pub entries: Vec<Entry>,
    /// The indices of the records that brought those.
    pub origins: Vec<usize>,
    /// The rows of each table that has any.
    pub rows: Vec<Rows>,
    /// Which kinds of values the columns of those tables have in the rows.
    pub kinds: Vec<TableKinds>,
    /// The rows and the kinds where they are few of each of many tables: there are no others then.
    pub few: FewRows,
    /// How many cells of each column were masked.
    pub masked: Vec<MaskedCells>,
    /// How many of the batch's records are in it: the next one is bad, or beyond the schema's bounds.
    pub records: usize,
    /// Whether the next one is neither, but was left out because the rows are many.
    pub is_full: bool,
}

impl Fragment {
    /// A copy of all rows, few or not.
    pub fn all_rows(&self) -> Vec<Rows> {
        let usual = self.rows.iter().cloned();
        usual.chain(self.few.iter().map(PackedRows::to_rows)).collect()
    }

    /// All of it, unless the schema has more entries than it had, and the fragment some of its own:
    /// then it is to be made again, and only the first of those is left to say so.
    pub fn unless_outgrown(mut self, known: usize) -> Self {
        if self.base >= known || self.entries.is_empty() {
            return self;
        }
        self.entries.truncate(1);
        self.origins.truncate(1);
        let (rows, kinds, masked) = Default::default();
        Self { rows, kinds, masked, few: FewRows::default(), ..self }
    }

    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        self.few.size() + self.rows.iter().map(Rows::size).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::{Entry, FewRows, Fragment, Rows};

    fn fragment(base: usize, columns: usize) -> Fragment {
        let entry = Entry { is_table: false, owner: 0, path: vec!["a".to_owned()] };
        Fragment {
            base,
            entries: vec![entry; columns],
            origins: vec![0; columns],
            rows: vec![Rows { table: 0, text: Vec::new(), ends: Vec::new(), width: 1 }],
            kinds: Vec::new(),
            few: FewRows::default(),
            masked: Vec::new(),
            records: 1,
            is_full: false,
        }
    }

    #[test]
    fn little_is_left_of_what_is_to_be_made_again() {
        for (base, columns, known, expected) in
            [(5, 3, 5, (3, 1)), (4, 3, 5, (1, 0)), (4, 0, 5, (0, 1)), (0, 3, 0, (3, 1))]
        {
            let made = fragment(base, columns).unless_outgrown(known);
            assert_eq!((made.entries.len(), made.rows.len()), expected);
            assert_eq!((made.origins.len(), made.records), (expected.0, 1));
        }
    }
}
