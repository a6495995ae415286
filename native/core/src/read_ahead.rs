//! Works ahead: threads read on, cut records off, and flatten or scan them.
//!
//! Each does whatever there is to do, so that none waits for another: only reading has to be done
//! by one at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};

use crate::boundary::Span;
use crate::flatten::{Batch, FlattenerPool, Fragment};
use crate::input::{Failure, Place};
use crate::ordered::{Broken, OrderedWork, Step};
use crate::records::{RecordCutter, Records};
use crate::search::{Found, Search, scan};
use crate::wanted::Wanted;

/// What is done to batches.
pub enum Task {
    /// They are flattened.
    Flatten {
        /// What flattens them.
        flatteners: Arc<FlattenerPool>,
        /// The number of the file that they are from.
        file: u64,
    },
    /// They are looked over.
    Scan {
        /// The text that is looked for.
        wanted: Arc<Wanted>,
        /// How many containers may be nested.
        max_depth: usize,
    },
}

/// What came of a batch.
pub enum Outcome {
    /// It was flattened.
    Flattened(Records, Box<Fragment>),
    /// It was looked over.
    Scanned(Records, Found),
    /// There is no batch, for lack of records that can be cut off or for a failure.
    Over(Option<Failure>),
}

/// About how much memory a batch's text takes until rows are made of it. That of a long record is read
/// with room for more, and has its cells copied twice.
fn memory_for(records: &Records) -> usize {
    let size = records.size();
    if size > LONG_RECORD { 5 * size } else { size.max(records.held) }
}

/// Whether the last record of a batch has more bytes than a long one.
fn ends_with(values: &[Span], long: usize) -> bool {
    values.last().is_some_and(|value| value.1 - value.0 > long)
}

impl Outcome {
    /// About how much memory it takes beside its records' text.
    fn size(&self) -> usize {
        match self {
            Self::Flattened(_, fragment) => fragment.size(),
            _ => 0,
        }
    }
}

/// One piece of a file, which threads work on.
pub struct ReadAhead {
    task: Task,
    /// The containers around a record.
    depth: usize,
    threads: usize,
    work: OrderedWork<RecordCutter, Records, Outcome>,
    /// How many batches may have been read and not yet taken.
    most: usize,
    /// About how much memory those may take.
    most_bytes: usize,
    /// Whether nothing is known of the schema, and the first batch was not asked for yet.
    is_new: AtomicBool,
    /// How much text the next batch has at most.
    batch_bytes: AtomicUsize,
    /// The same, by how long no batch has brought columns.
    calm_bytes: AtomicUsize,
    /// How much memory rows of a MiB of records take, by those that were made last.
    rows_of_mib: AtomicUsize,
}

/// A batch with more text than this has a long record.
const LONG_RECORD: usize = 8 << 20;
/// Rows of a batch take less memory than this, where records allow it.
const MANY_ROWS: usize = 6 << 20;
/// A batch may have so much text at least, however large its rows are.
const LEAST_BATCH: usize = 1 << 10;
/// So much text has the first batch. It brings most columns, and no other is begun before they are
/// known.
const FIRST_BATCH: usize = 1 << 20;
/// A batch may have so much text at least, however often columns come.
const LEAST_CALM: usize = 128 << 10;
/// What a thread knows of an entry of the schema takes about so much memory.
const OF_ENTRY: usize = 256;
/// What all threads know of it takes about so much memory at most, unless one knows more.
const MOST_KNOWN: usize = 24 << 20;
/// Batches may take so much memory at least, however much of a schema is known.
const LEAST_HELD: usize = 6 << 20;
/// This part of the text of a batch that brought columns is in the next one.
const CALM_SHARE: usize = 4;

impl ReadAhead {
    /// Begins nothing yet: that is for `threads` threads, which call `work`.
    pub fn new(
        task: Task,
        depth: usize,
        cutter: RecordCutter,
        threads: usize,
        most: usize,
        most_bytes: usize,
    ) -> Self {
        let is_new = matches!(&task, Task::Flatten { flatteners, .. } if flatteners.entries() == 0);
        Self {
            task,
            depth,
            threads,
            work: OrderedWork::new(cutter, threads),
            most,
            most_bytes,
            is_new: AtomicBool::new(is_new),
            batch_bytes: AtomicUsize::new(usize::MAX),
            calm_bytes: AtomicUsize::new(if is_new { FIRST_BATCH } else { usize::MAX }),
            rows_of_mib: AtomicUsize::new(1 << 20),
        }
    }

    /// The text that was read and not cut off, its offset in the file, and from where on can be read
    /// what comes after it, if that is base64 or hex text; when no thread reads.
    pub fn rest(&self) -> Option<(Vec<u8>, u64, Option<Place>)> {
        self.work.with_reader(|cutter| {
            let rest = [cutter.rest(), cutter.unread()].concat();
            (rest, cutter.offset(), cutter.next_place())
        })
    }

    /// Does what there is to do, until there is no more.
    pub fn work(&self) {
        let guard = Unwinding(&self.work);
        while self.go_on() {}
        drop(guard);
    }

    /// Waits for something to do and does it; false where there is no more.
    fn go_on(&self) -> bool {
        match self.work.step() {
            Step::Read(mut cutter) => {
                let read = match cutter.next(self.next_bytes()) {
                    Ok(Some(records)) => {
                        let memory = memory_for(&records) + self.expected_rows(&records);
                        Ok((records, memory))
                    }
                    Ok(None) => Err(Outcome::Over(None)),
                    Err(failure) => Err(Outcome::Over(Some(failure))),
                };
                self.work.give_back(cutter, read);
            }
            Step::Work(turn, records) => {
                let text = memory_for(&records);
                let outcome = self.outcome(records);
                let size = text + outcome.size();
                self.work.put(turn, outcome, size);
            }
            Step::Stop => return false,
        }
        true
    }

