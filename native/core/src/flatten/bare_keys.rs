//! Keys that no node stands for, because nothing came of their values.

use std::borrow::Cow;
use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::json::{Key, Malformed, byte_at, scan_string, unescape};

/// More of them are not kept room for.
const MANY: usize = 1 << 16;

/// The bare keys of a record's objects: an object that has such a key again has it more than once.
#[derive(Default)]
pub struct BareKeys {
    places: HashTable<Place>,
    hasher: DefaultHashBuilder,
    /// Where the record begins in the text.
    base: usize,
    /// How many objects came before the record.
    objects: u64,
}

/// Where a key is, counted from where its record begins; there may be millions of them.
struct Place {
    object: u32,
    at: u32,
}

impl BareKeys {
    /// Begins a record.
    pub fn begin(&mut self, base: usize, objects: u64) {
        if self.places.capacity() > MANY {
            self.places = HashTable::new();
        }
        self.places.clear();
        (self.base, self.objects) = (base, objects);
    }

    /// Notes the key of an object whose content is at `at`; false if that is too far away.
    pub fn note(&mut self, data: &[u8], object: u64, at: usize) -> bool {
        let Some(place) = self.place(object, at) else { return false };
        let (hasher, base) = (&self.hasher, self.base);
        let hash = |&Place { object, at }: &Place| {
            hasher.hash_one((object, &*read(data, base + at as usize).unwrap_or_default().0))
        };
        self.places.insert_unique(hash(&place), place, hash);
        true
    }

    /// Whether an object has had that key.
    pub fn has(&self, data: &[u8], object: u64, key: &[u8]) -> bool {
        let Some(Place { object, .. }) = self.place(object, self.base) else { return false };
        let is_it = |place: &Place| {
            let at = self.base + place.at as usize;
            place.object == object && read(data, at).is_ok_and(|(found, _)| *found == *key)
        };
        self.places.find(self.hasher.hash_one((object, key)), is_it).is_some()
    }

    fn place(&self, object: u64, at: usize) -> Option<Place> {
        let object = u32::try_from(object - self.objects).ok()?;
        Some(Place { object, at: u32::try_from(at - self.base).ok()? })
    }
}

/// The key whose content is at `at`, and the position after its closing quote.
#[inline]
pub fn read(data: &[u8], at: usize) -> Result<(Cow<'_, [u8]>, usize), Malformed> {
    let run = scan_string(data, at);
    if byte_at(data, run.at) == b'"' {
        return Ok((Cow::Borrowed(&data[at..run.at]), run.at + 1));
    }
    let mut key = Key::default();
    let end = unescape(data, at, &mut key)?;
    Ok((Cow::Owned(key.0), end))
}
