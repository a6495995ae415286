//! What is at which path: each table's columns form a tree of keys, which learns the usual order.

use hashbrown::{DefaultHashBuilder, HashTable};
use std::hash::BuildHasher;

use crate::cell::Cell;
use crate::csv::{Output, Rows};
use crate::engine;
use crate::json::Bad;
use crate::lanes::equal;

/// Number of a node in [`Trees`]; 0, a table's root, stands for none where a member is meant.
pub type NodeId = usize;

/// Bytes of a text that are compared with a label, which is shorter.
pub const LABEL: usize = 32;
/// How many columns of ids the root table has, and every other one.
const ROOT_LINKS: usize = 2;
const CHILD_LINKS: usize = 3;
/// The memory of so many tables' rows is kept for later.
const MANY_TABLES: usize = 256;
/// Bytes of UTF-8.
const LONGEST_CHARACTER: usize = 4;
/// Equal to nothing: no valid text has a byte 0xff.
const NO_LABEL: [u8; LABEL] = [0xff; LABEL];

/// A key in a table's tree: what is at its path. One cache line.
#[derive(Clone)]
#[repr(align(64))]
pub struct Node {
    /// How the member usually begins: its key with quotes and the colon.
    label: [u8; LABEL],
    /// Which bytes of the label have to be there.
    wanted: u32,
    label_length: u32,
    /// One more than the number of the path's cell in a row, 0 while it has none.
    pub column: u32,
    /// The number of the path's table, 0 while it has none.
    pub table: u32,
    /// The member that came after this one.
    next: u32,
    /// The member that an object at this path began with.
    first: u32,
    /// The object that had this member last.
    seen: u64,
}

/// A member that was expected.
pub struct Member {
    /// Its node.
    pub node: NodeId,
    /// As the node has it.
    pub column: u32,
    /// The guess for the member after it.
    pub next: u32,
    /// How long its label is: less than [`LABEL`].
    pub length: usize,
}

/// The place of a node; kept apart, because it is rarely looked at.
struct Place {
    parent: NodeId,
    key: Box<[u8]>,
    /// The object that had the key more than once, and the number to try next there.
    again: (u64, u32),
}

/// A table and its rows of this batch.
pub struct Table {
    /// The root of its tree.
    pub root: NodeId,
    /// The member `value` of that, which elements that are no objects are read as.
    pub value: NodeId,
    /// The cells of a row, empty between two rows; whoever fills a row takes them meanwhile.
    pub cells: Vec<Cell>,
    /// How many cells a row has.
    pub columns: usize,
    /// The finished rows.
    pub output: Output,
}

/// A table or column that was met for the first time.
pub struct Entry {
    /// Whether it is a table.
    pub is_table: bool,
    /// The table that it is in.
    pub owner: usize,
    /// Its path.
    pub node: NodeId,
    /// The record that brought it.
    pub origin: usize,
}

/// How much a schema may have.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Columns of a table, its ids included,
    pub columns: usize,
    /// tables,
    pub tables: usize,
    /// and bytes of a name.
    pub name_bytes: usize,
}

/// The trees of all tables.
pub struct Trees {
    bounds: Bounds,
    nodes: Vec<Node>,
    places: Vec<Place>,
    index: HashTable<NodeId>,
    hasher: DefaultHashBuilder,
    /// By number; the first one is the root table.
    pub tables: Vec<Table>,
    /// What was added since the last call of `follow`.
    pub entries: Vec<Entry>,
    /// The record at hand.
    pub origin: usize,
    /// Whether the last entry is one that no schema takes.
    pub is_beyond: bool,
}

impl Trees {
    /// Nothing but the root table without columns.
    pub fn new(bounds: Bounds) -> Self {
        let mut trees = Self {
            bounds,
            nodes: Vec::new(),
            places: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            tables: Vec::new(),
            entries: Vec::new(),
            origin: 0,
            is_beyond: false,
        };
        trees.new_table();
        trees
    }

