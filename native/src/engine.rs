//! Flattens batches, on any number of threads, for a schema that grows meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::csv::Rows;
use crate::flatten::{Batch, Flattener, Settings};

/// Bytes of UTF-8.
const LONGEST_CHARACTER: usize = 4;

/// A table or column of the schema: in document order they are its log.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whether it is a table.
    pub is_table: bool,
    /// The table that it is in.
    pub owner: usize,
    /// Its path.
    pub path: Vec<String>,
}

/// A batch's rows, made for the schema's first entries and then the fragment's own.
pub struct Fragment {
    /// How many entries the schema had.
    pub base: usize,
    /// Those that the batch added,
    pub entries: Vec<Entry>,
    /// and the records that brought them.
    pub origins: Vec<usize>,
    /// The rows of each table that has any.
    pub rows: Vec<Rows>,
    /// How many of the batch's records are in it: the next one is bad, or beyond the schema's bounds.
    pub records: usize,
}

impl Fragment {
    /// About how many bytes of memory it takes.
    pub fn size(&self) -> usize {
        self.rows.iter().map(Rows::size).sum()
    }
}

/// The schema as it is known, and what flattens.
pub struct Engine {
    settings: Settings,
    /// How many nodes a tree may have more than there are entries.
    spare_nodes: usize,
    log: Mutex<Arc<Vec<Entry>>>,
    /// Those that no thread uses; the last one that was used comes first.
    idle: Mutex<Vec<Follower>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// For a schema without columns.
    pub fn new(settings: Settings, spare_nodes: usize) -> Self {
        Self { settings, spare_nodes, log: Mutex::default(), idle: Mutex::default() }
    }

    /// Adds an entry to the schema, whose table is there already.
    pub fn adopt(&self, entry: Entry) {
        Arc::make_mut(&mut locked(&self.log)).push(entry);
    }

    /// Forgets the schema.
    pub fn reset(&self) {
        *locked(&self.log) = Arc::default();
    }

    /// Flattens a batch for the schema as it is now.
    pub fn flatten(&self, batch: &Batch) -> Fragment {
        let log = Arc::clone(&locked(&self.log));
        let idle = locked(&self.idle).pop();
        let mut follower = idle.unwrap_or_else(|| Follower::new(self.settings.clone()));
        let fragment = follower.fragment(batch, log, self.spare_nodes);
        locked(&self.idle).push(follower);
        fragment
    }
}

/// What flattens on one thread at a time, and the schema that it was brought to.
struct Follower {
    flattener: Flattener,
    log: Arc<Vec<Entry>>,
    /// What it added itself.
    own: Vec<Entry>,
}

impl Follower {
    fn new(settings: Settings) -> Self {
        Self { flattener: Flattener::new(settings), log: Arc::default(), own: Vec::new() }
    }

    fn fragment(&mut self, batch: &Batch, log: Arc<Vec<Entry>>, spare_nodes: usize) -> Fragment {
        if self.flattener.trees.len() > log.len() + spare_nodes {
            self.reset();
        }
        self.follow(Arc::clone(&log));
        let records = self.flattener.flatten(batch);
        let is_beyond = self.flattener.trees.is_beyond;
        if records < batch.values.len() && !is_beyond {
            // Part of the bad record is in the rows and the trees already: begin again without it.
            self.reset();
            self.follow(log);
            self.flattener.flatten(&Batch { values: &batch.values[..records], ..*batch });
        }
        let trees = &mut self.flattener.trees;
        let most = self.flattener.settings.bounds.name_bytes;
        let added = trees.entries.iter().map(|entry| Entry {
            is_table: entry.is_table,
            owner: entry.owner,
            path: trees.path(entry.node).into_iter().map(|key| text(key, most)).collect(),
        });
        self.own = added.collect();
        Fragment {
            base: self.log.len(),
            entries: self.own.clone(),
            origins: trees.entries.iter().map(|entry| entry.origin).collect(),
            rows: if is_beyond { Vec::new() } else { trees.take_rows() },
            records,
        }
    }

    fn reset(&mut self) {
        self.flattener.reset();
        self.log = Arc::default();
        self.own.clear();
    }

    /// Brings the trees to the state that the log describes.
    fn follow(&mut self, log: Arc<Vec<Entry>>) {
        if Arc::ptr_eq(&log, &self.log) && self.own.is_empty() {
            return;
        }
        let mut known = self.log.len() + self.own.len();
        if !log.starts_with(&self.log) || !log[self.log.len()..].starts_with(&self.own) {
            self.reset();
            known = 0;
        }
        for entry in &log[known..] {
            self.flattener.trees.follow(entry.is_table, entry.owner, &entry.path);
        }
        self.log = log;
        self.own.clear();
    }
}

/// A key of a record whose text was checked; of one that is too long for a name, enough to show it.
fn text(key: &[u8], most: usize) -> String {
    String::from_utf8_lossy(&key[..key.len().min(most + LONGEST_CHARACTER)]).into_owned()
}
