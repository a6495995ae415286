//! Flattens batches, on any number of threads, for a schema that grows meanwhile.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::flattener::{Batch, End, Flattener, Settings, TakePart};
use super::fragment::{Entry, Fragment};
use crate::search::{Search, scan};
use crate::wanted::Wanted;

use super::relay::{Helpers, Order, Relay};
use crate::stretches::StretchSize;

/// How work is divided.
#[derive(Clone, Copy)]
pub struct Work {
    /// How many nodes a tree may have more than there are entries.
    pub spare_nodes: usize,
    /// How many threads flatten one record, if it is long.
    pub threads: usize,
    /// A record of more bytes is long.
    pub long_record: usize,
    /// Bytes of a stretch of such a record, at least.
    pub stretch_bytes: usize,
    /// Commas of a stretch of fewer bytes.
    pub stretch_commas: usize,
}

impl Work {
    /// All by one thread.
    pub fn alone(spare_nodes: usize) -> Self {
        let most = usize::MAX;
        let (stretch_bytes, stretch_commas) = (most, most);
        Self { spare_nodes, threads: 1, long_record: most, stretch_bytes, stretch_commas }
    }
}

/// So many batches after a bad record are looked over first: it may be one of many.
const CAREFUL_BATCHES: usize = 16;

/// Flatteners that no thread uses have so many nodes at most, but for the one that was used last.
const MOST_IDLE_NODES: usize = 48 << 10;

/// The schema as it is known, and flatteners for any number of threads.
pub struct FlattenerPool {
    settings: Settings,
    /// How its work is divided.
    pub work: Work,
    log: Mutex<Arc<Vec<Entry>>>,
    /// The flatteners that no thread uses; the one that was used last is taken first.
    idle: Mutex<Vec<SyncedFlattener>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl FlattenerPool {
    /// Begins with a schema without columns.
    pub fn new(settings: Settings, work: Work) -> Self {
        Self { settings, work, log: Mutex::default(), idle: Mutex::default() }
    }

    /// Adds entries to the schema, whose tables are there already, or come before.
    pub fn adopt(&self, entries: impl Iterator<Item = Entry>) {
        Arc::make_mut(&mut locked(&self.log)).extend(entries);
    }

    /// Flattens a batch for the schema as it is now.
    ///
    /// What is too much for one fragment is given to the take; without one, the fragment is full.
    pub fn flatten(&self, batch: &Batch, take: Option<TakePart>) -> Fragment {
        let log = Arc::clone(&locked(&self.log));
        let mut flattener = self.idle_one();
        let fragment = flattener.fragment(batch, &PoolHelpers { pool: self, log }, take);
        self.put_back(flattener);
        fragment
    }

    /// How many entries the schema has.
    pub fn entries(&self) -> usize {
        locked(&self.log).len()
    }

    fn idle_one(&self) -> SyncedFlattener {
        let idle = locked(&self.idle).pop();
        idle.unwrap_or_else(|| SyncedFlattener::new(self.settings.clone()))
    }

    /// Keeps a flattener for the next one who needs one. Each knows all of a schema, which may be
    /// much: those that were not used for longest go.
    fn put_back(&self, flattener: SyncedFlattener) {
        let mut idle = locked(&self.idle);
        idle.push(flattener);
        let mut nodes = 0;
        let fitting = idle.iter().rev().take_while(|one| {
            nodes += one.flattener.trees.keys.len();
            nodes <= MOST_IDLE_NODES
        });
        let kept = fitting.count().max(1);
        let surplus = idle.len() - kept;
        let gone: Vec<_> = idle.drain(..surplus).collect();
        drop(idle);
        drop(gone); // when no thread has to wait for that
    }
}

/// Flatteners that help one with a long record, for the schema as it was when that began.
struct PoolHelpers<'a> {
    pool: &'a FlattenerPool,
    log: Arc<Vec<Entry>>,
}

impl Helpers for PoolHelpers<'_> {
    fn may_help(&self, bytes: usize) -> bool {
        self.threads() > 1 && bytes > self.pool.work.long_record
    }

    fn threads(&self) -> usize {
        self.pool.work.threads
    }

    fn stretch_size(&self) -> StretchSize {
        let Work { stretch_bytes: bytes, stretch_commas: commas, .. } = self.pool.work;
        StretchSize { bytes, commas }
    }

    fn log(&self) -> Arc<Vec<Entry>> {
        Arc::clone(&self.log)
    }

    fn help(&self, relay: &Relay, data: &[u8]) {
        let _guard = Unwinding(relay);
        let mut flattener = self.pool.idle_one();
        while let Some(order) = relay.order() {
            let number = order.number;
            relay.give(number, flattener.stretch(order, data, self.pool.work.spare_nodes));
        }
        self.pool.put_back(flattener);
    }
}