    /// How many nodes there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Adds what the schema has; false if `owner` is not there.
    pub fn follow(&mut self, is_table: bool, owner: usize, path: &[String]) -> bool {
        let Some(table) = self.tables.get(owner) else {
            return false;
        };
        let mut node = table.root;
        for key in path {
            node = self.member(node, key.as_bytes());
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
    pub fn take_entries(&mut self, name_bytes: usize) -> Vec<(engine::Entry, usize)> {
        let entries = std::mem::take(&mut self.entries);
        let keys = |node| self.path(node).into_iter().map(|key| text(key, name_bytes)).collect();
        let taken = entries.into_iter().map(|Entry { is_table, owner, node, origin }| {
            (engine::Entry { is_table, owner, path: keys(node) }, origin)
        });
        taken.collect()
    }

    /// Takes the rows of all tables.
    pub fn take_rows(&mut self) -> Vec<Rows> {
        let are_many = self.tables.len() > MANY_TABLES;
        let tables = self.tables.iter_mut().enumerate();
        let rows = tables.flat_map(|(number, table)| {
            let rows = table.output.take_as(number, table.columns);
            if are_many {
                table.output.forget();
            }
            rows
        });
        rows.collect()
    }

    /// The path of a node, from its table's root.
    pub fn path(&self, mut node: NodeId) -> Vec<&[u8]> {
        let mut keys = Vec::new();
        while self.places[node].parent != node {
            keys.push(&*self.places[node].key);
            node = self.places[node].parent;
        }
        keys.reverse();
        keys
    }

    /// What is known of a node.
    #[inline(always)]
    pub fn node(&self, node: NodeId) -> &Node {
        &self.nodes[node]
    }

    /// Makes the node's path a table.
    #[cold]
    pub fn add_table(&mut self, owner: usize, node: NodeId) -> Result<usize, Bad> {
        self.entries.push(Entry { is_table: true, owner, node, origin: self.origin });
        let table = self.new_table();
        self.nodes[node].table = table as u32;
        self.require_bounds(node, self.tables.len() <= self.bounds.tables)?;
        Ok(table)
    }

    fn require_bounds(&mut self, node: NodeId, fits: bool) -> Result<(), Bad> {
        self.is_beyond = !fits || self.name_bytes(node) > self.bounds.name_bytes;
        if self.is_beyond { Err(Bad) } else { Ok(()) }
    }

    /// How long the name of the node's path is at least: its table's may come before it.
    fn name_bytes(&self, node: NodeId) -> usize {
        let path = self.path(node);
        let keys: usize = path.iter().map(|key| key.len().max(1)).sum();
        (keys + path.len()).saturating_sub(1)
    }

    fn new_table(&mut self) -> usize {
        let root = self.new_node(self.nodes.len(), b"");
        self.nodes[root].label = NO_LABEL;
        let value = self.member(root, b"value");
        self.tables.push(Table {
            root,
            value,
            cells: Vec::new(),
            columns: 0,
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
    ) -> Result<(), Bad> {
        self.entries.push(Entry { is_table: false, owner, node, origin: self.origin });
        self.tables[owner].output.widen(cells.len());
        cells.push(cell);
        self.nodes[node].column = cells.len() as u32;
        self.tables[owner].columns = cells.len();
        let links = if owner == 0 { ROOT_LINKS } else { CHILD_LINKS };
        self.require_bounds(node, links + cells.len() <= self.bounds.columns)
    }

    /// The number to try first for the member of `parent` that comes after `previous` (0: first).
    #[inline(always)]
    pub fn guess(&self, parent: NodeId, previous: NodeId) -> u32 {
        if previous == 0 { self.nodes[parent].first } else { self.nodes[previous].next }
    }

    /// The guessed member, if the text begins with its label and `object` has not had it yet.
    ///
    /// The object has it then.
    #[inline(always)]
    pub fn expect(&mut self, mut guess: u32, object: u64, text: &[u8; LABEL]) -> Option<Member> {
        // Where members are missing, the ones that come after them are next.
        for _ in 0..4 {
            let node = self.nodes.get_mut(guess as usize)?;
            if node.wanted & !equal(text, &node.label) == 0 {
                if node.seen == object {
                    return None;
                }
                node.seen = object;
                let length = node.label_length as usize % LABEL;
                let Node { column, next, .. } = *node;
                return Some(Member { node: guess as usize, column, next, length });
            }
            guess = node.next;
        }
        None
    }

    /// Learns that `node` came after `previous` (0: first) in `parent`.
    pub fn learn(&mut self, parent: NodeId, previous: NodeId, node: NodeId) {
        if previous == 0 {
            self.nodes[parent].first = node as u32;
        } else {
            self.nodes[previous].next = node as u32;
        }
    }

    /// The member of `parent` with that key.
    pub fn member(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let hash = self.hasher.hash_one((parent, key));
        if let Some(node) = self.find(hash, parent, key) {
            return node;
        }
        let node = self.new_node(parent, key);
        let (hasher, places) = (&self.hasher, &self.places);
        self.index.insert_unique(hash, node, |&node| {
            hasher.hash_one((places[node].parent, &*places[node].key))
        });
        node
    }

    fn find(&self, hash: u64, parent: NodeId, key: &[u8]) -> Option<NodeId> {
        let places = &self.places;
        let is_it = |&node: &NodeId| places[node].parent == parent && *places[node].key == *key;
        self.index.find(hash, is_it).copied()
    }

    /// Whether nothing came of a member of `object`, the last one that got a node.
    pub fn is_in_vain(&self, node: NodeId, object: u64) -> bool {
        let is_used = |node: &Node| node.column != 0 || node.table != 0;
        self.places[node].again.0 != object && !self.nodes[node..].iter().rev().any(is_used)
    }

    /// Forgets the last nodes, from this one on, which was not learned to come after any.
    pub fn forget(&mut self, node: NodeId) {
        for (number, Place { parent, key, .. }) in (node..).zip(self.places.drain(node..)) {
            let hash = self.hasher.hash_one((parent, &*key));
            if let Ok(entry) = self.index.find_entry(hash, |&found| found == number) {
                entry.remove();
            }
        }
        self.nodes.truncate(node);
    }

    fn new_node(&mut self, parent: NodeId, key: &[u8]) -> NodeId {
        let (label, wanted, label_length) = label(key);
        self.nodes.push(Node {
            label,
            wanted,
            label_length,
            column: 0,
            table: 0,
            next: 0,
            first: 0,
            seen: 0,
        });
        self.places.push(Place { parent, key: key.into(), again: (0, 0) });
        self.nodes.len() - 1
    }

    /// Notes that `object` has this member; false if it has had it already.
    #[inline(always)]
    pub fn claim(&mut self, node: NodeId, object: u64) -> bool {
        let seen = &mut self.nodes[node].seen;
        let is_new = *seen != object;
        *seen = object;
        is_new
    }

    /// The node that stands for a key which `object` has again: `key~2`, or the next free one.
    ///
    /// Names that have no node may be taken, too.
    #[cold]
    pub fn again(&mut self, node: NodeId, object: u64, is_taken: impl Fn(&[u8]) -> bool) -> NodeId {
        let Place { parent, ref key, again } = self.places[node];
        let stem = [key, &b"~"[..]].concat();
        let mut number = if again.0 == object { again.1 } else { 2 };
        loop {
            let key = [&stem, number.to_string().as_bytes()].concat();
            number += 1;
            self.places[node].again = (object, number);
            if is_taken(&key) {
                continue;
            }
            let candidate = self.member(parent, &key);
            if self.claim(candidate, object) {
                return candidate;
            }
        }
    }

    /// Whether `again` has tried that name for a key of `object`: if it had no use for its node,
    /// that may be forgotten.
    pub fn has_tried(&self, parent: NodeId, name: &[u8], object: u64) -> bool {
        let mut parts = name.rsplitn(2, |&byte| byte == b'~');
        let (Some(digits), Some(stem)) = (parts.next(), parts.next()) else { return false };
        if !matches!(digits.first(), Some(b'1'..=b'9')) {
            return false;
        }
        let number = std::str::from_utf8(digits).ok().and_then(|digits| digits.parse::<u32>().ok());
        let hash = self.hasher.hash_one((parent, stem));
        let again = self.find(hash, parent, stem).map(|node| self.places[node].again);
        again
            .zip(number)
            .is_some_and(|((whose, next), number)| whose == object && (2..next).contains(&number))
    }
}

/// A key of a record whose text was checked; of a very long one, more than a name may have.
fn text(key: &[u8], name_bytes: usize) -> String {
    let most = key.len().min(name_bytes + LONGEST_CHARACTER);
    String::from_utf8_lossy(&key[..most]).into_owned()
}

/// How a member with that key begins, if it is written without escapes and is not too long.
fn label(key: &[u8]) -> ([u8; LABEL], u32, u32) {
    let length = key.len() + 3;
    let plain = key.iter().all(|&byte| byte >= b' ' && byte != b'"' && byte != b'\\');
    if length >= LABEL || !plain {
        return (NO_LABEL, u32::MAX, 0);
    }
    let mut label = NO_LABEL;
    label[0] = b'"';
    label[1..=key.len()].copy_from_slice(key);
    label[key.len() + 1..length].copy_from_slice(b"\":");
    (label, u32::MAX >> (LABEL - length), length as u32)
}
