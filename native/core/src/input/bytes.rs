//! Where the bytes of a file are, and why there may be no more of them.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Why there is no more text.
pub enum Failure {
    /// The file is shorter than it was, cannot be read, or does not end in padding; or its base64
    /// or hex text is damaged.
    Unreadable,
    /// The callback failed for this cause.
    Raised(Cause),
}

/// What a callback failed for.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Where the bytes of a file are, as it lies.
pub trait ReadAt: Send {
    /// Fills room with the bytes at an offset, all of which are within the file.
    fn read_exact_at(&mut self, room: &mut [u8], offset: u64) -> Result<(), Failure>;
}

impl ReadAt for File {
    fn read_exact_at(&mut self, room: &mut [u8], offset: u64) -> Result<(), Failure> {
        FileExt::read_exact_at(self, room, offset).map_err(|_| Failure::Unreadable)
    }
}

/// Some bytes that a callback gave.
pub type Given = Box<dyn AsRef<[u8]> + Send>;

/// A callback that gives the bytes of a file, for one that the core cannot read by itself.
pub trait PullBytes: Send {
    /// So many bytes at an offset, fewer at the end.
    fn pull(&mut self, offset: u64, size: usize) -> Result<Given, Cause>;
}

/// The bytes of a file that a callback gives, some MiB with each call.
pub struct PulledBytes<C> {
    callback: C,
    end: u64,
    given: Given,
    /// Where in the file is what was given last.
    offset: u64,
}

impl<C: PullBytes> PulledBytes<C> {
    /// Nothing was given yet; no byte from `end` on is asked for.
    pub fn new(callback: C, end: u64) -> Self {
        Self { callback, end, given: Box::new([]), offset: 0 }
    }

    /// The bytes from an offset on that were given, after others were asked for if there are none.
    fn at(&mut self, offset: u64) -> Result<&[u8], Failure> {
        if self.held(offset).is_none() {
            let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
            let given = self.callback.pull(offset, left.min(PULLED_BYTES));
            self.given = given.map_err(Failure::Raised)?;
            self.offset = offset;
        }
        self.held(offset).ok_or(Failure::Unreadable)
    }

    fn held(&self, offset: u64) -> Option<&[u8]> {
        let skipped = usize::try_from(offset.checked_sub(self.offset)?).ok()?;
        (*self.given).as_ref().get(skipped..).filter(|bytes| !bytes.is_empty())
    }
}

impl<C: PullBytes> ReadAt for PulledBytes<C> {
    fn read_exact_at(&mut self, mut room: &mut [u8], mut offset: u64) -> Result<(), Failure> {
        while !room.is_empty() {
            let given = self.at(offset)?;
            let size = given.len().min(room.len());
            room[..size].copy_from_slice(&given[..size]);
            room = &mut room[size..];
            offset += size as u64;
        }
        Ok(())
    }
}

/// As much is asked of a callback at a time: what object storage is read by.
const PULLED_BYTES: usize = 8 << 20;
