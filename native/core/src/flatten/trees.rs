//! The schema that records are flattened for: which paths are columns and tables.

use std::sync::Arc;

use super::cell::Cell;
use super::csv::Output;
use super::few::{FewRows, are_few_of_many};
use super::fragment;
use super::key_tree::{KeyTree, NodeId};
use super::late::{self, Holder, LateCell};
use super::links::{Links, TableLinks};
use super::masked::{KEY_COLUMN, MaskedCells, RECORD_ID_COLUMN};
use super::record_ids::RecordIds;
use super::table_rows::Rows;
use super::treatments::{TreatedTable, Treatments, column};
use crate::columns::{ColumnRules, Mask};
use crate::json::Malformed;
use crate::kinds::TableKinds;

/// The memory of so many tables' rows is kept for later,
const MANY_TABLES: usize = 256;
/// and that of more as long as it is so many bytes.
const MOST_KEPT: usize = 512 << 10;
/// Bytes of UTF-8 of one character.
const LONGEST_CHARACTER: usize = 4;
/// A table and its rows of this batch.
pub struct Table {
    /// The root of its tree.
    pub root: NodeId,
    /// The member `value` of that, which elements that are no objects are read as.
    pub value: NodeId,
    /// The cells of a row, empty between two rows; whoever fills a row takes them meanwhile.
    pub cells: Vec<Cell>,
    /// The nodes of its columns.
    pub columns: Vec<NodeId>,
    /// How many of those have a cell in a row.
    pub written: usize,
    /// The finished rows.
    pub output: Output,
    /// How many link columns it has.
    pub links: usize,
    /// Those that are written.
    pub written_links: Links,
    /// What else is done with its rows than to write them, if anything.
    pub treated: Option<Box<TreatedRows>>,
}

impl Table {
    /// How many cells its rows have now.
    fn width(&self) -> usize {
        self.written_links.count() + self.written
    }
}

/// What is done with the rows of a table.
pub struct TreatedRows {
    /// Whether they are made.
    pub are_made: bool,
    /// In which form they have the record's id, if it is masked, and how many were.
    pub record_id: Option<(usize, MaskedCells)>,
    /// What masks their keys, if anything does, and how many were.
    pub key: Option<(Mask, MaskedCells)>,
    /// The cells of the row at hand that are room for what is made late.
    pub late: Vec<LateCell>,
}

impl TreatedRows {
    /// Nothing but to write them.
    fn written() -> Self {
        Self { are_made: true, record_id: None, key: None, late: Vec::new() }
    }
}

/// A table or column that was met for the first time.
pub struct Entry {
    /// Whether it is a table.
    pub is_table: bool,
    /// The table that it is in.
    pub owner: usize,
    /// The node of its path.
    pub node: NodeId,
    /// The record that brought it.
    pub origin: usize,
}

/// How much a schema may have.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Columns of a table, its ids included.
    pub columns: usize,
    /// Tables.
    pub tables: usize,
    /// Bytes of a name.
    pub name_bytes: usize,
}

/// The trees of all tables, and what is at which path in them.
pub struct SchemaTrees {
    bounds: Bounds,
    marks_text: bool,
    /// What is done with columns, where it is not nothing.
    pub treatments: Option<Treatments>,
    /// The id of the record at hand.
    pub record_ids: RecordIds,
    /// The keys that paths consist of.
    pub keys: KeyTree,
    /// The tables by number; the first one is the root table.
    pub tables: Vec<Table>,
    /// What was added since the last call of `follow`.
    pub entries: Vec<Entry>,
    /// The record at hand.
    pub origin: usize,
    /// Whether the last entry is one that no schema takes.
    pub is_beyond: bool,
}

impl SchemaTrees {
    /// Nothing but the root table without columns.
    pub fn new(bounds: Bounds, rules: Option<Arc<ColumnRules>>, marks_text: bool) -> Self {
        let mut trees = Self {
            bounds,
            marks_text,
            treatments: rules.map(Treatments::new),
            record_ids: RecordIds::new(),
            keys: KeyTree::default(),
            tables: Vec::new(),
            entries: Vec::new(),
            origin: 0,
            is_beyond: false,
        };
        trees.new_table(None);
        trees
    }

    /// Adds what the schema has; false if `owner` is not there.
    pub fn follow(&mut self, is_table: bool, owner: usize, path: &[String]) -> bool {
        let Some(table) = self.tables.get(owner) else {
            return false;
        };
        let mut node = table.root;
        for key in path {
            node = self.keys.member(node, key.as_bytes());
        }
        if is_table {
            let _ = self.add_table(owner, node);
        } else {
            let mut cells = std::mem::take(&mut self.tables[owner].cells);
            let _ = self.add_column(owner, node, &mut cells);
            self.tables[owner].cells = cells;
        }
        self.entries.clear();
        self.is_beyond = false;
        true
    }

