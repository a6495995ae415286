//! Finished rows of one table, owned and lent.

/// Finished rows of one table.
pub struct Rows {
    /// The table's number.
    pub table: usize,
    /// The text of the rows.
    pub text: Vec<u8>,
    /// Where each row ends in the text.
    pub ends: Vec<usize>,
    /// How many cells the rows have, links included.
    pub width: usize,
}

impl Rows {
    /// Those rows, lent.
    pub fn as_they_are(&self) -> RowsIn<'_> {
        RowsIn { table: self.table, text: &self.text, ends: &self.ends, width: self.width }
    }

    /// About how many bytes of memory they take.
    pub fn size(&self) -> usize {
        self.text.len() + size_of_val(&*self.ends)
    }
}

/// Rows of one table, as `Rows` has them.
#[derive(Clone, Copy)]
pub struct RowsIn<'a> {
    /// The table's number.
    pub table: usize,
    /// The text of the rows.
    pub text: &'a [u8],
    /// Where each row ends in the text.
    pub ends: &'a [usize],
    /// How many cells the rows have, links included.
    pub width: usize,
}

impl RowsIn<'_> {
    /// A copy of them.
    pub fn to_rows(self) -> Rows {
        let Self { table, text, ends, width } = self;
        Rows { table, text: text.to_vec(), ends: ends.to_vec(), width }
    }
}
