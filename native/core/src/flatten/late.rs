//! Pseudonyms that are made late, many at once: their rows are written with room for them.

use super::cell::Cell;
use crate::columns::{PSEUDONYM, PseudonymBatch, Pseudonyms, Shown};

/// A cell of the row at hand that is room for a pseudonym.
pub struct LateCell {
    /// Which cell it is.
    place: usize,
    /// Which of all targets it is.
    target: usize,
}

/// Where a pseudonym is to be put.
pub struct Target {
    /// The place of its first byte.
    pub at: usize,
    /// In what that is.
    pub holder: Holder,
    /// Which one of the batch it is.
    waiting: u8,
}
const _: () = assert!(PseudonymBatch::SIZE <= 1 << u8::BITS);

/// What there is room in.
#[derive(Clone, Copy)]
pub enum Holder {
    /// The scratch space: the row is not written yet.
    Scratch,
    /// The rows of that table.
    Rows(u32),
    /// Nothing: the cell was set again.
    Nothing,
}

/// With more cells than that, they are filled in even if few pseudonyms are to be made.
const MANY_TARGETS: usize = 1024;

/// Pseudonyms that are to be made.
#[derive(Default)]
pub struct LatePseudonyms {
    /// Their texts.
    pub batch: PseudonymBatch,
    /// Where they are to be put: one may be so in several places.
    targets: Vec<Target>,
    /// How many targets there were before those.
    before: usize,
}

impl LatePseudonyms {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.before += self.targets.len();
        self.targets.clear();
        self.batch.clear();
    }

    /// Notes that what waits in the batch is to be put at that place of the scratch space, for a
    /// cell of the row at hand.
    #[inline(always)]
    pub fn note(&mut self, waiting: usize, at: usize, place: usize) -> LateCell {
        let target = self.before + self.targets.len();
        self.targets.push(Target { at, holder: Holder::Scratch, waiting: waiting as u8 });
        LateCell { place, target }
    }

    /// Notes where the cells of a row are now that it is written, the last of a table: its text ends
    /// there, and the scratch space began there. Forgets which they are.
    #[inline]
    pub fn move_to_rows(
        &mut self,
        late: &mut Vec<LateCell>,
        (row, scratch): (&[Cell], usize),
        (table, end): (usize, usize),
        quote: usize,
    ) {
        // As if a comma were after the last cell. Mostly one comes after the other.
        let (mut place, mut at) = (row.len(), end + 1);
        for cell in late.drain(..).rev() {
            if cell.place > place {
                (place, at) = (row.len(), end + 1);
            }
            let between: usize = row[cell.place..place].iter().map(|cell| cell.len() + 1).sum();
            (place, at) = (cell.place, at - between);
            // What was made before that was in the scratch space when the row was written.
            let target = cell.target.checked_sub(self.before);
            let Some(target) = target.and_then(|target| self.targets.get_mut(target)) else {
                continue;
            };
            let is_there = row[place].start + quote == scratch + target.at;
            target.holder = if is_there { Holder::Rows(table as u32) } else { Holder::Nothing };
            target.at = at + quote;
        }
    }

    /// Whether there may be no more before they are made.
    #[inline(always)]
    pub fn are_many(&self) -> bool {
        self.batch.is_full() || self.targets.len() >= MANY_TARGETS
    }

    /// Makes all, and has them put where they are to be.
    #[inline(never)]
    pub fn make(&mut self, pseudonyms: &Pseudonyms, mut put: impl FnMut(Target, &Shown)) {
        if self.targets.is_empty() {
            return;
        }
        let made = self.batch.make(pseudonyms);
        self.before += self.targets.len();
        for target in self.targets.drain(..) {
            let made = &made[usize::from(target.waiting)];
            put(target, made);
        }
    }
}

/// Puts a pseudonym over what is there.
#[inline(always)]
pub fn fill_in(text: &mut [u8], at: usize, made: &Shown) {
    if let Some(room) = text.get_mut(at..at + PSEUDONYM) {
        room.copy_from_slice(&made[..PSEUDONYM]);
    }
}
