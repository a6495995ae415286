//! What the rules for columns make of the schema: names are claimed as `Schema` does it.

use std::sync::Arc;

use super::late::{LatePseudonyms, Target};
use super::links::TableLinks;
use super::masked::MaskedColumn;
use crate::columns::{ColumnRules, FreeNames, Link, Shown, names_of, shown};

/// Numbers of columns as a node has them, where those are no plain ones: more than any row has.
pub mod column {
    /// One that is left out.
    pub const LEFT_OUT: u32 = 1 << 31;
    /// The first of those that are masked.
    const MASKED: u32 = LEFT_OUT | 1 << 30;

    /// The number for the masked column with that one.
    pub fn of_masked(number: usize) -> u32 {
        MASKED | number as u32
    }

    /// The masked column's own number, if it is one.
    pub fn masked(column: u32) -> Option<usize> {
        column.checked_sub(MASKED).map(|number| number as usize)
    }

    /// Whether its cells are written as they are.
    pub fn is_plain(column: u32) -> bool {
        column < LEFT_OUT
    }
}

/// The names of all tables and columns, and what is done with these.
pub struct Treatments {
    rules: Arc<ColumnRules>,
    table_names: FreeNames,
    tables: Vec<NamedTable>,
    /// The columns that are masked, or left out but counted.
    pub masked: Vec<MaskedColumn>,
    /// The pseudonyms that are still to be made.
    pub late: LatePseudonyms,
}

struct NamedTable {
    /// Its path.
    path: String,
    /// The names of that, in NFC.
    names: Vec<String>,
    /// Those of its columns.
    columns: FreeNames,
    has_rows: bool,
}

/// A table as the rules have it.
pub struct TreatedTable {
    /// Its link columns.
    pub links: TableLinks,
    /// Whether rows of it are made.
    pub has_rows: bool,
}

impl Treatments {
    /// Nothing is there yet.
    pub fn new(rules: Arc<ColumnRules>) -> Self {
        let (tables, masked) = (Vec::new(), Vec::new());
        let late = LatePseudonyms::default();
        Self { rules, table_names: FreeNames::default(), tables, masked, late }
    }

    /// The rules.
    pub fn rules(&self) -> &ColumnRules {
        &self.rules
    }

    /// Adds a table for lists at that path in rows of its owner; none for the root table.
    pub fn add_table(&mut self, place: Option<(usize, &[&[u8]])>) -> TreatedTable {
        let (wanted, is_mapped) = match place {
            None => (String::new(), false),
            Some((owner, path)) => {
                let owner = &self.tables[owner];
                let is_mapped = self.is_map_at(owner, path);
                let before = if owner.path.is_empty() { "" } else { "." };
                (format!("{}{before}{}", owner.path, shown(path)), is_mapped)
            }
        };
        let path = self.table_names.claim(&wanted);
        let names = names_of(&path);
        let links = TableLinks::of(&self.rules, &names, is_mapped);
        let has_rows = !self.rules.leaves_out_all_of(&names);
        let mut taken = vec![Link::RecordId, Link::RowId];
        if place.is_some() {
            taken.push(Link::ParentRowId);
        }
        if is_mapped {
            taken.push(Link::Key);
        }
        let columns = FreeNames::new(taken.into_iter().map(Link::name));
        self.tables.push(NamedTable { path, names, columns, has_rows });
        TreatedTable { links, has_rows }
    }

    /// Whether objects at a path in a table's rows are read as lists.
    pub fn is_map(&self, table: usize, path: &[&[u8]]) -> bool {
        self.is_map_at(&self.tables[table], path)
    }

    fn is_map_at(&self, table: &NamedTable, path: &[&[u8]]) -> bool {
        let names = [&*table.names, &names_of(&shown(path))].concat();
        self.rules.have_maps() && self.rules.is_map(&names)
    }

    /// Adds a table's column for values at a path in its rows, the next one; the answer is the number
    /// that the node has, where `place` is that of the cell that it has if it is written.
    pub fn add_column(&mut self, table: usize, path: &[&[u8]], next: usize, place: usize) -> u32 {
        let owner = &mut self.tables[table];
        let name = owner.columns.claim(&shown(path));
        let names = [&*owner.names, &names_of(&name)].concat();
        if !owner.has_rows {
            return column::LEFT_OUT;
        }
        let treatment = self.rules.of_column(&names);
        match self.rules.mask(&treatment) {
            Some(mask) => {
                let place = treatment.stays.then_some(place);
                self.masked.push(MaskedColumn::new(mask, (table, next), place, &mut self.late));
                column::of_masked(self.masked.len() - 1)
            }
            None if treatment.stays => place as u32 + 1,
            None => column::LEFT_OUT,
        }
    }

    /// Makes the pseudonyms that are still to be made, and has them put where they are to be.
    pub fn make_late(&mut self, put: impl FnMut(Target, &Shown)) {
        if let Some(pseudonyms) = self.rules.pseudonyms() {
            self.late.make(pseudonyms, put);
        }
    }

    /// Whether a column has a cell in a row.
    pub fn is_written(&self, number: u32) -> bool {
        match column::masked(number) {
            Some(masked) => self.masked[masked].is_written(),
            None => column::is_plain(number),
        }
    }
}
