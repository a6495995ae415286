//! Whether a record is well-formed and not nested too deep, without any rows of it.

use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread;

use crate::boundary::Span;
use crate::search::Scanner;
use crate::stretches::Stretch;
use crate::wanted::Wanted;

/// No string begins with that byte: control characters are not written as they are.
const NOTHING: &[u8] = b"\0";

/// A record.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The text that it is in.
    pub data: &'a [u8],
    /// Its value.
    pub value: Span,
    /// Its key, if it has one.
    pub key: Option<Span>,
    /// The containers around it.
    pub depth: usize,
    /// How many containers may be nested.
    pub max_depth: usize,
}

impl Record<'_> {
    /// Whether it is sound, for which so many threads look at its stretches.
    pub fn is_sound(&self, stretches: &[Stretch], threads: usize) -> bool {
        let (next, is_sound) = (AtomicUsize::new(0), AtomicBool::new(true));
        let wanted = Wanted::new(NOTHING);
        let look = || {
            let mut scanner = Scanner::strict(self.data, &wanted, self.max_depth, &[]);
            while let Some(stretch) = stretches.get(next.fetch_add(1, Relaxed)) {
                let is_text = self.is_text((stretch.start, stretch.end));
                if !(is_text && scanner.has_elements(stretch, self.depth + stretch.depth)) {
                    is_sound.store(false, Relaxed);
                    next.store(stretches.len(), Relaxed);
                }
            }
        };
        thread::scope(|scope| {
            for _ in 1..threads.min(stretches.len()) {
                // Where the system lets no other thread begin, those that did look at all.
                if thread::Builder::new().spawn_scoped(scope, look).is_err() {
                    break;
                }
            }
            if !self.is_sound_around(stretches, &wanted) {
                is_sound.store(false, Relaxed);
                next.store(stretches.len(), Relaxed);
            }
            look();
        });
        is_sound.into_inner()
    }

    /// Whether it would be sound if all stretches were.
    fn is_sound_around(&self, stretches: &[Stretch], wanted: &Wanted) -> bool {
        let mut start = self.value.0;
        let is_text = stretches.iter().all(|stretch| {
            let before = (start, stretch.start);
            start = stretch.end;
            self.is_text(before)
        });
        let mut scanner = Scanner::strict(self.data, wanted, self.max_depth, stretches);
        is_text
            && self.is_text((start, self.value.1))
            && self.key.is_none_or(|key| self.is_text(key))
            && scanner.is_sound(self.key.as_ref(), self.value, self.depth)
    }

    fn is_text(&self, (start, end): Span) -> bool {
        self.data.get(start..end).is_some_and(|text| simdutf8::basic::from_utf8(text).is_ok())
    }
}
