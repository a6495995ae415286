//! From values to rows, in one pass over the text: each is read where its cell is decided.

use super::{Flattener, MANY};
use crate::flatten::bare_keys;
use crate::flatten::cell::{Cell, Texts, cell};
use crate::flatten::ids::Ids;
use crate::flatten::key_tree::{LABEL, NodeId};
use crate::flatten::masked::{Late, Masking};
use crate::flatten::treatments::column;
use crate::flatten::trees::TreatedRows;
use crate::json::{
    Malformed, byte_at, literal_end, number_end, scan_string, skip_space, string_end,
};
use crate::kinds::{Traits, kind};
use crate::short::{SHORT, short_scalar};

/// Bytes in which a usual member ends, and the next one has begun.
const WINDOW: usize = LABEL + SHORT + 2;

/// The row at hand of a table.
pub(super) struct Row {
    pub(super) table: usize,
    cells: Vec<Cell>,
    /// The cell of its key, if it is a member of an object.
    key: Cell,
}

impl Row {
    /// One without cells.
    pub(super) fn none(table: usize) -> Self {
        Self { table, cells: Vec::new(), key: Cell::default() }
    }
}

/// A member that was not expected.
struct Unexpected {
    /// Where its key is.
    at: usize,
    /// The node of its key.
    key: NodeId,
    /// The node of its path, another one if the object has the key again.
    node: NodeId,
    /// Where its value is.
    value: usize,
}

