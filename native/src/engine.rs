//! Flattens batches, on any number of threads, for a schema that grows meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::csv::Rows;
use crate::flatten::{Batch, End, Flattener, Settings, Sink};

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
    /// Whether the next one is neither, but was left out because the rows are many.
    pub is_full: bool,
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

    /// Flattens a batch for the schema as it is now.
    ///
    /// What is too much for one fragment is given to the sink; without one, the fragment is full.
    pub fn flatten(&self, batch: &Batch, sink: Option<Sink>) -> Fragment {
        let log = Arc::clone(&locked(&self.log));
        let idle = locked(&self.idle).pop();
        let mut follower = idle.unwrap_or_else(|| Follower::new(self.settings.clone()));
        let fragment = follower.fragment(batch, log, self.spare_nodes, sink);
        locked(&self.idle).push(follower);
        fragment
    }
}

/// What flattens on one thread at a time, and the schema that it was brought to.
struct Follower {
    flattener: Flattener,
    log: Arc<Vec<Entry>>,
}

impl Follower {
    fn new(settings: Settings) -> Self {
        Self { flattener: Flattener::new(settings), log: Arc::default() }
    }

    fn fragment(
        &mut self,
        batch: &Batch,
        log: Arc<Vec<Entry>>,
        spare_nodes: usize,
        sink: Option<Sink>,
    ) -> Fragment {
        let crowd = log.len() + spare_nodes;
        if self.flattener.trees.len() >= crowd {
            self.reset();
        }
        self.follow(log);
        let flattener = &mut self.flattener;
        flattener.begin(self.log.len(), crowd);
        flattener.sink = sink;
        let (records, end) = flattener.flatten(batch);
        if matches!(end, End::Bad | End::Full) {
            // Part of that record is in the rows and the trees already: begin again without it.
            self.begin_again();
            self.flattener.flatten(&Batch { values: &batch.values[..records], ..*batch });
        }
        self.flattener.sink = None;
        let is_full = records < batch.values.len() && matches!(end, End::Between | End::Full);
        self.flattener.part(records, is_full)
    }

    /// Brings fresh trees to the schema as it is, with what was taken of the batch.
    fn begin_again(&mut self) {
        self.flattener.reset();
        for entry in self.log.iter().chain(&self.flattener.own) {
            self.flattener.trees.follow(entry.is_table, entry.owner, &entry.path);
        }
    }

    fn reset(&mut self) {
        self.flattener.reset();
        self.log = Arc::default();
        self.flattener.own.clear();
    }

    /// Brings the trees to the state that the log describes.
    fn follow(&mut self, log: Arc<Vec<Entry>>) {
        if Arc::ptr_eq(&log, &self.log) && self.flattener.own.is_empty() {
            return;
        }
        let mut known = self.log.len() + self.flattener.own.len();
        if !log.starts_with(&self.log) || !log[self.log.len()..].starts_with(&self.flattener.own) {
            self.reset();
            known = 0;
        }
        for entry in &log[known..] {
            self.flattener.trees.follow(entry.is_table, entry.owner, &entry.path);
        }
        self.log = log;
        self.flattener.own.clear();
    }
}
