//! Memory for text, used again and again: the system clears what it gives anew.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// More unused buffers than this are given back to the system.
const MOST: usize = 8;
/// Larger buffers than this are given back, too: they were for a long record.
const LARGEST: usize = 8 << 20;
/// Buffers are of whole multiples of this, so that most are alike.
const UNIT: usize = 1 << 20;

/// Buffers that nobody uses.
#[derive(Default)]
pub struct BufferPool(Mutex<Vec<Vec<u8>>>);

impl BufferPool {
    /// A buffer of at least so many bytes, with anything in it.
    pub fn buffer(self: &Arc<Self>, size: usize) -> Buffer {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fitting = kept.iter().enumerate().filter(|(_, buffer)| buffer.len() >= size);
        let smallest = fitting.min_by_key(|(_, buffer)| buffer.len()).map(|(place, _)| place);
        let bytes = smallest.map(|place| kept.swap_remove(place));
        drop(kept);
        let bytes = bytes.unwrap_or_else(|| vec![0; size.next_multiple_of(UNIT)]);
        Buffer { bytes, pool: Arc::clone(self) }
    }
}

/// Memory that goes back to its pool.
pub struct Buffer {
    bytes: Vec<u8>,
    pool: Arc<BufferPool>,
}

impl Buffer {
    /// All of it, to be written to.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// The first bytes as a text, which does not change any more.
    pub fn into_shared(self, length: usize) -> SharedText {
        SharedText { buffer: self, length }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let mut kept = self.pool.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < MOST && self.bytes.len() <= LARGEST {
            kept.push(std::mem::take(&mut self.bytes));
        }
    }
}

/// Text in memory from a pool.
pub struct SharedText {
    buffer: Buffer,
    length: usize,
}

impl SharedText {
    /// Room for so many bytes after the text, with anything in it.
    pub fn room(&mut self, size: usize) -> &mut [u8] {
        let bytes = &mut self.buffer.bytes;
        let wanted = self.length + size;
        if bytes.len() < wanted {
            bytes.reserve_exact(wanted - bytes.len());
            bytes.resize(wanted, 0);
        }
        &mut bytes[self.length..wanted]
    }

    /// How much memory there is for it.
    pub fn capacity(&self) -> usize {
        self.buffer.bytes.capacity()
    }

    /// Takes so many bytes of that room to the text.
    pub fn lengthen(&mut self, count: usize) {
        self.length = (self.length + count).min(self.buffer.bytes.len());
    }
}

impl Deref for SharedText {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.buffer.bytes[..self.length]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{BufferPool, LARGEST, MOST, UNIT};

    #[test]
    fn memory_is_used_again_when_nobody_looks_at_it() {
        let pool = Arc::new(BufferPool::default());
        let mut buffer = pool.buffer(5);
        buffer.bytes_mut()[..5].copy_from_slice(b"first");
        let text = Arc::new(buffer.into_shared(5));
        let other = Arc::clone(&text);
        let address = text.as_ptr();
        drop(text);
        assert_ne!(pool.buffer(5).bytes_mut().as_ptr(), address);
        assert_eq!(&**other, b"first");
        drop(other);
        let mut buffers: Vec<_> = (0..2).map(|_| pool.buffer(5)).collect();
        assert!(buffers.iter_mut().any(|buffer| buffer.bytes_mut().as_ptr() == address));
    }

    #[test]
    fn only_so_much_is_kept() {
        let pool = Arc::new(BufferPool::default());
        drop((0..3 * MOST).map(|_| pool.buffer(1)).collect::<Vec<_>>());
        assert_eq!(pool.0.lock().map(|kept| kept.len()).ok(), Some(MOST));
        drop(pool.buffer(LARGEST + 1));
        assert!(pool.buffer(UNIT + 1).bytes_mut().len() == 2 * UNIT);
    }
}