impl Flattener {
    /// Fills a row from a record or a list's element.
    #[inline(always)]
    pub(super) fn element(
        &mut self,
        data: &[u8],
        at: usize,
        row: &mut Row,
        depth: usize,
    ) -> Result<usize, Malformed> {
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
    ) -> Result<usize, Malformed> {
        let mut at = skip_space(data, at);
        if byte_at(data, at) == b'}' {
            return Ok(at + 1);
        }
        self.objects += 1;
        let object = self.objects;
        let mut previous = 0;
        let mut guess = self.trees.keys.guess(parent, 0);
        let marks_text = self.settings.marks_text;
        loop {
            let window = data.get(at..).and_then(<[u8]>::first_chunk::<WINDOW>);
            let expected = window.and_then(|window| {
                let member = self.trees.keys.expect(guess, object, window.first_chunk()?)?;
                Some((window, member))
            });
            if let Some((window, member)) = expected {
                if member.node != guess as NodeId {
                    self.trees.keys.learn_other(parent, previous, member.node);
                }
                (previous, guess) = (member.node, member.next);
                let start = at + member.length;
                let short = window[member.length..].first_chunk().and_then(|text| {
                    short_scalar(text, start - self.base, &self.marks, marks_text)
                });
                if let Some(short) = short {
                    let cell = Cell { start: start + short.start, end: start + short.stop };
                    self.set_column(data, row, member.node, member.column, cell, short.traits)?;
                    at = start + short.end;
                    let end = member.length + short.end;
                    if window.get(end..end + 2) == Some(b",\"") {
                        at += 1;
                        continue;
                    }
                    if window.get(end..end + 3) == Some(b", \"") {
                        at += 2;
                        continue;
                    }
                } else {
                    if byte_at(data, start) == b' ' {
                        self.trees.keys.expect_space(member.node);
                    }
                    at = self.value(data, skip_space(data, start), member.node, row, depth)?;
                }
            } else {
                let last = self.trees.keys.len();
                let member = self.unexpected_member(data, at, parent, object)?;
                at = self.value(data, member.value, member.node, row, depth)?;
                if member.node < last || !self.forget(data, &member, object) {
                    self.trees.keys.learn(parent, previous, member.key);
                    previous = member.key;
                }
                guess = self.trees.keys.guess(parent, previous);
            }
            at = skip_space(data, at);
            match byte_at(data, at) {
                b',' => at = skip_space(data, at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(Malformed),
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
    ) -> Result<Unexpected, Malformed> {
        if byte_at(data, at) != b'"' {
            return Err(Malformed);
        }
        let (name, end) = bare_keys::read(data, at + 1)?;
        let colon = skip_space(data, end);
        if byte_at(data, colon) != b':' {
            return Err(Malformed);
        }
        let key = self.trees.keys.member(parent, &name);
        if byte_at(data, colon + 1) != b' ' {
            self.trees.keys.expect_no_space(key);
        }
        let (trees, bare) = (&mut self.trees, &self.bare);
        let is_bare = |name: &[u8]| bare.has(data, object, name);
        let is_first = trees.keys.claim(key, object)
            && !(self.has_forgotten
                && (is_bare(&name) || trees.keys.has_tried(parent, &name, object)));
        let node = if is_first { key } else { trees.keys.again(key, object, is_bare) };
        Ok(Unexpected { at, key, node, value: skip_space(data, colon + 1) })
    }

    /// Forgets a member of which nothing came, where nodes are too many.
    fn forget(&mut self, data: &[u8], member: &Unexpected, object: u64) -> bool {
        let &Unexpected { at, key, node, .. } = member;
        if self.trees.keys.len() <= self.crowd || !self.trees.keys.is_in_vain(node, object) {
            return false;
        }
        // A key that the object had before stays, to tell of this one.
        if node == key && !self.bare.note(data, object, at + 1) {
            return false;
        }
        self.trees.keys.forget(node);
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
    ) -> Result<usize, Malformed> {
        let ((cell, end), kind) = match byte_at(data, at) {
            b'"' if self.is_left_out(node) => return string_end(data, at),
            b'"' => (self.string(data, at)?, kind::STRING),
            b'-' | b'0'..=b'9' => {
                let end = number_end(data, at)?;
                if !self.is_left_out(node) {
                    self.set(data, row, node, Cell { start: at, end }, 0)?;
                    self.trees.keys.note_number(node, &data[at..end]);
                }
                return Ok(end);
            }
            b't' | b'f' => {
                let end = literal_end(data, at)?;
                ((Cell { start: at, end }, end), kind::BOOLEAN)
            }
            b'n' => ((Cell::default(), literal_end(data, at)?), kind::NULL),
            b'{' => {
                self.require_depth(depth + 1)?;
                if self.trees.is_map(row.table, node) {
                    return self.members(data, at + 1, node, row.table, depth + 1);
                }
                return self.object(data, at + 1, node, row, depth + 1);
            }
            b'[' => {
                self.require_depth(depth + 1)?;
                return self.list(data, at + 1, node, row, depth + 1);
            }
            _ => return Err(Malformed),
        };
        self.set(data, row, node, cell, kind)?;
        Ok(end)
    }

    /// The cell of the string at `at`, and the position after it.
    #[inline(always)]
    pub(super) fn string(&mut self, data: &[u8], at: usize) -> Result<(Cell, usize), Malformed> {
        let run = scan_string(data, at + 1);
        let end = run.at + 1;
        match byte_at(data, run.at) {
            // A string without escapes in its quotes is a cell in quotes.
            b'"' if self.settings.marks_text || run.comma || run.at == at + 1 => {
                Ok((Cell { start: at, end }, end))
            }
            b'"' => Ok((Cell { start: at + 1, end: run.at }, end)),
            b'\\' => self.escaped_string(data, at),
            _ => Err(Malformed),
        }
    }

    #[inline(never)]
    fn escaped_string(&mut self, data: &[u8], at: usize) -> Result<(Cell, usize), Malformed> {
        cell(data, at, &mut self.scratch, self.settings.marks_text)?.ok_or(Malformed)
    }

    /// Whether the node's path is a column that is left out: its values are only checked.
    #[inline(always)]
    fn is_left_out(&self, node: NodeId) -> bool {
        self.trees.keys.node(node).column == column::LEFT_OUT
    }

    /// Sets the cell of a node to a value of that kind.
    #[inline(always)]
    fn set(
        &mut self,
        data: &[u8],
        row: &mut Row,
        node: NodeId,
        cell: Cell,
        kind: u8,
    ) -> Result<(), Malformed> {
        let column = self.trees.keys.node(node).column;
        self.set_column(data, row, node, column, cell, Traits::of(kind))
    }

    /// Sets the cell of a node whose column is known; of one that is left out, nothing is noted.
    #[inline(always)]
    fn set_column(
        &mut self,
        data: &[u8],
        row: &mut Row,
        node: NodeId,
        column: u32,
        cell: Cell,
        traits: Traits,
    ) -> Result<(), Malformed> {
        match row.cells.get_mut((column as usize).wrapping_sub(1)) {
            Some(place) => *place = cell,
            None if column == column::LEFT_OUT => return Ok(()),
            None => self.set_other(data, row, node, column, cell)?,
        }
        self.trees.keys.note(node, traits);
        Ok(())
    }

    /// Sets the cell of a column that is new or has no plain cells.
    #[inline(never)]
    fn set_other(
        &mut self,
        data: &[u8],
        row: &mut Row,
        node: NodeId,
        mut column: u32,
        cell: Cell,
    ) -> Result<(), Malformed> {
        if column == 0 {
            column = self.trees.add_column(row.table, node, &mut row.cells)?;
        }
        if let Some(place) = row.cells.get_mut((column as usize).wrapping_sub(1)) {
            *place = cell;
            return Ok(());
        }
        let Some(treatments) = &mut self.trees.treatments else { return Ok(()) };
        let masked = column::masked(column).and_then(|number| treatments.masked.get_mut(number));
        let treated = &mut self.trees.tables[row.table].treated;
        if let (Some(masked), Some(treated)) = (masked, treated) {
            let marks_text = self.settings.marks_text;
            let (scratch, buffer) = (&mut self.scratch, &mut self.buffer);
            let mut masking = Masking { data, scratch, buffer, marks_text };
            let mut late = Late { cells: &mut treated.late, pseudonyms: &mut treatments.late };
            masked.set(&mut row.cells, cell, &mut masking, &mut late);
            if treatments.late.are_many() {
                self.trees.make_late(&mut self.scratch);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn require_depth(&self, depth: usize) -> Result<(), Malformed> {
        if depth > self.settings.max_depth { Err(Malformed) } else { Ok(()) }
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
    ) -> Result<usize, Malformed> {
        let first = skip_space(data, at);
        if byte_at(data, first) == b']' {
            return Ok(first + 1);
        }
        if !matches!(byte_at(data, first), b'{' | b'[') {
            let marks_text = self.settings.marks_text;
            if let Some((cell, end)) = cell(data, at - 1, &mut self.scratch, marks_text)? {
                self.set(data, row, node, cell, kind::LIST)?;
                return Ok(end);
            }
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
    ) -> Result<usize, Malformed> {
        let mut row = self.begin_children(table, node)?;
        let scratch = self.scratch.len();
        let parent = self.row_id.len();
        self.row_id.push(b".1");
        loop {
            let end = if at == self.next_stretch {
                self.stretches(data, &mut row, parent, depth)?
            } else {
                let end = self.element(data, at, &mut row, depth)?;
                self.finish_child(data, &mut row, parent, scratch)?;
                end
            };
            at = skip_space(data, end);
            match byte_at(data, at) {
                b',' => at = skip_space(data, at + 1),
                b']' => break,
                _ => return Err(Malformed),
            }
            self.row_id.count_up(parent + 1);
        }
        self.row_id.truncate(parent);
        self.end_rows(row);
        Ok(at + 1)
    }

    /// Reads an object as a table's rows, one for each member, from behind its bracket on.
    ///
    /// A key that it has again is the same key.
    #[inline(never)]
    fn members(
        &mut self,
        data: &[u8],
        at: usize,
        node: NodeId,
        table: usize,
        depth: usize,
    ) -> Result<usize, Malformed> {
        let mut at = skip_space(data, at);
        if byte_at(data, at) == b'}' {
            return Ok(at + 1);
        }
        let mut row = self.begin_children(table, node)?;
        let scratch = self.scratch.len();
        let parent = self.row_id.len();
        self.row_id.push(b".1");
        loop {
            let value = self.read_key(data, at, &mut row)?;
            at = skip_space(data, self.element(data, value, &mut row, depth)?);
            self.finish_child(data, &mut row, parent, scratch)?;
            match byte_at(data, at) {
                b',' => at = skip_space(data, at + 1),
                b'}' => break,
                _ => return Err(Malformed),
            }
            self.row_id.count_up(parent + 1);
        }
        self.row_id.truncate(parent);
        self.end_rows(row);
        Ok(at + 1)
    }

    /// Reads the key of a member that is a row; answers where its value is.
    fn read_key(&mut self, data: &[u8], at: usize, row: &mut Row) -> Result<usize, Malformed> {
        if byte_at(data, at) != b'"' {
            return Err(Malformed);
        }
        let (key, end) = self.string(data, at)?;
        let colon = skip_space(data, end);
        if byte_at(data, colon) != b':' {
            return Err(Malformed);
        }
        row.key = key;
        let treated = self.trees.tables[row.table].treated.as_deref_mut();
        if let Some(TreatedRows { are_made: true, key: Some((mask, cells)), .. }) = treated {
            let marks_text = self.settings.marks_text;
            let (scratch, buffer) = (&mut self.scratch, &mut self.buffer);
            let masked = Masking { data, scratch, buffer, marks_text }.cell(mask, key);
            row.key = masked.cell;
            cells.cells += u64::from(masked.is_masked);
        }
        Ok(skip_space(data, colon + 1))
    }

    // Rows

    pub(super) fn begin_rows(&mut self, table: usize) -> Row {
        let cells = std::mem::take(&mut self.trees.tables[table].cells);
        Row { table, cells, key: Cell::default() }
    }

    /// Begins the rows of the table at a node of another one's.
    fn begin_children(&mut self, table: usize, node: NodeId) -> Result<Row, Malformed> {
        let child = match self.trees.keys.node(node).table {
            0 => self.trees.add_table(table, node)?,
            child => child as usize,
        };
        Ok(self.begin_rows(child))
    }

    pub(super) fn end_rows(&mut self, row: Row) {
        self.trees.tables[row.table].cells = row.cells;
    }

    /// Writes the row of an element, and makes room where rows are many.
    #[inline(always)]
    pub(super) fn finish_child(
        &mut self,
        data: &[u8],
        row: &mut Row,
        parent: usize,
        scratch: usize,
    ) -> Result<(), Malformed> {
        self.finish_row(data, row, parent);
        self.scratch.truncate(scratch);
        if self.held > MANY { self.make_room(data) } else { Ok(()) }
    }

    /// Writes a row, and empties it; so much of the row's id is its parent's.
    #[inline(always)]
    pub(super) fn finish_row(&mut self, data: &[u8], row: &mut Row, parent: usize) {
        let marks_text = self.settings.marks_text;
        let texts = Texts { data, scratch: &self.scratch, marks_text };
        let table = &mut self.trees.tables[row.table];
        let line_end = &self.settings.line_end;
        let (mut form, mut is_late) = (None, false);
        if let Some(treated) = &mut table.treated {
            if !treated.are_made {
                return row.cells.fill(Cell::default());
            }
            is_late = !treated.late.is_empty();
            if let Some((masked, cells)) = &mut treated.record_id {
                form = Some(*masked);
                cells.cells += u64::from(self.trees.record_ids.is_masked(*masked));
            }
        }
        let record = self.trees.record_ids.cell(form);
        let (links, key) = (table.written_links, row.key);
        let ids = Ids { links, record, row: &self.row_id, parent, key, marks_text };
        self.held += table.output.row(&ids, texts, &row.cells, line_end);
        if is_late {
            self.trees.finish_late(row.table, (&row.cells, data.len()), line_end.len());
        }
        row.cells.fill(Cell::default());
    }
}
