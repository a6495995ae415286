//! The schema that records are flattened for: which paths are columns and tables.

use super::cell::Cell;
use super::csv::{Output, Rows};
use super::fragment;
use super::key_tree::{KeyTree, NodeId};
use crate::json::Malformed;
use crate::kinds::TableKinds;

/// How many columns of ids the root table has.
const ROOT_LINKS: usize = 2;
/// How many columns of ids every other table has.
const CHILD_LINKS: usize = 3;
/// The memory of so many tables' rows is kept for later.
const MANY_TABLES: usize = 256;
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
    /// The nodes of its columns: a row has a cell for each.
    pub columns: Vec<NodeId>,
    /// The finished rows.
    pub output: Output,
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
    pub fn new(bounds: Bounds) -> Self {
        let mut trees = Self {
            bounds,
            keys: KeyTree::default(),
            tables: Vec::new(),
            entries: Vec::new(),
            origin: 0,
            is_beyond: false,
        };
        trees.new_table();
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
            let _ = self.add_column(owner, node, &mut cells, Cell::default());
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

    /// Takes the rows of all tables, and which kinds of values the columns of those tables have.
    pub fn take_rows(&mut self) -> (Vec<Rows>, Vec<TableKinds>) {
        let are_many = self.tables.len() > MANY_TABLES;
        let (mut rows, mut kinds) = (Vec::new(), Vec::new());
        for (number, table) in self.tables.iter_mut().enumerate() {
            let taken = table.output.take_as(number, table.columns.len());
            if are_many {
                table.output.forget();
            }
            if !taken.is_empty() {
                kinds.push(self.keys.take_kinds(number, &table.columns));
                rows.extend(taken);
            }
        }
        (rows, kinds)
    }

    /// Makes the node's path a table.
    #[cold]
    pub fn add_table(&mut self, owner: usize, node: NodeId) -> Result<usize, Malformed> {
        self.entries.push(Entry { is_table: true, owner, node, origin: self.origin });
        let table = self.new_table();
        self.keys.set_table(node, table);
        self.require_bounds(node, self.tables.len() <= self.bounds.tables)?;
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

    fn new_table(&mut self) -> usize {
        let root = self.keys.add_root();
        let value = self.keys.member(root, b"value");
        self.tables.push(Table {
            root,
            value,
            cells: Vec::new(),
            columns: Vec::new(),
            output: Output::default(),
        });
        self.tables.len() - 1
    }

    /// Makes the node's path a column with that cell in the row at hand.
    #[cold]
    pub fn add_column(
        &mut self,
        owner: usize,
        node: NodeId,
        cells: &mut Vec<Cell>,
        cell: Cell,
    ) -> Result<(), Malformed> {
        self.entries.push(Entry { is_table: false, owner, node, origin: self.origin });
        self.tables[owner].output.widen(cells.len());
        cells.push(cell);
        self.keys.set_column(node, cells.len());
        self.tables[owner].columns.push(node);
        let links = if owner == 0 { ROOT_LINKS } else { CHILD_LINKS };
        self.require_bounds(node, links + cells.len() <= self.bounds.columns)
    }
}

/// A key of a record whose text was checked; of a very long one, more than a name may have.
fn text(key: &[u8], name_bytes: usize) -> String {
    let most = key.len().min(name_bytes + LONGEST_CHARACTER);
    String::from_utf8_lossy(&key[..most]).into_owned()
}
