//! Pseudonyms that are made late, many at once: their rows are written with room for them.

use super::cell::Cell;
use crate::columns::{PSEUDONYM, PseudonymBatch, Pseudonyms, Shown};

/// A cell of the row at hand that is room for a pseudonym.
pub struct LateCell {
    /// Which cell it is.
    pub place: usize,
    /// Where it begins, by which it is told from one that was set later.
    pub start: usize,
    /// How far that is from the end of the whole row; None if the cell was set again.
    before_end: Option<usize>,
    /// Where what is put there is noted, and in which batch.
    target: usize,
    batch: u64,
}

/// Where a pseudonym is to be put.
#[derive(Clone, Copy)]
pub enum Target {
    /// At that place of the scratch space: the row is not written yet.
    Scratch(usize),
    /// There in a table's rows.
    Rows(u32, usize),
    /// Nowhere: the cell was set again.
    Nowhere,
}

/// With more cells than that, they are filled in even if few pseudonyms are to be made.
const MANY_TARGETS: usize = 1024;

/// Pseudonyms that are to be made.
#[derive(Default)]
pub struct LatePseudonyms {
    /// Their texts.
    pub batch: PseudonymBatch,
    /// Where they are to be put: one may be so in several places.
    targets: Vec<(usize, Target)>,
    /// How many batches there were.
    batches: u64,
}

impl LatePseudonyms {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.targets.clear();
        self.batch.clear();
        self.batches += 1;
    }

    /// Notes that what waits in the batch is to be put at that place of the scratch space, for a
    /// cell of the row at hand.
    #[inline(always)]
    pub fn note(&mut self, waiting: usize, at: usize, (place, start): (usize, usize)) -> LateCell {
        let (target, batch) = (self.targets.len(), self.batches);
        self.targets.push((waiting, Target::Scratch(at)));
        LateCell { place, start, before_end: None, target, batch }
    }

    /// Notes where a cell is now that its row is written, which ends there.
    #[inline(always)]
    pub fn move_to(&mut self, table: usize, end: usize, quote: usize, cell: &LateCell) {
        // What was made before that was in the scratch space when the row was written.
        if cell.batch != self.batches {
            return;
        }
        if let Some((_, target)) = self.targets.get_mut(cell.target) {
            *target = cell.before_end.map_or(Target::Nowhere, |before_end| {
                Target::Rows(table as u32, end - before_end + quote)
            });
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
        for (waiting, target) in self.targets.drain(..) {
            put(target, &made[waiting]);
        }
        self.batches += 1;
    }
}

/// Puts a pseudonym over what is there.
#[inline(always)]
pub fn fill_in(text: &mut [u8], at: usize, made: &Shown) {
    if let Some(room) = text.get_mut(at..at + PSEUDONYM) {
        room.copy_from_slice(&made[..PSEUDONYM]);
    }
}

/// Notes where the cells of a whole row are.
#[inline]
pub fn measure(late: &mut [LateCell], row: &[Cell], line_end: usize) {
    // Mostly one comes after the other.
    let (mut place, mut behind) = (row.len(), line_end);
    for cell in late.iter_mut().rev() {
        if cell.place > place {
            (place, behind) = (row.len(), line_end);
        }
        let between: usize = row[cell.place..place].iter().map(|cell| cell.len() + 1).sum();
        (place, behind) = (cell.place, behind + between);
        let is_there = row[place].start == cell.start;
        // No comma after the last one.
        cell.before_end = is_there.then(|| behind - 1);
    }
}
