//! Flattens batches, on any number of threads, for a schema that grows meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::flattener::{Batch, End, Flattener, Settings, TakePart};
use super::fragment::{Entry, Fragment};
use crate::search::{Search, scan};
use crate::wanted::Wanted;

/// So many batches after a bad record are looked over first: it may be one of many.
const CAREFUL_BATCHES: usize = 16;

/// The schema as it is known, and flatteners for any number of threads.
pub struct FlattenerPool {
    settings: Settings,
    /// How many nodes a tree may have more than there are entries.
    spare_nodes: usize,
    log: Mutex<Arc<Vec<Entry>>>,
    /// The flatteners that no thread uses; the one that was used last is taken first.
    idle: Mutex<Vec<SyncedFlattener>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FlattenerPool {
    /// Begins with a schema without columns.
    pub fn new(settings: Settings, spare_nodes: usize) -> Self {
        Self { settings, spare_nodes, log: Mutex::default(), idle: Mutex::default() }
    }

    /// Adds an entry to the schema, whose table is there already.
    pub fn adopt(&self, entry: Entry) {
        Arc::make_mut(&mut locked(&self.log)).push(entry);
    }

    /// Flattens a batch for the schema as it is now.
    ///
    /// What is too much for one fragment is given to the take; without one, the fragment is full.
    pub fn flatten(&self, batch: &Batch, take: Option<TakePart>) -> Fragment {
        let log = Arc::clone(&locked(&self.log));
        let idle = locked(&self.idle).pop();
        let mut flattener = idle.unwrap_or_else(|| SyncedFlattener::new(self.settings.clone()));
        let fragment = flattener.fragment(batch, log, self.spare_nodes, take);
        locked(&self.idle).push(flattener);
        fragment
    }
}

/// A flattener and the schema that it was brought to, used by one thread at a time.
struct SyncedFlattener {
    flattener: Flattener,
    log: Arc<Vec<Entry>>,
    /// How many batches are still looked over first.
    careful: usize,
}

impl SyncedFlattener {
    fn new(settings: Settings) -> Self {
        Self { flattener: Flattener::new(settings), log: Arc::default(), careful: 0 }
    }

    fn fragment(
        &mut self,
        batch: &Batch,
        log: Arc<Vec<Entry>>,
        spare_nodes: usize,
        take: Option<TakePart>,
    ) -> Fragment {
        let sound = self.sound(batch);
        let batch = &Batch { values: &batch.values[..sound], ..*batch };
        let crowd = log.len() + spare_nodes;
        if self.flattener.trees.keys.len() >= crowd {
            self.reset();
        }
        self.follow(log);
        let flattener = &mut self.flattener;
        flattener.begin(self.log.len(), crowd);
        flattener.take = take;
        let (records, end) = flattener.flatten(batch);
        if matches!(end, End::Malformed | End::Full) {
            // Part of that record is in the rows and the trees already: begin again without it.
            if end == End::Malformed {
                self.careful = CAREFUL_BATCHES;
            }
            self.begin_again();
            self.flattener.flatten(&Batch { values: &batch.values[..records], ..*batch });
        }
        self.flattener.take = None;
        let is_full = records < batch.values.len() && matches!(end, End::Between | End::Full);
        self.flattener.part(records, is_full)
    }

    /// How many records there are before a bad one, where such are to be expected: to begin again for
    /// each would take as long as to flatten all twice.
    fn sound(&mut self, batch: &Batch) -> usize {
        if self.careful == 0 {
            return batch.values.len();
        }
        let &Batch { data, values, keys, depth, .. } = batch;
        let (max_depth, wanted) = (self.flattener.settings.max_depth, &Wanted::new(b""));
        let sound = scan(&Search { data, values, keys, depth, max_depth, wanted }).sound;
        self.careful = if sound < values.len() { CAREFUL_BATCHES } else { self.careful - 1 };
        sound
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
