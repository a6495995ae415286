//! Pseudonyms that are made late, many at once: their rows are written with room for them.

use super::cell::Cell;
use crate::columns::{LastBlock, Note, PSEUDONYM, PseudonymBatch, Pseudonyms, RecentPseudonyms};

/// What there is in the room for a pseudonym.
pub const ROOM: [u8; PSEUDONYM] = [b'?'; PSEUDONYM];

/// A cell of the row at hand that is room for a pseudonym.
pub struct LateCell {
    /// Which cell it is.
    pub place: usize,
    /// Where it begins, by which it is told from one that was set later.
    pub start: usize,
    /// How far that is from the end of the whole row; None if the cell was set again.
    pub before_end: Option<usize>,
    /// What the pseudonym is made of.
    pub block: LastBlock,
    /// Where it is to be kept.
    pub note: Note,
}

/// What is needed of pseudonyms where cells are set.
pub struct Late<'a> {
    /// The cells of the row at hand that are room for one.
    pub cells: &'a mut Vec<LateCell>,
    /// Those that were made lately.
    pub recent: &'a mut RecentPseudonyms,
}

/// Where a pseudonym is to be put: a table's number, and where in its rows.
type Target = (usize, usize);

/// Pseudonyms of finished rows that are to be made.
#[derive(Default)]
pub struct LatePseudonyms {
    batch: PseudonymBatch,
    targets: Vec<(Target, Note)>,
    /// Those that were made lately.
    pub recent: RecentPseudonyms,
}

impl LatePseudonyms {
    /// Forgets all.
    pub fn clear(&mut self) {
        self.targets.clear();
    }

    /// Takes one that is to be put there.
    #[inline(always)]
    pub fn add(&mut self, target: Target, cell: &LateCell) {
        self.batch.set(self.targets.len(), &cell.block);
        self.targets.push((target, cell.note));
    }

    /// Whether there may be no more before they are made.
    #[inline(always)]
    pub fn are_many(&self) -> bool {
        self.targets.len() == PseudonymBatch::SIZE
    }

    /// Makes all, and has them put into rows: in which table, where, and what.
    #[inline(never)]
    pub fn make(&mut self, pseudonyms: &Pseudonyms, mut put: impl FnMut(usize, usize, &[u8])) {
        if self.targets.is_empty() {
            return;
        }
        let made = self.batch.make(pseudonyms);
        for (((table, at), note), made) in self.targets.drain(..).zip(made) {
            put(table, at, &made);
            self.recent.keep(note, &made);
        }
    }
}

/// Notes where the cells of a whole row are.
pub fn measure(late: &mut [LateCell], row: &[Cell], line_end: usize) {
    for cell in late {
        let after = &row[cell.place..];
        let lengths: usize = after.iter().map(|cell| cell.len()).sum();
        let is_there = after[0].start == cell.start;
        cell.before_end = is_there.then(|| lengths + after.len() - 1 + line_end);
    }
}
