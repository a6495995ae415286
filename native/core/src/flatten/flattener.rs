//! From batches to fragments, one record after the other.

mod long_record;
mod record_id;
mod values;

use std::sync::Arc;

use super::bare_keys::BareKeys;
use super::cell::LARGE;
use super::few::FewRows;
use super::fragment::{Entry, Fragment};
use super::ids::Tail;
use super::relay::{Ahead, Helpers};
use super::trees::{Bounds, SchemaTrees};
use crate::boundary::Span;
use crate::columns::ColumnRules;
use crate::json::Malformed;
use crate::marks::mark_specials;
use crate::sound::Record;
use crate::wanted::Wanted;

/// What decides the rows beside the records.
#[derive(Clone)]
pub struct Settings {
    /// What ends each row.
    pub line_end: Vec<u8>,
    /// Whether every text is in quotes, also where it needs none.
    pub marks_text: bool,
    /// The name of the member that is a record's id.
    pub id_field: Arc<Wanted>,
    /// How many containers may be nested.
    pub max_depth: usize,
    /// How much a schema may have.
    pub bounds: Bounds,
    /// What is done with columns, where it is not nothing.
    pub columns: Option<Arc<ColumnRules>>,
}

/// Consecutive whole records.
pub struct Batch<'a> {
    /// The text that the records are in.
    pub data: &'a [u8],
    /// The values of the records.
    pub values: &'a [Span],
    /// The keys of the records, if they have keys.
    pub keys: &'a [Span],
    /// The file's number.
    pub file: u64,
    /// The first record's number in the file.
    pub first: u64,
    /// The containers around a record.
    pub depth: usize,
}

/// Flattens batches, for a schema that grows.
pub struct Flattener {
    /// What it was made with.
    pub settings: Settings,
    /// The schema, and the rows.
    pub trees: SchemaTrees,
    /// Cells whose text is not in the batch as it is.
    scratch: Vec<u8>,
    /// Room for a text that is masked.
    buffer: Vec<u8>,
    /// The id of the row at hand, which begins with those of the rows around it.
    row_id: Tail,
    /// The marks of [`mark_specials`] for the record at hand.
    marks: Vec<u8>,
    /// Where the record at hand begins.
    base: usize,
    /// Objects are numbered, to know which members each has had.
    objects: u64,
    /// With more nodes than that, members of which nothing comes are forgotten.
    crowd: usize,
    /// The keys of members of the record at hand that were forgotten.
    bare: BareKeys,
    /// Whether there are such keys.
    has_forgotten: bool,
    /// Takes rows as soon as they are many; without it, they are too many then.
    pub take: Option<TakePart>,
    /// How many entries the schema had before the batch.
    known: usize,
    /// The batch's own entries that were taken already.
    pub own: Vec<Entry>,
    /// About how much memory the rows take.
    held: usize,
    /// The first record of which not all rows were taken.
    kept: usize,
    /// Where the record at hand is, its key, and how many containers are around it.
    place: (Span, Option<Span>, usize),
    /// Whether some of its rows were taken, or may be: it is sound then.
    is_begun: bool,
    /// Its stretches, if others flatten those.
    ahead: Option<Ahead>,
    /// Where the next of them begins.
    next_stretch: usize,
}

/// Takes rows of records, and of a part of the one at hand; false: no more are wanted.
pub type TakePart = Box<dyn FnMut(Fragment) -> bool + Send>;

/// How flattening ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After a record: the last one, or one after which no more are wanted.
    Between,
    /// Within a record that is sound but beyond the schema's bounds, as the last entry shows.
    Beyond,
    /// Within a record that is bad.
    Malformed,
    /// Within one that has too many rows.
    Full,
}

/// Rows that take about so much memory are many.
const MANY: usize = 4 << 20;

/// The trees of a schema without columns.
fn trees(settings: &Settings) -> SchemaTrees {
    SchemaTrees::new(settings.bounds, settings.columns.clone(), settings.marks_text)
}

impl Flattener {
    /// Begins with a schema without columns.
    pub fn new(settings: Settings) -> Self {
        Self {
            trees: trees(&settings),
            settings,
            scratch: Vec::new(),
            buffer: Vec::new(),
            row_id: Tail::new(),
            marks: Vec::new(),
            base: 0,
            objects: 0,
            crowd: 0,
            bare: BareKeys::default(),
            has_forgotten: false,
            take: None,
            known: 0,
            own: Vec::new(),
            held: 0,
            kept: 0,
            place: ((0, 0), None, 0),
            is_begun: false,
            ahead: None,
            next_stretch: usize::MAX,
        }
    }

    /// Forgets the schema.
    pub fn reset(&mut self) {
        self.trees = trees(&self.settings);
    }

    /// Begins a batch, for a schema that has so many entries; more nodes than `crowd` are too many.
    pub fn begin(&mut self, known: usize, crowd: usize) {
        (self.known, self.crowd) = (known, crowd);
        self.own.clear();
        self.kept = 0;
    }

