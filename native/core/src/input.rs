//! The text of a file from some place on, decrypted if it has to be.
//!
//! Nothing is explained here: where a file does not go on as it should, whoever reads it slowly
//! finds out why.

mod bytes;
mod encoded;
mod file;
mod letters;

pub use bytes::{Cause, Failure, Given, PullBytes, PulledBytes, ReadAt};
pub use encoded::Encoding;
pub use file::{FileText, Place};

/// A callback that gives text, for input that the core cannot read by itself.
pub trait PullText: Send {
    /// The next bytes, none at the end.
    fn pull(&mut self) -> Result<Vec<u8>, Cause>;
}

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
            Self::File(file) => Some(file.left()),
            Self::Pulled(_) => None,
        }
    }

    /// A place from which on all can be decrypted that was not read yet: see `FileText`.
    pub fn place(&self) -> Option<Place> {
        match self {
            Self::File(file) => file.place(),
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

/// Text that a callback gives.
pub struct PulledText {
    callback: Box<dyn PullText>,
    given: Vec<u8>,
    /// How much of what was given last has been read.
    read: usize,
    /// What the callback failed for after it gave something.
    failed: Option<Cause>,
}

impl PulledText {
    /// Nothing was given yet.
    pub fn new(callback: impl PullText + 'static) -> Self {
        Self { callback: Box::new(callback), given: Vec::new(), read: 0, failed: None }
    }

    /// As much as there is room for: a batch's memory is that of the room.
    fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while filled < room.len() {
            let size = match self.read_some(&mut room[filled..]) {
                Ok(size) => size,
                Err(cause) if filled == 0 => return Err(Failure::Raised(cause)),
                Err(cause) => {
                    self.failed = Some(cause);
                    break;
                }
            };
            if size == 0 {
                break;
            }
            filled += size;
        }
        Ok(filled)
    }

    /// What is left of what was given, or is given next.
    fn read_some(&mut self, room: &mut [u8]) -> Result<usize, Cause> {
        if self.read == self.given.len() {
            if let Some(cause) = self.failed.take() {
                return Err(cause);
            }
            self.given = self.callback.pull()?;
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
    fn a_callback_is_asked_until_there_is_no_more_room() {
        let mut input = Input::Pulled(PulledText::new(Texts(vec![b"def", b"c", b"ab"])));
        let mut room = [0; 4];
        for (expected, unread) in [(&b"abcd"[..], &b"ef"[..]), (b"ef", b"")] {
            let size = input.read(&mut room).ok();
            assert_eq!(size.map(|size| &room[..size]), Some(expected));
            assert_eq!(input.unread(), unread);
        }
        // What the callback failed for comes after what it gave before, as often as it is asked.
        for _ in 0..2 {
            assert!(matches!(input.read(&mut room), Err(Failure::Raised(_))));
        }
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