    fn outcome(&self, records: Records) -> Outcome {
        let Records { text, values, keys, first, .. } = &records;
        match &self.task {
            Task::Flatten { flatteners, file } => {
                let (file, first, depth) = (*file, *first, self.depth);
                // A long record has too many rows for one fragment.
                let few =
                    values.len() - usize::from(ends_with(values, flatteners.work.long_record));
                let values = &values[..few];
                let batch = Batch { data: text, values, keys, file, first, depth };
                let mut fragment = flatteners.flatten(&batch, None);
                if few == records.values.len() {
                    self.adapt(&records, &fragment);
                } else {
                    fragment.is_full |= fragment.records == few;
                }
                Outcome::Flattened(records, Box::new(fragment))
            }
            Task::Scan { wanted, max_depth } => {
                let (depth, max_depth) = (self.depth, *max_depth);
                let found = scan(&Search { data: text, values, keys, depth, max_depth, wanted });
                Outcome::Scanned(records, found)
            }
        }
    }

    /// Waits for what came of the next batch.
    pub fn take(&self) -> Result<Outcome, Broken> {
        let (most, most_bytes) = self.under_way();
        self.work.allow(most, most_bytes);
        self.work.take()
    }

    /// How many batches may be under way, and about how much memory they may take.
    fn under_way(&self) -> (usize, usize) {
        let (most, most_bytes) = (self.most, self.most_bytes);
        if self.is_new.swap(false, Relaxed) {
            return (1, most_bytes);
        }
        match &self.task {
            Task::Flatten { flatteners, .. } => {
                beside_schema(flatteners.entries(), self.threads, most, most_bytes)
            }
            Task::Scan { .. } => (most, most_bytes),
        }
    }

    /// What comes of the next batch, made by whoever takes it: no other thread is to work.
    ///
    /// For a small file, to have another thread begin takes longer than the work.
    pub fn take_alone(&self) -> Result<Outcome, Broken> {
        let guard = Unwinding(&self.work);
        // One batch at a time: what was taken last is nobody's to wait for.
        self.work.allow(1, self.most_bytes);
        while self.work.is_missing() && self.go_on() {}
        drop(guard);
        self.work.take()
    }

    /// How much text the next batch may have.
    fn next_bytes(&self) -> usize {
        match self.task {
            Task::Flatten { .. } => {
                self.batch_bytes.load(Relaxed).min(self.calm_bytes.load(Relaxed))
            }
            Task::Scan { .. } => usize::MAX,
        }
    }

    /// About how much memory the rows of a batch will take: several are made at a time.
    fn expected_rows(&self, records: &Records) -> usize {
        let size = records.size().min(LONG_RECORD);
        size.saturating_mul(self.rows_of_mib.load(Relaxed)) >> 20
    }

    /// Has batches be smaller where rows take much more than the records that they are made of, and
    /// where columns come: others that were begun meanwhile and bring some are made twice.
    fn adapt(&self, records: &Records, fragment: &Fragment) {
        let many = MANY_ROWS as f64 / (1 + fragment.size()) as f64;
        let size = (records.size() as f64 * many) as usize;
        self.batch_bytes.store(size.max(LEAST_BATCH), Relaxed);
        let of_mib = (fragment.size() << 20) / records.size().max(1);
        self.rows_of_mib.store(of_mib, Relaxed);
        let calm = if fragment.base == 0 {
            // The first one brings most columns, and none comes after.
            usize::MAX
        } else if fragment.entries.is_empty() {
            self.calm_bytes.load(Relaxed).max(records.size().saturating_mul(2))
        } else {
            LEAST_CALM.max(records.size() / CALM_SHARE)
        };
        self.calm_bytes.store(calm, Relaxed);
    }

    /// Has no other batch begun.
    pub fn stop(&self) {
        self.work.end();
    }
}

/// The same where each of the threads knows a schema of so many entries: fewer, and less, if it is
/// large.
fn beside_schema(entries: usize, threads: usize, most: usize, bytes: usize) -> (usize, usize) {
    let known = entries * OF_ENTRY;
    let fitting = (MOST_KNOWN / known.max(1)).max(1);
    let most = if fitting < threads { most.min(fitting + 1) } else { most };
    (most, bytes.saturating_sub(known * threads).max(LEAST_HELD.min(bytes)))
}

/// Says so when its thread panics.
struct Unwinding<'a>(&'a OrderedWork<RecordCutter, Records, Outcome>);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LEAST_HELD, beside_schema};

    #[test]
    fn less_is_under_way_beside_a_large_schema() {
        assert_eq!(beside_schema(0, 4, 11, 36 << 20), (11, 36 << 20));
        assert_eq!(beside_schema(16 << 10, 4, 11, 36 << 20), (11, 20 << 20));
        assert_eq!(beside_schema(36 << 10, 4, 11, 36 << 20), (3, LEAST_HELD));
        assert_eq!(beside_schema(1 << 20, 4, 11, 36 << 20), (2, LEAST_HELD));
        assert_eq!(beside_schema(1 << 20, 1, 5, 1 << 20), (5, 1 << 20));
    }
}