    /// Takes what was added, with the records that brought it; a key that is longer than a name may
    /// be is cut off.
    pub fn take_entries(&mut self, name_bytes: usize) -> Vec<(fragment::Entry, usize)> {
        let entries = std::mem::take(&mut self.entries);
        let keys =
            |node| self.keys.path(node).into_iter().map(|key| text(key, name_bytes)).collect();
        let taken = entries.into_iter().map(|Entry { is_table, owner, node, origin }| {
            (fragment::Entry { is_table, owner, path: keys(node) }, origin)
        });
        taken.collect()
    }

    /// Forgets all rows.
    pub fn clear_rows(&mut self) {
        for table in &mut self.tables {
            table.output.clear();
            if let Some(treated) = &mut table.treated {
                treated.late.clear();
            }
        }
        if let Some(treatments) = &mut self.treatments {
            treatments.late.clear();
        }
    }

    /// Notes where the cells that are made late are in the last row of a table, which was just written
    /// of these cells and ends with so many bytes of a line end; the scratch space begins there.
    #[inline(never)]
    pub fn finish_late(
        &mut self,
        number: usize,
        (row, scratch): (&[Cell], usize),
        line_end: usize,
    ) {
        let Some(treatments) = &mut self.treatments else { return };
        let table = &mut self.tables[number];
        let Some(treated) = &mut table.treated else { return };
        let (end, quote) = (table.output.len() - line_end, usize::from(self.marks_text));
        treatments.late.move_to_rows(&mut treated.late, (row, scratch), (number, end), quote);
    }

    /// Makes the pseudonyms that are to be made late, for rows and for cells in the scratch space.
    #[inline(never)]
    pub fn make_late(&mut self, scratch: &mut [u8]) {
        let Some(treatments) = &mut self.treatments else { return };
        let tables = &mut self.tables;
        treatments.make_late(|target, made| match target.holder {
            Holder::Rows(table) => tables[table as usize].output.fill_in(target.at, made),
            Holder::Scratch => late::fill_in(scratch, target.at, made),
            Holder::Nothing => {}
        });
    }

    /// Takes the rows of all tables, if they are few of each of many.
    pub fn take_few(&mut self) -> Option<FewRows> {
        let (mut tables, mut columns, mut rows, mut bytes) = (0, 0, 0, 0);
        for table in self.tables.iter().filter(|table| table.output.rows() > 0) {
            tables += 1;
            columns += table.columns.len();
            rows += table.output.rows();
            bytes += table.output.len();
        }
        let are_few = are_few_of_many(tables, bytes + size_of::<usize>() * rows);
        are_few.then(|| self.few(FewRows::with_room(tables, columns, rows, bytes)))
    }

    fn few(&mut self, mut few: FewRows) -> FewRows {
        let mut kept = 0;
        for (number, table) in self.tables.iter_mut().enumerate() {
            if table.output.rows() > 0 {
                table.output.pack(number, table.width(), &mut few);
                let nodes = table.columns.iter();
                let columns =
                    nodes.map(|&node| column_bits(&mut self.keys, &mut self.treatments, node));
                few.add_kinds(number, columns);
            }
            kept += table.output.room();
            if number >= MANY_TABLES && kept > MOST_KEPT {
                table.output.forget();
            }
        }
        few
    }

    /// Takes the rows of all tables, and which kinds of values the columns of those tables have.
    pub fn take_rows(&mut self) -> (Vec<Rows>, Vec<TableKinds>) {
        let are_many = self.tables.len() > MANY_TABLES;
        let (mut rows, mut kinds) = (Vec::new(), Vec::new());
        for (number, table) in self.tables.iter_mut().enumerate() {
            let taken = table.output.take_as(number, table.width());
            if are_many {
                table.output.forget();
            }
            if !taken.is_empty() {
                let nodes = table.columns.iter();
                let columns =
                    nodes.map(|&node| column_bits(&mut self.keys, &mut self.treatments, node));
                let bits = columns.flat_map(u128::to_le_bytes).collect();
                kinds.push(TableKinds { table: number, bits });
                rows.extend(taken);
            }
        }
        (rows, kinds)
    }

    /// Takes how many cells were masked.
    pub fn take_masked(&mut self) -> Vec<MaskedCells> {
        let Some(treatments) = &mut self.treatments else { return Vec::new() };
        let links = self.tables.iter_mut().filter_map(|table| table.treated.as_deref_mut());
        let links = links.flat_map(|TreatedRows { record_id, key, .. }| {
            let record_id = record_id.as_mut().map(|(_, cells)| cells);
            [record_id, key.as_mut().map(|(_, cells)| cells)].into_iter().flatten()
        });
        let columns = treatments.masked.iter_mut().map(|column| &mut column.cells);
        links.chain(columns).filter_map(MaskedCells::take).collect()
    }

    /// Makes the node's path a table.
    #[cold]
    pub fn add_table(&mut self, owner: usize, node: NodeId) -> Result<usize, Malformed> {
        self.entries.push(Entry { is_table: true, owner, node, origin: self.origin });
        self.require_bounds(node, self.tables.len() < self.bounds.tables)?;
        let table = self.new_table(Some((owner, node)));
        self.keys.set_table(node, table);
        Ok(table)
    }

