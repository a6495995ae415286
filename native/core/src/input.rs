//! The text of a file from some place on, decrypted if it has to be.
//!
//! Nothing is explained here: where a file does not go on as it should, whoever reads it slowly
//! finds out why.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::cipher::{BLOCK, Cipher, PIECE_BYTES, unpadded};

/// Why there is no more text.
pub enum Failure {
    /// The file is shorter than it was, cannot be read, or does not end in padding.
    Unreadable,
    /// The callback failed for this cause.
    Raised(Cause),
}

/// What a callback failed for.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A callback that gives text, for input that the core cannot read by itself.
pub trait PullText: Send {
    /// The next bytes, none at the end.
    fn pull(&mut self) -> Result<Vec<u8>, Cause>;
}

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

/// Where text comes from.
pub enum Input {
    /// A file.
    File(Box<FileText>),
    /// A callback.
    Pulled(PulledText),
}

impl Input {
    /// Fills room with the next text; answers how much. No text is the end.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        match self {
            Self::File(file) => file.read(room),
            Self::Pulled(text) => text.read(room),
        }
    }

    /// How many bytes are still to come at most, if that is known.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.end - file.position),
            Self::Pulled(_) => None,
        }
    }

    /// What a callback gave, and nobody has read yet.
    pub fn unread(&self) -> &[u8] {
        match self {
            Self::File(_) => &[],
            Self::Pulled(text) => text.unread(),
        }
    }
}

/// The text of a file that lies there as it is, or encrypted with AES-256-CBC (PKCS#7).
pub struct FileText {
    /// Asked for each piece, which is large: what kind it is does not matter.
    file: Box<dyn ReadAt>,
    position: u64,
    end: u64,
    /// How many bytes of text are still to be left out.
    skip: usize,
    cipher: Option<Cipher>,
}

impl FileText {
    /// From a position on, that of a block if it is encrypted; `skip` bytes of it are left out.
    pub fn new(file: impl ReadAt + 'static, position: u64, end: u64, skip: usize) -> Self {
        Self { file: Box::new(file), position, end, skip, cipher: None }
    }

    /// Decrypts it; `iv` is the block of ciphertext before the position, or the file's own.
    pub fn decrypted(mut self, key: &[u8; 32], iv: &[u8; BLOCK]) -> Self {
        self.cipher = Some(Cipher::new(key, iv));
        self
    }

    fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while self.position < self.end {
            let size = self.fill(&mut room[filled..])?;
            let skipped = self.skip.min(size);
            self.skip -= skipped;
            if skipped > 0 {
                room.copy_within(filled + skipped..filled + size, filled);
            }
            filled += size - skipped;
            if filled + PIECE_BYTES > room.len() && filled > 0 {
                break;
            }
        }
        Ok(filled)
    }

    /// Fills room with the next piece; answers how much of it is text.
    fn fill(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        let whole = room.len() - room.len() % BLOCK;
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let size = whole.min(PIECE_BYTES).min(left);
        let room = room.get_mut(..size).ok_or(Failure::Unreadable)?;
        let is_last = size == left;
        match &mut self.cipher {
            None => self.file.read_exact_at(room, self.position)?,
            Some(cipher) => {
                self.file.read_exact_at(cipher.room(size), self.position)?;
                cipher.decrypt(room).ok_or(Failure::Unreadable)?;
            }
        }
        self.position += size as u64;
        if is_last && self.cipher.is_some() {
            unpadded(room).ok_or(Failure::Unreadable)
        } else {
            Ok(size)
        }
    }
}

/// Text that a callback gives.
pub struct PulledText {
    callback: Box<dyn PullText>,
    given: Vec<u8>,
    /// How much of what was given last has been read.
    read: usize,
}

impl PulledText {
    /// Nothing was given yet.
    pub fn new(callback: impl PullText + 'static) -> Self {
        Self { callback: Box::new(callback), given: Vec::new(), read: 0 }
    }

    fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        if self.read == self.given.len() {
            self.given = self.callback.pull().map_err(Failure::Raised)?;
            self.read = 0;
        }
        let text = self.unread();
        let size = text.len().min(room.len());
        room[..size].copy_from_slice(&text[..size]);
        self.read += size;
        Ok(size)
    }

    fn unread(&self) -> &[u8] {
        &self.given[self.read..]
    }
}

#[cfg(test)]
mod tests {
    use super::{
        Cause, Failure, FileText, Given, Input, PullBytes, PullText, PulledBytes, PulledText,
    };

    /// Gives these texts, and then fails.
    struct Texts(Vec<&'static [u8]>);

    impl PullText for Texts {
        fn pull(&mut self) -> Result<Vec<u8>, Cause> {
            self.0.pop().map(<[u8]>::to_vec).ok_or_else(|| "no more".into())
        }
    }

    #[test]
    fn a_callback_is_asked_when_all_that_it_gave_was_read() {
        let mut input = Input::Pulled(PulledText::new(Texts(vec![b"d", b"abc"])));
        let mut room = [0; 2];
        for (expected, unread) in [(&b"ab"[..], &b"c"[..]), (b"c", b""), (b"d", b"")] {
            let size = input.read(&mut room).ok();
            assert_eq!(size.map(|size| &room[..size]), Some(expected));
            assert_eq!(input.unread(), unread);
        }
        assert!(matches!(input.read(&mut room), Err(Failure::Raised(_))));
    }

    /// The digits, at most three at a time; none is to be had from nine on.
    struct Digits;

    impl PullBytes for Digits {
        fn pull(&mut self, offset: u64, size: usize) -> Result<Given, Cause> {
            let first = usize::try_from(offset)?;
            let bytes: &[u8] = b"012345678".get(first..).ok_or("no more")?;
            Ok(Box::new(&bytes[..bytes.len().min(size).min(3)]))
        }
    }

    fn digits(position: u64, end: u64, skip: usize) -> Result<Vec<u8>, Failure> {
        let file = PulledBytes::new(Digits, end);
        let mut input = Input::File(Box::new(FileText::new(file, position, end, skip)));
        let mut room = [0; 64];
        let size = input.read(&mut room)?;
        Ok(room[..size].to_vec())
    }

    #[test]
    fn the_bytes_of_a_file_are_asked_for_until_there_are_enough() {
        for (position, end, skip, expected) in
            [(0, 8, 0, &b"01234567"[..]), (2, 5, 0, b"234"), (1, 7, 2, b"3456"), (4, 4, 0, b"")]
        {
            assert_eq!(digits(position, end, skip).ok().as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_file_that_ends_too_early_is_unreadable() {
        assert!(matches!(digits(0, 10, 0), Err(Failure::Unreadable)));
        assert!(matches!(digits(12, 14, 0), Err(Failure::Raised(_))));
    }
}