/// Ends the work when its thread panics: whoever waits would do so in vain.
struct Unwinding<'a>(&'a Relay);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.end();
        }
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
        helpers: &PoolHelpers,
        take: Option<TakePart>,
    ) -> Fragment {
        let sound = self.sound(batch);
        let batch = &Batch { values: &batch.values[..sound], ..*batch };
        self.begin(helpers.log(), helpers.pool.work.spare_nodes);
        let flattener = &mut self.flattener;
        flattener.take = take;
        let (records, end) = flattener.flatten(batch, helpers);
        if matches!(end, End::Malformed | End::Full) {
            // Part of that record is in the rows and the trees already: begin again without it.
            if end == End::Malformed {
                self.careful = CAREFUL_BATCHES;
            }
            self.begin_again();
            let good = Batch { values: &batch.values[..records], ..*batch };
            self.flattener.flatten(&good, helpers);
        }
        self.flattener.take = None;
        let is_full = records < batch.values.len() && matches!(end, End::Between | End::Full);
        self.flattener.part(records, is_full)
    }

    /// Flattens a stretch of a record that another flattener is at; None if it cannot be done, or has
    /// too many rows.
    fn stretch(&mut self, order: Order, data: &[u8], spare_nodes: usize) -> Option<Fragment> {
        let Order { stretch, place, log, .. } = order;
        self.begin(log, spare_nodes);
        let made = self.flattener.flatten_stretch(data, &stretch, &place);
        if made.is_err() {
            self.begin_again();
        }
        made.ok()
    }

    /// Begins with something, for the schema that the log describes.
    fn begin(&mut self, log: Arc<Vec<Entry>>, spare_nodes: usize) {
        let crowd = log.len() + spare_nodes;
        if self.flattener.trees.keys.len() >= crowd {
            self.reset();
        }
        self.follow(log);
        self.flattener.begin(self.log.len(), crowd);
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::{Arc, Mutex};

    use super::{FlattenerPool, MOST_IDLE_NODES, SyncedFlattener, Work, locked};
    use crate::flatten::{Batch, Bounds, Fragment, Settings};
    use crate::random::Random;
    use crate::wanted::Wanted;

    fn settings() -> Settings {
        Settings {
            line_end: b"\n".to_vec(),
            marks_text: false,
            id_field: Arc::new(Wanted::new(b"k1")),
            max_depth: 9,
            bounds: Bounds { columns: 99, tables: 99, name_bytes: 99 },
            columns: None,
        }
    }

    /// Entries, and the rows of each table, all as wide as they are in the end.
    fn all(pool: &FlattenerPool, batch: &Batch) -> (Vec<String>, BTreeMap<usize, String>) {
        let taken = Arc::<Mutex<Vec<Fragment>>>::default();
        let take = Arc::clone(&taken);
        let last = pool.flatten(
            batch,
            Some(Box::new(move |fragment| {
                locked(&take).push(fragment);
                true
            })),
        );
        let mut entries = Vec::new();
        let (mut widths, mut rows) = (BTreeMap::new(), BTreeMap::<usize, Vec<_>>::new());
        for fragment in locked(&taken).drain(..).chain([last]) {
            if !fragment.entries.is_empty() {
                assert_eq!(fragment.base, entries.len());
            }
            let names = |it: &super::Entry| format!("{} {} {:?}", it.is_table, it.owner, it.path);
            entries.extend(fragment.entries.iter().map(names));
            for some in fragment.all_rows() {
                widths.insert(some.table, some.width.max(*widths.get(&some.table).unwrap_or(&0)));
                let text = String::from_utf8_lossy(&some.text).into_owned();
                rows.entry(some.table).or_default().push((some.width, text));
            }
        }
        let wide = |(table, rows): (usize, Vec<(usize, String)>)| {
            let lines = rows.iter().flat_map(|(width, text)| {
                let commas = ",".repeat(widths[&table] - width);
                text.lines().map(move |line| format!("{line}{commas}\n"))
            });
            (table, lines.collect())
        };
        (entries, rows.into_iter().map(wide).collect())
    }

    #[test]
    fn few_flatteners_stay_that_know_a_large_schema() {
        for (nodes, kept) in [(10, 3), (MOST_IDLE_NODES / 2 - 9, 2), (MOST_IDLE_NODES + 9, 1)] {
            let pool = FlattenerPool::new(settings(), Work::alone(9));
            for number in 0..3 {
                let mut one = SyncedFlattener::new(settings());
                one.careful = number;
                for node in 0..nodes {
                    one.flattener.trees.keys.member(0, node.to_string().as_bytes());
                }
                pool.put_back(one);
            }
            let idle: Vec<_> = locked(&pool.idle).iter().map(|one| one.careful).collect();
            assert_eq!(idle, (3 - kept..3).collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_are_the_same_whoever_makes_them() {
        let mut random = Random::default();
        for _ in 0..3000 {
            let data = format!("[{}]", [(); 4].map(|()| random.value(5)).join(","));
            let batch = Batch {
                data: data.as_bytes(),
                values: &[(0, data.len())],
                keys: &[],
                file: 1,
                first: 1,
                depth: 0,
            };
            let alone = all(&FlattenerPool::new(settings(), Work::alone(9)), &batch);
            let work = Work {
                spare_nodes: 9,
                threads: 2,
                long_record: 0,
                stretch_bytes: 1 + random.below(60),
                stretch_commas: 1 + random.below(9),
            };
            assert_eq!(all(&FlattenerPool::new(settings(), work), &batch), alone, "{data}");
        }
    }
}
