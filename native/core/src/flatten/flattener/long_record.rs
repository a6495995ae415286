//! A long record, whose long lists are flattened in stretches on several threads.
//!
//! One thread goes through the record, and takes what comes of the stretches where they are: rows
//! and columns come in the same order as they would from it alone.

use std::sync::Arc;
use std::thread;

use super::values::Row;
use super::{Batch, Flattener};
use crate::flatten::fragment::Fragment;
use crate::flatten::relay::{Ahead, Helpers, Place, Relay};
use crate::json::{Malformed, byte_at, skip_space};
use crate::marks::mark_specials;
use crate::sound::Record;
use crate::stretches::{Stretch, Stretches};

/// With ids longer than this, rows take far more memory than their elements.
const LONG_ID: usize = 64 << 10;

impl Flattener {
    /// Flattens a record, with the help of other threads if it has long lists.
    pub(super) fn long_record(
        &mut self,
        batch: &Batch,
        index: usize,
        helpers: &dyn Helpers,
    ) -> Result<(), Malformed> {
        let (data, value, key) = (batch.data, batch.values[index], batch.keys.get(index).copied());
        let stretches = Stretches::of(data, value, helpers.stretch_size());
        if stretches.all.len() < 2 {
            return self.record(batch, index);
        }
        let (depth, max_depth) = (batch.depth, self.settings.max_depth);
        let record = Record { data, value, key, depth, max_depth };
        if !record.is_sound(&stretches.all, helpers.threads()) {
            self.place = (value, key, depth);
            return Err(Malformed);
        }
        self.is_begun = true;
        let relay = Arc::new(Relay::new(stretches, helpers.log()));
        self.next_stretch = relay.stretches.all[0].start;
        self.ahead = Some(Ahead { relay: Arc::clone(&relay), next: 0 });
        let flattened = thread::scope(|scope| {
            let _end = Ending(&relay);
            for begun in 0..helpers.threads() {
                let help = || helpers.help(&relay, data);
                if thread::Builder::new().spawn_scoped(scope, help).is_err() {
                    // As many as the system lets begin; nobody may wait for what none does.
                    if begun == 0 {
                        relay.end();
                    }
                    break;
                }
            }
            self.record(batch, index)
        });
        self.next_stretch = usize::MAX;
        self.ahead = None;
        flattened
    }

    /// Takes what comes of the stretches from the one on whose first element is next; answers the
    /// position after them. The id of the row is that of the last element then.
    #[cold]
    pub(super) fn stretches(
        &mut self,
        data: &[u8],
        row: &mut Row,
        parent: usize,
        depth: usize,
    ) -> Result<usize, Malformed> {
        let Some(Ahead { relay, next }) = self.ahead.take() else { return Err(Malformed) };
        let stop = next + relay.stretches.together(next);
        let numbers = next..stop;
        let next_start = relay.stretches.all.get(stop).map_or(usize::MAX, |next| next.start);
        let last = relay.stretches.all[stop - 1];
        self.emit_and_tell(&relay)?;
        let record_id = self.trees.record_ids.text();
        if record_id.len() + parent <= LONG_ID {
            let place = Place {
                table: row.table,
                depth,
                row_id: self.row_id.text()[..parent].to_vec(),
                record_id: record_id.to_vec(),
                origin: self.trees.origin,
            };
            relay.hand_out(place, numbers.clone());
        } else {
            relay.end();
        }
        self.next_stretch = usize::MAX;
        for number in numbers {
            let known = self.known + self.own.len();
            match relay.take(number) {
                Some(made) if made.entries.is_empty() || made.base == known => {
                    self.take_made(made, row)?;
                }
                // It has columns or tables that came with others meanwhile, or is a hard one.
                _ => self.stretch(data, row, &relay.stretches.all[number], parent, depth)?,
            }
            self.emit_and_tell(&relay)?;
        }
        self.row_id.truncate(parent + 1);
        self.row_id.push_number(last.next - 1);
        self.next_stretch = next_start;
        self.ahead = Some(Ahead { relay, next: stop });
        Ok(last.end)
    }

    /// Has a fragment taken, whose entries this flattener does not have yet.
    fn take_made(&mut self, made: Fragment, row: &mut Row) -> Result<(), Malformed> {
        let entries = made.entries.clone();
        self.give(made)?;
        if entries.is_empty() {
            return Ok(());
        }
        let table = row.table;
        self.end_rows(std::mem::replace(row, Row::none(table)));
        for entry in &entries {
            self.trees.follow(entry.is_table, entry.owner, &entry.path);
        }
        self.own.extend(entries);
        *row = self.begin_rows(table);
        Ok(())
    }

    /// Has what there is taken, and whoever flattens stretches know the schema.
    fn emit_and_tell(&mut self, relay: &Relay) -> Result<(), Malformed> {
        if self.held > 0 || !self.trees.entries.is_empty() {
            let part = self.part(self.trees.origin, false);
            self.give(part)?;
        }
        relay.learn(&self.own[relay.known() - self.known..]);
        Ok(())
    }

    fn give(&mut self, made: Fragment) -> Result<(), Malformed> {
        let is_wanted = self.take.as_mut().is_some_and(|take| take(made));
        if is_wanted { Ok(()) } else { Err(Malformed) }
    }

    /// Flattens a stretch of a record that another flattener is at.
    pub fn flatten_stretch(
        &mut self,
        data: &[u8],
        stretch: &Stretch,
        place: &Place,
    ) -> Result<Fragment, Malformed> {
        self.clear();
        let marks_text = self.settings.marks_text;
        self.trees.origin = place.origin;
        self.trees.record_ids.clear();
        self.trees.record_ids.set(&place.record_id, marks_text);
        self.scratch.clear();
        self.bare.begin(stretch.start, self.objects);
        self.has_forgotten = false;
        self.row_id.truncate(0);
        self.row_id.push(&place.row_id);
        self.row_id.push(b".");
        let mut row = self.begin_rows(place.table);
        self.stretch(data, &mut row, stretch, place.row_id.len(), place.depth)?;
        self.end_rows(row);
        self.forget_large();
        Ok(self.part(place.origin, false))
    }

    /// Flattens the elements of a stretch.
    fn stretch(
        &mut self,
        data: &[u8],
        row: &mut Row,
        stretch: &Stretch,
        parent: usize,
        depth: usize,
    ) -> Result<(), Malformed> {
        mark_specials(&data[stretch.start..stretch.end], &mut self.marks);
        self.base = stretch.start;
        self.row_id.truncate(parent + 1);
        self.row_id.push_number(stretch.first);
        let (scratch, mut at) = (self.scratch.len(), stretch.start);
        loop {
            let end = self.element(data, at, row, depth)?;
            self.finish_child(data, row, parent, scratch)?;
            if end >= stretch.end {
                break;
            }
            at = skip_space(data, end);
            if byte_at(data, at) != b',' {
                return Err(Malformed);
            }
            at = skip_space(data, at + 1);
            self.row_id.count_up(parent + 1);
        }
        self.marks.clear();
        Ok(())
    }
}

/// Ends the work on stretches when it is dropped.
struct Ending<'a>(&'a Relay);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}