    fn require_bounds(&mut self, node: NodeId, fits: bool) -> Result<(), Malformed> {
        self.is_beyond = !fits || self.name_bytes(node) > self.bounds.name_bytes;
        if self.is_beyond { Err(Malformed) } else { Ok(()) }
    }

    /// How long the name of the node's path is at least: its table's may come before it.
    fn name_bytes(&self, node: NodeId) -> usize {
        let path = self.keys.path(node);
        let keys: usize = path.iter().map(|key| key.len().max(1)).sum();
        (keys + path.len()).saturating_sub(1)
    }

    /// Adds a table for lists at a node of its owner's rows, or the root table.
    fn new_table(&mut self, place: Option<(usize, NodeId)>) -> usize {
        let number = self.tables.len();
        let treated = self.treatments.as_mut().map(|treatments| {
            let path = place.map(|(owner, node)| (owner, self.keys.path(node)));
            treatments.add_table(path.as_ref().map(|(owner, path)| (*owner, &**path)))
        });
        let root = self.keys.add_root();
        let value = self.keys.member(root, b"value");
        let links = treated
            .as_ref()
            .map_or_else(|| TableLinks::usual(place.is_none()), |table| table.links.clone());
        let treated = treated.and_then(|table| self.treated_rows(number, &table));
        self.tables.push(Table {
            root,
            value,
            cells: Vec::new(),
            columns: Vec::new(),
            written: 0,
            output: Output::default(),
            links: links.all,
            written_links: links.written,
            treated,
        });
        number
    }

    fn treated_rows(&mut self, number: usize, table: &TreatedTable) -> Option<Box<TreatedRows>> {
        let rules = self.treatments.as_ref()?.rules();
        let TreatedTable { links, has_rows } = table;
        let cells = |column| MaskedCells { table: number, column, cells: 0 };
        let record_id = links.record_id.as_ref().and_then(|treatment| {
            let form = self.record_ids.form(treatment, rules.mask(treatment)?, self.marks_text);
            Some((form, cells(RECORD_ID_COLUMN)))
        });
        let key = links.key.as_ref().and_then(|one| Some((rules.mask(one)?, cells(KEY_COLUMN))));
        let is_plain = *has_rows && record_id.is_none() && key.is_none();
        let are_made = *has_rows;
        (!is_plain).then(|| Box::new(TreatedRows { are_made, record_id, key, late: Vec::new() }))
    }

    /// Makes the node's path a column of that table, whose row at hand may have another cell then;
    /// answers the number that the node has for it.
    #[cold]
    pub fn add_column(
        &mut self,
        owner: usize,
        node: NodeId,
        cells: &mut Vec<Cell>,
    ) -> Result<u32, Malformed> {
        self.entries.push(Entry { is_table: false, owner, node, origin: self.origin });
        let table = &mut self.tables[owner];
        let (number, width) = (table.columns.len(), table.width());
        table.columns.push(node);
        let fits = table.links + table.columns.len() <= self.bounds.columns;
        self.require_bounds(node, fits)?;
        let plain = cells.len() as u32 + 1;
        let (column, is_written) = match &mut self.treatments {
            None => (plain, true),
            Some(treatments) => {
                let path = self.keys.path(node);
                let column = treatments.add_column(owner, &path, number, cells.len());
                if column::masked(column).is_some() {
                    self.tables[owner]
                        .treated
                        .get_or_insert_with(|| Box::new(TreatedRows::written()));
                }
                (column, treatments.is_written(column))
            }
        };
        if is_written {
            let table = &mut self.tables[owner];
            table.output.widen(width);
            table.written += 1;
            cells.push(Cell::default());
        }
        self.keys.set_column(node, column);
        Ok(column)
    }

    /// Whether an object at a node of a table's rows is read as a list of its members.
    #[inline(always)]
    pub fn is_map(&mut self, table: usize, node: NodeId) -> bool {
        let Some(treatments) = &self.treatments else { return false };
        treatments.rules().have_maps()
            && self.keys.is_map(node, |keys| treatments.is_map(table, &keys.path(node)))
    }
}

/// The bits of the column at a node: see `TableKinds` in `kinds.py`.
fn column_bits(keys: &mut KeyTree, treatments: &mut Option<Treatments>, node: NodeId) -> u128 {
    let seen = keys.take_seen(node);
    // Without treatments, all columns are plain.
    let Some(treatments) = treatments else { return seen };
    let number = keys.node(node).column;
    match column::masked(number) {
        Some(masked) => u128::from(treatments.masked[masked].take_kinds()),
        None if column::is_plain(number) => seen,
        None => 0,
    }
}

/// A key of a record whose text was checked; of a very long one, more than a name may have.
fn text(key: &[u8], name_bytes: usize) -> String {
    let most = key.len().min(name_bytes + LONGEST_CHARACTER);
    String::from_utf8_lossy(&key[..most]).into_owned()
}
