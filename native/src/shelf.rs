//! Memory for text, used again and again: the system clears what it gives anew.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// More rooms than this are given back to the system,
const MOST: usize = 8;
/// and larger ones: they were for a long record.
const LARGEST: usize = 8 << 20;
/// Rooms are of whole multiples of this, so that most are alike.
const UNIT: usize = 1 << 20;

/// Rooms that nobody uses.
#[derive(Default)]
pub struct Shelf(Mutex<Vec<Vec<u8>>>);

impl Shelf {
    /// A room of at least so many bytes, with anything in it.
    pub fn room(self: &Arc<Self>, size: usize) -> Room {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = kept.iter().position(|room| room.len() >= size);
        let bytes = fitting.map(|place| kept.swap_remove(place));
        drop(kept);
        let bytes = bytes.unwrap_or_else(|| vec![0; size.next_multiple_of(UNIT)]);
        Room { bytes, shelf: Arc::clone(self) }
    }
}

/// Memory that goes back to its shelf.
pub struct Room {
    bytes: Vec<u8>,
    shelf: Arc<Shelf>,
}

impl Room {
    /// All of it, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Its first bytes as a text, which does not change any more.
    pub fn into_text(self, length: usize) -> Text {
        Text { room: self, length }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut kept = self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST && self.bytes.len() <= LARGEST {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// Text in memory from a shelf.
pub struct Text {
    room: Room,
    length: usize,
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.room.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{LARGEST, MOST, Shelf, UNIT};

    #[test]
    fn memory_is_used_again_when_nobody_looks_at_it() {
        let shelf = Arc::new(Shelf::default());
        let mut room = shelf.room(5);
        room.bytes_mut()[..5].copy_from_slice(b"first");
        let text = Arc::new(room.into_text(5));
        let other = Arc::clone(&text);
        let address = text.as_ptr();
        drop(text);
        assert_ne!(shelf.room(5).bytes_mut().as_ptr(), address);
        assert_eq!(&**other, b"first");
        drop(other);
        let mut rooms: Vec<_> = (0..2).map(|_| shelf.room(5)).collect();
        assert!(rooms.iter_mut().any(|room| room.bytes_mut().as_ptr() == address));
    }

    #[test]
    fn only_so_much_is_kept() {
        let shelf = Arc::new(Shelf::default());
        drop((0..3 * MOST).map(|_| shelf.room(1)).collect::<Vec<_>>());
        assert_eq!(shelf.0.lock().map(|kept| kept.len()).ok(), Some(MOST));
        drop(shelf.room(LARGEST + 1));
        assert!(shelf.room(UNIT + 1).bytes_mut().len() == 2 * UNIT);
    }
}
