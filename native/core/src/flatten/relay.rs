//! Work on the stretches of a long record, which one thread hands to others and takes in order.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::fragment::{Entry, Fragment};
use crate::stretches::{Stretch, StretchSize, Stretches};

/// Rows of so many bytes may wait to be taken.
const MOST_WAITING: usize = 16 << 20;

/// Who helps with a long record, for the schema as it was when that began.
pub trait Helpers: Sync {
    /// Whether they do, with a record of so many bytes.
    fn may_help(&self, bytes: usize) -> bool;
    /// How many there are.
    fn threads(&self) -> usize;
    /// How long a stretch is.
    fn stretch_size(&self) -> StretchSize;
    /// The schema's entries.
    fn log(&self) -> Arc<Vec<Entry>>;
    /// Flattens stretches of a record until there are no more.
    fn help(&self, relay: &Relay, data: &[u8]);
}

/// The stretches of the record at hand, from the next one on.
pub struct Ahead {
    /// All of them.
    pub relay: Arc<Relay>,
    /// The number of the next one.
    pub next: usize,
}

/// What all elements of a list have in common.
pub struct Place {
    /// The number of the list's table.
    pub table: usize,
    /// The containers around an element.
    pub depth: usize,
    /// The id of the row that the list is in, as rows begin with it.
    pub row_id: Vec<u8>,
    /// The cell of the record's id.
    pub record_id: Vec<u8>,
    /// The record's index in its batch.
    pub origin: usize,
}

/// A stretch to flatten, for a schema.
pub struct Order {
    /// Its number.
    pub number: usize,
    /// Where it is.
    pub stretch: Stretch,
    /// What its elements have in common.
    pub place: Arc<Place>,
    /// The schema's entries as they are known.
    pub log: Arc<Vec<Entry>>,
}

/// The stretches of one record.
pub struct Relay {
    /// All of them.
    pub stretches: Stretches,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    place: Option<Arc<Place>>,
    /// Those that were handed out and not begun.
    waiting: Range<usize>,
    /// The one that is taken next.
    next: usize,
    /// What came of those that were not taken, if it is of use.
    made: BTreeMap<usize, Option<Fragment>>,
    /// How large that is.
    size: usize,
    log: Arc<Vec<Entry>>,
    is_over: bool,
}

impl Relay {
    /// Nothing is handed out yet; the schema has these entries.
    pub fn new(stretches: Stretches, log: Arc<Vec<Entry>>) -> Self {
        let state = State {
            place: None,
            waiting: 0..0,
            next: 0,
            made: BTreeMap::new(),
            size: 0,
            log,
            is_over: false,
        };
        Self { stretches, state: Mutex::new(state), changed: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// How many entries the schema is known to have.
    pub fn known(&self) -> usize {
        self.state().log.len()
    }

    /// Adds entries to the schema, for those stretches that are begun from now on.
    pub fn learn(&self, entries: &[Entry]) {
        if !entries.is_empty() {
            Arc::make_mut(&mut self.state().log).extend_from_slice(entries);
        }
    }

    /// Hands stretches out, after all before were taken.
    pub fn hand_out(&self, place: Place, stretches: Range<usize>) {
        let mut state = self.state();
        state.place = Some(Arc::new(place));
        state.next = stretches.start;
        state.waiting = stretches;
        self.changed.notify_all();
    }

    /// Waits for what comes of a stretch that was handed out, the next in order.
    pub fn take(&self, number: usize) -> Option<Fragment> {
        let mut state = self.state();
        loop {
            if let Some(made) = state.made.remove(&number) {
                state.next = number + 1;
                state.size -= made.as_ref().map_or(0, Fragment::size);
                self.changed.notify_all();
                return made;
            }
            if state.is_over {
                return None;
            }
            state = self.wait(state);
        }
    }

    /// Ends the work: no other stretch is begun.
    pub fn end(&self) {
        self.state().is_over = true;
        self.changed.notify_all();
    }

    /// Waits for a stretch to flatten; None where there will be none.
    pub fn order(&self) -> Option<Order> {
        let mut state = self.state();
        loop {
            if state.is_over {
                return None;
            }
            let is_next = state.waiting.start == state.next;
            let may_begin = is_next || state.size < MOST_WAITING;
            let place = state.place.clone().filter(|_| may_begin);
            if let Some((place, number)) = place.and_then(|it| Some((it, state.waiting.next()?))) {
                let (stretch, log) = (self.stretches.all[number], Arc::clone(&state.log));
                return Some(Order { number, stretch, place, log });
            }
            state = self.wait(state);
        }
    }

    /// Gives what came of a stretch, unless that is of no use.
    pub fn give(&self, number: usize, made: Option<Fragment>) {
        let mut state = self.state();
        state.size += made.as_ref().map_or(0, Fragment::size);
        state.made.insert(number, made);
        self.changed.notify_all();
    }
}