    /// Flattens records from the first on that was not taken; answers how many were, and why.
    ///
    /// If it ended within one, the rows hold rubbish, and so does the schema.
    pub fn flatten(&mut self, batch: &Batch, helpers: &dyn Helpers) -> (usize, End) {
        self.clear();
        for index in self.kept..batch.values.len() {
            self.trees.origin = index;
            let (start, end) = batch.values[index];
            let flattened = if self.take.is_some() && helpers.may_help(end - start) {
                self.long_record(batch, index, helpers)
            } else {
                self.record(batch, index)
            };
            self.forget_large();
            match flattened {
                Ok(()) if self.is_begun || self.held > MANY => {
                    if !self.emit(index + 1) {
                        return (index + 1, End::Between);
                    }
                    (self.kept, self.is_begun) = (index + 1, false);
                }
                Ok(()) => {}
                Err(_) => return (index, self.end(batch.data)),
            }
        }
        (batch.values.len(), End::Between)
    }

    /// Forgets rows and entries.
    fn clear(&mut self) {
        self.trees.clear_rows();
        self.trees.entries.clear();
        self.trees.is_beyond = false;
        (self.held, self.is_begun) = (0, false);
    }

    /// Why it ended within the record at hand.
    #[cold]
    fn end(&self, data: &[u8]) -> End {
        if !(self.is_begun || self.is_sound(data)) {
            End::Malformed
        } else if self.trees.is_beyond {
            End::Beyond
        } else {
            End::Full
        }
    }

    /// Whether all of the record at hand is well-formed and not nested too deep.
    #[cold]
    fn is_sound(&self, data: &[u8]) -> bool {
        let (value, key, depth) = self.place;
        let max_depth = self.settings.max_depth;
        Record { data, value, key, depth, max_depth }.is_sound(&[], 1)
    }

    /// Has rows taken that are many, in the middle of a record; it may have twice as many where
    /// nobody takes them.
    #[cold]
    fn make_room(&mut self, data: &[u8]) -> Result<(), Malformed> {
        if self.take.is_none() && self.held <= 2 * MANY {
            return Ok(());
        }
        if self.take.is_none() || !(self.is_begun || self.is_sound(data)) {
            return Err(Malformed);
        }
        self.is_begun = true;
        if self.emit(self.trees.origin) { Ok(()) } else { Err(Malformed) }
    }

    /// Has what there is taken.
    fn emit(&mut self, records: usize) -> bool {
        let Some(mut take) = self.take.take() else { return false };
        let is_wanted = take(self.part(records, false));
        self.take = Some(take);
        is_wanted
    }

    /// What came of the records that were not taken.
    pub fn part(&mut self, records: usize, is_full: bool) -> Fragment {
        let most = self.settings.bounds.name_bytes;
        let entries = self.trees.take_entries(most);
        let base = self.known + self.own.len();
        self.own.extend(entries.iter().map(|(entry, _)| entry.clone()));
        let (entries, origins) = entries.into_iter().unzip();
        self.trees.make_late(&mut self.scratch);
        let mut few = self.trees.take_few().unwrap_or_default();
        let (mut rows, mut kinds) =
            if few.is_empty() { self.trees.take_rows() } else { Default::default() };
        let mut masked = self.trees.take_masked();
        if self.trees.is_beyond {
            few = FewRows::default();
            rows.clear();
            kinds.clear();
            masked.clear();
        }
        self.held = 0;
        Fragment { base, entries, origins, rows, kinds, few, masked, records, is_full }
    }

    fn forget_large(&mut self) {
        if self.scratch.capacity() > LARGE {
            self.scratch = Vec::new();
        }
        if self.marks.capacity() > LARGE {
            self.marks = Vec::new();
        }
        self.trees.record_ids.clear();
    }

    fn record(&mut self, batch: &Batch, index: usize) -> Result<(), Malformed> {
        self.place = (batch.values[index], batch.keys.get(index).copied(), batch.depth);
        let data = batch.data;
        let (start, end) = batch.values[index];
        let text = data.get(start..end).ok_or(Malformed)?;
        if self.ahead.is_none() {
            simdutf8::basic::from_utf8(text).map_err(|_| Malformed)?;
            mark_specials(text, &mut self.marks);
        } else {
            // It is sound; what others do not look at is short.
            self.marks.clear();
        }
        self.base = start;
        self.scratch.clear();
        self.bare.begin(start, self.objects);
        self.has_forgotten = false;
        match batch.keys.get(index) {
            Some(&key) => self.read_key_id(data, key)?,
            None => self.read_own_id(data, start)?,
        }
        self.row_id.truncate(0);
        self.row_id.push(if self.settings.marks_text { b"\"f" } else { b"f" });
        self.row_id.push_number(batch.file);
        self.row_id.push(b"r");
        self.row_id.push_number(batch.first + index as u64);
        let mut row = self.begin_rows(0);
        if self.element(data, start, &mut row, batch.depth)? != end {
            return Err(Malformed);
        }
        self.finish_row(data, &mut row, 0);
        self.end_rows(row);
        Ok(())
    }
}
