//! From records to rows, in one pass over the text: every value is read where its cell is decided.

use crate::bare::{self, BareKeys};
use crate::boundary::{Span, value_end};
use crate::cell::{Cell, Texts, cell};
use crate::csv::{Ids, LARGE, Tail};
use crate::engine::{Entry, Fragment};
use crate::json::{
    Bad, SHORT, byte_at, literal_end, number_end, scan_string, short_scalar, skip_space,
};
use crate::lanes::mark_specials;
use crate::schema::{Bounds, LABEL, NodeId, Trees};
use crate::search::{Search, scan};
use crate::wanted::Wanted;

/// Bytes in which a usual member ends, and the next one has begun.
const WINDOW: usize = LABEL + SHORT + 2;

/// What decides the rows beside the records.
#[derive(Clone)]
pub struct Settings {
    /// What ends each row.
    pub line_end: Vec<u8>,
    /// The member that is a record's id.
    pub id_field: Vec<u8>,
    /// How many containers may be nested.
    pub max_depth: usize,
    /// How much a schema may have.
    pub bounds: Bounds,
}

/// Consecutive whole records.
pub struct Batch<'a> {
    /// The text that they are in.
    pub data: &'a [u8],
    /// Their values.
    pub values: &'a [Span],
    /// Their keys, if they have keys.
    pub keys: &'a [Span],
    /// The file's number.
    pub file: u64,
    /// The first record's number in the file.
    pub first: u64,
    /// The containers around a record.
    pub depth: usize,
}

/// The row at hand of a table.
struct Row {
    table: usize,
    cells: Vec<Cell>,
}

/// A member that was not expected.
struct Unexpected {
    /// Where it is,
    at: usize,
    /// the node of its key,
    key: NodeId,
    /// its own, another one if the object has the key again,
    node: NodeId,
    /// and where its value is.
    value: usize,
}

/// Flattens batches, for a schema that grows.
pub struct Flattener {
    /// What it was made with.
    pub settings: Settings,
    /// The schema, and the rows.
    pub trees: Trees,
    /// Cells whose text is not in the batch as it is.
    scratch: Vec<u8>,
    record_id: Tail,
    /// The id of the row at hand, which begins with those of the rows around it.
    row_id: Tail,
    /// See [`mark_specials`]: of the record at hand, which begins at `base`.
    marks: Vec<u8>,
    base: usize,
    /// Objects are numbered, to know which members each has had.
    objects: u64,
    /// With more nodes than that, members of which nothing comes are forgotten,
    crowd: usize,
    /// but not the keys of the record at hand,
    bare: BareKeys,
    /// if there are any.
    has_forgotten: bool,
    /// Takes rows as soon as they are many; without it, they are too many then.
    pub sink: Option<Sink>,
    /// How many entries the schema had before the batch, and those that were taken since.
    known: usize,
    pub own: Vec<Entry>,
    /// About how much memory the rows take,
    held: usize,
    /// and the first record of which not all of them were taken.
    kept: usize,
    /// Where the record at hand is, its key, and how many containers are around it.
    place: (Span, Option<Span>, usize),
    /// Whether some of its rows were taken: it is sound then.
    is_begun: bool,
}

/// Takes rows of records, and of a part of the one at hand; false: no more are wanted.
pub type Sink = Box<dyn FnMut(Fragment) -> bool + Send>;

/// How flattening ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// After a record: the last one, or one after which no more are wanted.
    Between,
    /// Within a record that is sound but beyond the schema's bounds, as the last entry shows.
    Beyond,
    /// Within a record that is bad.
    Bad,
    /// Within one that has too many rows.
    Full,
}

/// Rows that take about so much memory are many.
const MANY: usize = 4 << 20;

