//! Works ahead: threads read on, cut records off, and flatten or scan them.
//!
//! Each does whatever there is to do, so that none waits for another: only reading has to be done
//! by one at a time.

use std::sync::Arc;

use crate::batches::{Batches, Records};
use crate::engine::{Engine, Fragment};
use crate::flatten;
use crate::input::Failure;
use crate::search::{Found, Search, scan};
use crate::turns::{Broken, Step, Turns};
use crate::wanted::Wanted;

/// What is done to batches.
pub enum Task {
    /// They are flattened.
    Flatten {
        /// By this engine,
        engine: Arc<Engine>,
        /// as those of the file with this number.
        file: u64,
    },
    /// They are looked over.
    Scan {
        /// For this text.
        wanted: Box<Wanted>,
        /// How many containers may be nested.
        max_depth: usize,
    },
}

/// What came of a batch.
pub enum Outcome {
    /// It was flattened.
    Flattened(Records, Fragment),
    /// It was looked over.
    Scanned(Records, Found),
    /// There is no batch, for lack of records that can be cut off or for a failure.
    Over(Option<Failure>),
}

/// One stretch of a file, and the threads on it.
pub struct Line {
    task: Task,
    /// The containers around a record.
    depth: usize,
    turns: Turns<Batches, Records, Outcome>,
    /// How many batches were read and not yet taken,
    most: usize,
    /// and about how many bytes of rows they have.
    most_bytes: usize,
}

impl Line {
    /// Nothing is done before `threads` threads call `work`.
    pub fn new(
        task: Task,
        depth: usize,
        batches: Batches,
        threads: usize,
        most: usize,
        most_bytes: usize,
    ) -> Self {
        Self { task, depth, turns: Turns::new(batches, threads), most, most_bytes }
    }

    /// The text that was read and not cut off, and its offset in the file, when no thread reads.
    pub fn rest(&self) -> Option<(Vec<u8>, u64)> {
        self.turns
            .with_reader(|batches| ([batches.rest(), batches.unread()].concat(), batches.offset()))
    }

    /// Does what there is to do, until there is no more.
    pub fn work(&self) {
        let guard = Unwinding(&self.turns);
        loop {
            match self.turns.step() {
                Step::Read(mut batches) => {
                    let read = match batches.next() {
                        Ok(Some(records)) => Ok(records),
                        Ok(None) => Err(Outcome::Over(None)),
                        Err(failure) => Err(Outcome::Over(Some(failure))),
                    };
                    self.turns.give_back(batches, read);
                }
                Step::Work(turn, records) => self.turns.put(turn, self.outcome(records)),
                Step::Stop => break,
            }
        }
        drop(guard);
    }

    fn outcome(&self, records: Records) -> Outcome {
        let Records { text, values, keys, first, .. } = &records;
        match &self.task {
            Task::Flatten { engine, file } => {
                let (file, first, depth) = (*file, *first, self.depth);
                let batch = flatten::Batch { data: text, values, keys, file, first, depth };
                let fragment = engine.flatten(&batch);
                Outcome::Flattened(records, fragment)
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
        let outcome = self.turns.take()?;
        self.turns.allow(match &outcome {
            // As large as this one, so many have room.
            Outcome::Flattened(_, fragment) => {
                self.most.min(self.most_bytes / (1 + fragment.size()))
            }
            _ => self.most,
        });
        Ok(outcome)
    }

    /// No other batch is begun.
    pub fn stop(&self) {
        self.turns.end();
    }
}

/// Says so when its thread panics.
struct Unwinding<'a>(&'a Turns<Batches, Records, Outcome>);

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail();
        }
    }
}
