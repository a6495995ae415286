//! Finished rows of one table, owned and lent.

/// Finished rows of one table.
#[derive(Clone)]
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
    /// About how many bytes of memory they take.
    pub fn size(&self) -> usize {
        self.text.capacity() + self.ends.capacity() * size_of::<usize>()
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