impl Flattener {
    /// For a schema without columns.
    pub fn new(settings: Settings) -> Self {
        Self {
            trees: Trees::new(settings.bounds),
            settings,
            scratch: Vec::new(),
            record_id: Tail::new(),
            row_id: Tail::new(),
            marks: Vec::new(),
            base: 0,
            objects: 0,
            crowd: 0,
            bare: BareKeys::default(),
            has_forgotten: false,
            sink: None,
            known: 0,
            own: Vec::new(),
            held: 0,
            kept: 0,
            place: ((0, 0), None, 0),
            is_begun: false,
        }
    }

    /// Forgets the schema.
    pub fn reset(&mut self) {
        self.trees = Trees::new(self.settings.bounds);
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
    pub fn flatten(&mut self, batch: &Batch) -> (usize, End) {
        for table in &mut self.trees.tables {
            table.output.clear();
        }
        self.trees.entries.clear();
        self.trees.is_beyond = false;
        (self.held, self.is_begun) = (0, false);
        for index in self.kept..batch.values.len() {
            self.trees.origin = index;
            let flattened = self.record(batch, index);
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

    /// Why it ended within the record at hand.
    #[cold]
    fn end(&self, data: &[u8]) -> End {
        if !self.is_sound(data) {
            End::Bad
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
        let (max_depth, wanted) = (self.settings.max_depth, &Wanted::new(b""));
        let keys = key.as_slice();
        scan(&Search { data, values: &[value], keys, depth, max_depth, wanted }).sound == 1
    }

    /// Has rows taken that are many, in the middle of a record; it may have twice as many where
    /// nobody takes them.
    #[cold]
    fn make_room(&mut self, data: &[u8]) -> Result<(), Bad> {
        if self.sink.is_none() && self.held <= 2 * MANY {
            return Ok(());
        }
        if self.sink.is_none() || !(self.is_begun || self.is_sound(data)) {
            return Err(Bad);
        }
        self.is_begun = true;
        if self.emit(self.trees.origin) { Ok(()) } else { Err(Bad) }
    }

    /// Has what there is taken.
    fn emit(&mut self, records: usize) -> bool {
        let Some(mut sink) = self.sink.take() else { return false };
        let is_wanted = sink(self.part(records, false));
        self.sink = Some(sink);
        is_wanted
    }

    /// What came of the records that were not taken.
    pub fn part(&mut self, records: usize, is_full: bool) -> Fragment {
        let most = self.settings.bounds.name_bytes;
        let entries = self.trees.take_entries(most);
        let base = self.known + self.own.len();
        self.own.extend(entries.iter().map(|(entry, _)| entry.clone()));
        let (entries, origins) = entries.into_iter().unzip();
        let mut rows = self.trees.take_rows();
        if self.trees.is_beyond {
            rows.clear();
        }
        self.held = 0;
        Fragment { base, entries, origins, rows, records, is_full }
    }

    fn forget_large(&mut self) {
        if self.scratch.capacity() > LARGE {
            self.scratch = Vec::new();
        }
        if self.marks.capacity() > LARGE {
            self.marks = Vec::new();
        }
        self.record_id.clear();
    }

    fn record(&mut self, batch: &Batch, index: usize) -> Result<(), Bad> {
        self.place = (batch.values[index], batch.keys.get(index).copied(), batch.depth);
        let data = batch.data;
        let (start, end) = batch.values[index];
        let text = data.get(start..end).ok_or(Bad)?;
        simdutf8::basic::from_utf8(text).map_err(|_| Bad)?;
        mark_specials(text, &mut self.marks);
        self.base = start;
        self.scratch.clear();
        self.bare.begin(start, self.objects);
        self.has_forgotten = false;
        match batch.keys.get(index) {
            Some(&key) => self.read_key_id(data, key)?,
            None => self.read_own_id(data, start)?,
        }
        self.row_id.truncate(0);
        self.row_id.push(b"f");
        self.row_id.push_number(batch.file);
        self.row_id.push(b"r");
        self.row_id.push_number(batch.first + index as u64);
        let mut row = self.begin_rows(0);
        if self.element(data, start, &mut row, batch.depth)? != end {
            return Err(Bad);
        }
        self.finish_row(data, &mut row, 0);
        self.end_rows(row);
        Ok(())
    }

    // Ids

    /// Takes the record's key as its id.
    fn read_key_id(&mut self, data: &[u8], (start, end): Span) -> Result<(), Bad> {
        let key = data.get(start..end).ok_or(Bad)?;
        simdutf8::basic::from_utf8(key).map_err(|_| Bad)?;
        let (cell, stop) = self.string(data, start)?;
        self.take_id(data, cell);
        if key[0] == b'"' && stop == end { Ok(()) } else { Err(Bad) }
    }

    /// Takes the record's first member with the id's key as its id, if that is a string or number.
    ///
    /// Child rows may come before that member, so it is looked for in advance.
    fn read_own_id(&mut self, data: &[u8], start: usize) -> Result<(), Bad> {
        if byte_at(data, start) != b'{' {
            if self.settings.id_field == b"value" {
                self.read_id(data, start)?;
            }
            return Ok(());
        }
        let mut at = skip_space(data, start + 1);
        while byte_at(data, at) == b'"' {
            let (is_id, key_end) = self.is_id_field(data, at + 1)?;
            let colon = skip_space(data, key_end);
            let value = skip_space(data, colon + 1);
            if is_id {
                return self.read_id(data, value);
            }
            let end = value_end(data, value).ok_or(Bad)?;
            at = skip_space(data, end);
            if byte_at(data, at) == b',' {
                at = skip_space(data, at + 1);
            }
        }
        Ok(())
    }

    /// Whether the key whose content is at `at` is the id's, and where it ends.
    fn is_id_field(&self, data: &[u8], at: usize) -> Result<(bool, usize), Bad> {
        let (key, end) = bare::read(data, at)?;
        Ok((*key == *self.settings.id_field, end))
    }

    fn read_id(&mut self, data: &[u8], at: usize) -> Result<(), Bad> {
        let cell = match byte_at(data, at) {
            b'"' => self.string(data, at)?.0,
            b'-' | b'0'..=b'9' => Cell { start: at, end: number_end(data, at)? },
            _ => return Ok(()),
        };
        self.take_id(data, cell);
        Ok(())
    }

    fn take_id(&mut self, data: &[u8], cell: Cell) {
        let texts = Texts { data, scratch: &self.scratch };
        match texts.text(cell) {
            Some(text) => self.record_id.push(text),
            None => {
                let mut text = Vec::new();
                texts.append(cell, &mut text);
                self.record_id.push(&text);
            }
        }
    }

    // Values

    /// Fills a row from a record or a list's element.
    #[inline(always)]
    fn element(
        &mut self,
        data: &[u8],
        at: usize,
        row: &mut Row,
        depth: usize,
    ) -> Result<usize, Bad> {
        let table = &self.trees.tables[row.table];
        let (root, value) = (table.root, table.value);
        if byte_at(data, at) == b'{' {
            self.require_depth(depth + 1)?;
            return self.object(data, at + 1, root, row, depth + 1);
        }
        self.value(data, at, value, row, depth)
    }

    /// Spreads an object's members, from behind its bracket on, into the row and its tables.
    ///
    /// `depth` counts the containers around the members.
    fn object(
        &mut self,
        data: &[u8],
        at: usize,
        parent: NodeId,
        row: &mut Row,
        depth: usize,
    ) -> Result<usize, Bad> {
        let mut at = skip_space(data, at);
        if byte_at(data, at) == b'}' {
            return Ok(at + 1);
        }
        self.objects += 1;
        let object = self.objects;
        let mut previous = 0;
        let mut guess = self.trees.guess(parent, 0);
        loop {
            let window = data.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>);
            let expected = window.and_then(|window| {
                let member = self.trees.expect(guess, object, window.first_chunk()?)?;
                Some((window, member))
            });
            if let Some((window, member)) = expected {
                let start = at + member.length;
                (previous, guess) = (member.node, member.next);
                let short = window[member.length..]
                    .first_chunk()
                    .and_then(|text| short_scalar(text, start - self.base, &self.marks));
                if let Some(short) = short {
                    let cell = Cell { start: start + short.start, end: start + short.stop };
                    self.set_column(row, member.node, member.column, cell)?;
                    at = start + short.end;
                    let end = member.length + short.end;
                    if window.get(end..end + 2) == Some(b",\"") {
                        at += 1;
                        continue;
                    }
                } else {
                    at = self.value(data, skip_space(data, start), member.node, row, depth)?;
                }
            } else {
                let last = self.trees.len();
                let member = self.unexpected_member(data, at, parent, object)?;
                at = self.value(data, member.value, member.node, row, depth)?;
                if member.node < last || !self.forget(data, &member, object) {
                    self.trees.learn(parent, previous, member.key);
                    previous = member.key;
                }
                guess = self.trees.guess(parent, previous);
            }
            at = skip_space(data, at);
            match byte_at(data, at) {
                b',' => at = skip_space(data, at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(Bad),
            }
        }
    }

    /// Reads the key at `at` of an object at the path `parent`.
    #[inline(never)]
    fn unexpected_member(
        &mut self,
        data: &[u8],
        at: usize,
        parent: NodeId,
        object: u64,
    ) -> Result<Unexpected, Bad> {
        if byte_at(data, at) != b'"' {
            return Err(Bad);
        }
        let (name, end) = bare::read(data, at + 1)?;
        let colon = skip_space(data, end);
        if byte_at(data, colon) != b':' {
            return Err(Bad);
        }
        let key = self.trees.member(parent, &name);
        let (trees, bare) = (&mut self.trees, &self.bare);
        let is_bare = |name: &[u8]| bare.has(data, object, name);
        let is_first = trees.claim(key, object)
            && !(self.has_forgotten && (is_bare(&name) || trees.has_tried(parent, &name, object)));
        let node = if is_first { key } else { trees.again(key, object, is_bare) };
        Ok(Unexpected { at, key, node, value: skip_space(data, colon + 1) })
    }

    /// Forgets a member of which nothing came, where nodes are too many.
    fn forget(&mut self, data: &[u8], member: &Unexpected, object: u64) -> bool {
        let &Unexpected { at, key, node, .. } = member;
        if self.trees.len() <= self.crowd || !self.trees.is_in_vain(node, object) {
            return false;
        }
        // A key that the object had before stays, to tell of this one.
        if node == key && !self.bare.note(data, object, at + 1) {
            return false;
        }
        self.trees.forget(node);
        self.has_forgotten = true;
        true
    }

    /// Reads the value at `at`, which is at the path `node` of the row's table.
    #[inline(never)]
    fn value(
        &mut self,
        data: &[u8],
        at: usize,
        node: NodeId,
        row: &mut Row,
        depth: usize,
    ) -> Result<usize, Bad> {
        let (cell, end) = match byte_at(data, at) {
            b'"' => self.string(data, at)?,
            b'-' | b'0'..=b'9' => {
                let end = number_end(data, at)?;
                (Cell { start: at, end }, end)
            }
            b't' | b'f' => {
                let end = literal_end(data, at)?;
                (Cell { start: at, end }, end)
            }
            b'n' => (Cell::default(), literal_end(data, at)?),
            b'{' => {
                self.require_depth(depth + 1)?;
                return self.object(data, at + 1, node, row, depth + 1);
            }
            b'[' => {
                self.require_depth(depth + 1)?;
                return self.list(data, at + 1, node, row, depth + 1);
            }
            _ => return Err(Bad),
        };
        self.set(row, node, cell)?;
        Ok(end)
    }

    /// The cell of the string at `at`, and the position after it.
    #[inline(always)]
    fn string(&mut self, data: &[u8], at: usize) -> Result<(Cell, usize), Bad> {
        let run = scan_string(data, at + 1);
        let end = run.at + 1;
        match byte_at(data, run.at) {
            // A string without escapes in its quotes is a cell in quotes.
            b'"' if run.comma || run.at == at + 1 => Ok((Cell { start: at, end }, end)),
            b'"' => Ok((Cell { start: at + 1, end: run.at }, end)),
            b'\\' => self.escaped_string(data, at),
            _ => Err(Bad),
        }
    }

    #[inline(never)]
    fn escaped_string(&mut self, data: &[u8], at: usize) -> Result<(Cell, usize), Bad> {
        cell(data, at, &mut self.scratch)?.ok_or(Bad)
    }

    #[inline(always)]
    fn set(&mut self, row: &mut Row, node: NodeId, cell: Cell) -> Result<(), Bad> {
        self.set_column(row, node, self.trees.node(node).column, cell)
    }

    /// Sets the cell of a node whose column is known.
    #[inline(always)]
    fn set_column(
        &mut self,
        row: &mut Row,
        node: NodeId,
        column: u32,
        cell: Cell,
    ) -> Result<(), Bad> {
        match row.cells.get_mut((column as usize).wrapping_sub(1)) {
            Some(place) => *place = cell,
            None => self.trees.add_column(row.table, node, &mut row.cells, cell)?,
        }
        Ok(())
    }

    #[inline(always)]
    fn require_depth(&self, depth: usize) -> Result<(), Bad> {
        if depth > self.settings.max_depth { Err(Bad) } else { Ok(()) }
    }

    // Lists

    /// Reads a list from behind its bracket on; `depth` counts the containers around its elements.
    #[inline(never)]
    fn list(
        &mut self,
        data: &[u8],
        at: usize,
        node: NodeId,
        row: &mut Row,
        depth: usize,
    ) -> Result<usize, Bad> {
        let first = skip_space(data, at);
        if byte_at(data, first) == b']' {
            return Ok(first + 1);
        }
        if let Some((cell, end)) = cell(data, at - 1, &mut self.scratch)? {
            self.set(row, node, cell)?;
            return Ok(end);
        }
        self.children(data, first, node, row.table, depth)
    }

    /// Reads a list as a table's rows, from its first element on.
    fn children(
        &mut self,
        data: &[u8],
        mut at: usize,
        node: NodeId,
        table: usize,
        depth: usize,
    ) -> Result<usize, Bad> {
        let child = match self.trees.node(node).table {
            0 => self.trees.add_table(table, node)?,
            child => child as usize,
        };
        let mut row = self.begin_rows(child);
        let scratch = self.scratch.len();
        let parent = self.row_id.len();
        self.row_id.push(b".1");
        loop {
            at = skip_space(data, self.element(data, at, &mut row, depth)?);
            self.finish_row(data, &mut row, parent);
            self.scratch.truncate(scratch);
            if self.held > MANY {
                self.make_room(data)?;
            }
            match byte_at(data, at) {
                b',' => at = skip_space(data, at + 1),
                b']' => break,
                _ => return Err(Bad),
            }
            self.row_id.count_up(parent + 1);
        }
        self.row_id.truncate(parent);
        self.end_rows(row);
        Ok(at + 1)
    }

    // Rows

    fn begin_rows(&mut self, table: usize) -> Row {
        Row { table, cells: std::mem::take(&mut self.trees.tables[table].cells) }
    }

    fn end_rows(&mut self, row: Row) {
        self.trees.tables[row.table].cells = row.cells;
    }

    /// Writes a row, and empties it; so much of the row's id is its parent's.
    #[inline(always)]
    fn finish_row(&mut self, data: &[u8], row: &mut Row, parent: usize) {
        let texts = Texts { data, scratch: &self.scratch };
        let ids = Ids { record: &self.record_id, row: &self.row_id, parent };
        let output = &mut self.trees.tables[row.table].output;
        self.held += output.row(&ids, texts, &mut row.cells, &self.settings.line_end);
    }
}
