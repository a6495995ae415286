//! The text of a file from some place on, decrypted if it has to be.
//!
//! Nothing is explained here: where a file does not go on as it should, whoever reads it slowly
//! finds out why.

use std::fs::File;
use std::os::unix::fs::FileExt;

use aes::Aes256;
use aes::cipher::{BlockCipherDecrypt, InOutBuf, KeyInit};
use multiversion::multiversion;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Bytes of one AES block.
const BLOCK: usize = 16;
/// Bytes that are read, and then decrypted: few enough to stay in a core's own cache meanwhile.
const PIECE: usize = 256 << 10;

/// Why there is no more text.
pub enum Failure {
    /// The file is shorter than it was, cannot be read, or does not end in padding.
    Unreadable,
    /// Python said so.
    Raised(PyErr),
}

/// Where text comes from.
pub enum Input {
    /// A file.
    File(Box<FileText>),
    /// A function of Python's that gives the next bytes, none at the end.
    Calls(Calls),
}

impl Input {
    /// Fills room with the next text; answers how much. No text is the end.
    pub fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        match self {
            Self::File(file) => file.read(room),
            Self::Calls(calls) => calls.read(room),
        }
    }

    /// How many bytes are still to come at most, if that is known.
    pub fn left(&self) -> Option<u64> {
        match self {
            Self::File(file) => Some(file.end - file.position),
            Self::Calls(_) => None,
        }
    }
}

/// The text of a file that lies there as it is, or encrypted with AES-256-CBC (PKCS#7).
pub struct FileText {
    file: File,
    position: u64,
    end: u64,
    /// So many bytes of text are left out first.
    skip: usize,
    cipher: Option<Cipher>,
}

/// AES-256 in CBC mode, in which every block can be decrypted by itself (NIST SP 800-38A, 6.2):
/// P[i] = D(C[i]) xor C[i-1].
struct Cipher {
    aes: Aes256,
    /// The block before, and then room for a piece of ciphertext.
    chained: Vec<u8>,
}

impl Cipher {
    fn new(key: &[u8; 32], iv: &[u8; BLOCK]) -> Self {
        let mut chained = vec![0; BLOCK + PIECE];
        chained[..BLOCK].copy_from_slice(iv);
        Self { aes: Aes256::new(key.into()), chained }
    }

    /// Where to put so many bytes of ciphertext.
    fn room(&mut self, size: usize) -> &mut [u8] {
        &mut self.chained[BLOCK..BLOCK + size]
    }

    /// Decrypts what was put into the room; None if it is not whole blocks.
    fn decrypt(&mut self, plain: &mut [u8]) -> Option<()> {
        let size = plain.len();
        let pairs = InOutBuf::new(&self.chained[BLOCK..BLOCK + size], plain).ok()?;
        let (blocks, rest) = pairs.into_chunks();
        if !rest.is_empty() {
            return None;
        }
        self.aes.decrypt_blocks_inout(blocks);
        xor(plain, &self.chained[..size]);
        self.chained.copy_within(size..size + BLOCK, 0);
        Some(())
    }
}

#[multiversion(targets("x86_64+avx2"))]
fn xor(plain: &mut [u8], chained: &[u8]) {
    for (byte, before) in plain.iter_mut().zip(chained) {
        *byte ^= before;
    }
}

impl FileText {
    /// From a position on, that of a block if it is encrypted; `skip` bytes of it are left out.
    pub fn new(file: File, position: u64, end: u64, skip: usize) -> Self {
        Self { file, position, end, skip, cipher: None }
    }

    /// Decrypts it; `iv` is the block of ciphertext before the position, or the file's own.
    pub fn decrypted(mut self, key: &[u8; 32], iv: &[u8; BLOCK]) -> Self {
        self.cipher = Some(Cipher::new(key, iv));
        self
    }

    fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while self.position < self.end {
            let size = self.fill(&mut room[filled..]).ok_or(Failure::Unreadable)?;
            let skipped = self.skip.min(size);
            self.skip -= skipped;
            if skipped > 0 {
                room.copy_within(filled + skipped..filled + size, filled);
            }
            filled += size - skipped;
            if filled + PIECE > room.len() && filled > 0 {
                break;
            }
        }
        Ok(filled)
    }

    /// Fills room with the next piece; answers how much of it is text.
    fn fill(&mut self, room: &mut [u8]) -> Option<usize> {
        let whole = room.len() - room.len() % BLOCK;
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let size = whole.min(PIECE).min(left);
        let room = room.get_mut(..size)?;
        let is_last = size == left;
        match &mut self.cipher {
            None => self.file.read_exact_at(room, self.position).ok()?,
            Some(cipher) => {
                self.file.read_exact_at(cipher.room(size), self.position).ok()?;
                cipher.decrypt(room)?;
            }
        }
        self.position += size as u64;
        if is_last && self.cipher.is_some() { unpadded(room) } else { Some(size) }
    }
}

/// How long a text is without its PKCS#7 padding (RFC 5652, 6.3), if it has one.
fn unpadded(text: &[u8]) -> Option<usize> {
    let &count = text.last()?;
    let length = text.len().checked_sub(usize::from(count))?;
    let is_padding = (1..=BLOCK).contains(&usize::from(count))
        && text[length..].iter().all(|&byte| byte == count);
    is_padding.then_some(length)
}

/// Text that a function of Python's gives, piece by piece.
pub struct Calls {
    read: Py<PyAny>,
    /// What did not fit into the room, from a place on.
    rest: (Vec<u8>, usize),
}

impl Calls {
    /// Calls `read`.
    pub fn new(read: Py<PyAny>) -> Self {
        Self { read, rest: (Vec::new(), 0) }
    }

    fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        if self.rest.1 == self.rest.0.len() {
            self.rest = (Python::attach(|py| self.call(py)).map_err(Failure::Raised)?, 0);
        }
        let text = &self.rest.0[self.rest.1..];
        let size = text.len().min(room.len());
        room[..size].copy_from_slice(&text[..size]);
        self.rest.1 += size;
        Ok(size)
    }

    fn call(&self, py: Python<'_>) -> PyResult<Vec<u8>> {
        let text = self.read.bind(py).call0()?;
        Ok(text.cast::<PyBytes>()?.as_bytes().to_vec())
    }

    /// What was given and not yet read.
    pub fn rest(&self) -> &[u8] {
        &self.rest.0[self.rest.1..]
    }
}

#[cfg(test)]
mod tests {
    use super::unpadded;

    #[test]
    fn padding_is_taken_off() {
        assert_eq!(unpadded(b"abc\x01"), Some(3));
        assert_eq!(unpadded(&[16; 16]), Some(0));
        for bad in [&b""[..], b"abc\0", b"abc\x11", b"a\x02\x03\x03", &[17; 17], b"\x02"] {
            assert_eq!(unpadded(bad), None, "{bad:?}");
        }
    }
}
