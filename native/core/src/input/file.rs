//! The text of a file, which the core reads by itself.

use super::bytes::{Failure, ReadAt};
use super::encoded::{Decoder, Encoding};
use super::letters::SPARE;
use crate::cipher::{BLOCK, Cipher, PIECE_BYTES, unpadded};

/// The text of a file that lies there as it is, or encrypted with AES-256-CBC (PKCS#7), and that as
/// it is, or as base64 or hex text.
pub struct FileText {
    /// Asked for each piece, which is large: what kind it is does not matter.
    file: Box<dyn ReadAt>,
    position: u64,
    end: u64,
    /// How many bytes of text are still to be left out.
    skip: usize,
    form: Form,
    /// Where reading had come to before, and before that.
    places: [Place; 2],
}

/// How text lies in a file.
enum Form {
    Plain,
    Encrypted(Cipher),
    Encoded(Encoded),
}

/// What ciphertext that is written as text is read with.
struct Encoded {
    encoding: Encoding,
    decoder: Decoder,
    text: Vec<u8>,
    cipher: Cipher,
}

/// A place in a file that is base64 or hex text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The byte of the file as it lies.
    pub position: u64,
    /// How many letters come before it.
    pub letters: u64,
}

/// As much ciphertext is read as text, and then decrypted: it is held twice as letters, too.
const ENCODED_BYTES: usize = 64 << 10;

/// So many letters from a place on, all are of text that was not read before; they are a few blocks.
const FAR: u64 = 256;

impl FileText {
    /// From a position on, that of a block if it is encrypted; `skip` bytes of it are left out.
    pub fn new(file: impl ReadAt + 'static, position: u64, end: u64, skip: usize) -> Self {
        Self {
            file: Box::new(file),
            position,
            end,
            skip,
            form: Form::Plain,
            places: <_>::default(),
        }
    }

    /// Decrypts it; `iv` is the block of ciphertext before the position, or the file's own.
    pub fn decrypted(mut self, key: &[u8; 32], iv: &[u8; BLOCK]) -> Self {
        self.form = Form::Encrypted(Cipher::new(key, iv));
        self
    }

    /// Decodes it before it is decrypted, and that from the letter with the number `first` on (from
    /// 0), with which a block begins; `letters` come before the position.
    pub fn decoded(mut self, encoding: Encoding, letters: u64, first: u64) -> Self {
        if let Form::Encrypted(cipher) = self.form {
            let size = encoding.text_for(ENCODED_BYTES);
            let decoder = Decoder::new(encoding, size, letters, first);
            let text = vec![0; size + SPARE];
            self.form = Form::Encoded(Encoded { encoding, decoder, text, cipher });
            self.places = [Place { position: self.position, letters }; 2];
        }
        self
    }

    /// How many bytes of text are still to come at most.
    pub fn left(&self) -> u64 {
        let left = self.end - self.position;
        match &self.form {
            Form::Plain | Form::Encrypted(_) => left,
            Form::Encoded(encoded) if self.is_over() => encoded.cipher.waiting() as u64,
            // With a unit of letters, and a block, that wait.
            Form::Encoded(encoded) => encoded.encoding.most_bytes(left + 4) + BLOCK as u64,
        }
    }

    /// A place shortly before where reading has come to, if it is base64 or hex: from there on, all
    /// can be decrypted that was not read yet.
    pub fn place(&self) -> Option<Place> {
        matches!(self.form, Form::Encoded(_)).then_some(self.places[0])
    }

    /// Notes where reading has come to.
    fn note_place(&mut self) {
        if let Form::Encoded(encoded) = &self.form {
            let place = Place { position: self.position, letters: encoded.decoder.passed() };
            if place.letters >= self.places[1].letters + FAR {
                self.places = [self.places[1], place];
            }
        }
    }

    pub(super) fn read(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        let mut filled = 0;
        while !self.is_over() {
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

    fn is_over(&self) -> bool {
        let waits = matches!(&self.form, Form::Encoded(encoded) if encoded.cipher.waiting() > 0);
        self.position == self.end && !waits
    }

    /// Fills room with the next piece; answers how much of it is text.
    fn fill(&mut self, room: &mut [u8]) -> Result<usize, Failure> {
        let whole = room.len() - room.len() % BLOCK;
        let left = usize::try_from(self.end - self.position).unwrap_or(usize::MAX);
        let (read, size, is_last) = match &mut self.form {
            Form::Plain => {
                let size = whole.min(PIECE_BYTES).min(left);
                self.file.read_exact_at(&mut room[..size], self.position)?;
                (size, size, false)
            }
            Form::Encrypted(cipher) => {
                let size = whole.min(PIECE_BYTES).min(left);
                self.file.read_exact_at(cipher.room(size), self.position)?;
                cipher.decrypt(size, &mut room[..size]).ok_or(Failure::Unreadable)?;
                (size, size, size == left)
            }
            Form::Encoded(encoded) => {
                let whole = whole.min(ENCODED_BYTES);
                let size = encoded.encoding.text_for(whole).min(left);
                self.file.read_exact_at(&mut encoded.text[..size], self.position)?;
                let plain = encoded.decrypt(size, size == left, &mut room[..whole]);
                let plain = plain.ok_or(Failure::Unreadable)?;
                (size, plain, size == left && encoded.cipher.waiting() == 0)
            }
        };
        self.position += read as u64;
        self.note_place();
        if is_last { unpadded(&room[..size]).ok_or(Failure::Unreadable) } else { Ok(size) }
    }
}

impl Encoded {
    /// Decrypts what the next piece of the text stands for, but for the last block, which waits until
    /// the end is known; answers how many bytes that gave, None where the text is damaged.
    fn decrypt(&mut self, size: usize, is_end: bool, room: &mut [u8]) -> Option<usize> {
        let added = self.decoder.decode(&self.text, size, is_end, self.cipher.room(room.len()))?;
        let there = self.cipher.waiting() + added;
        let ready =
            if is_end { there.min(room.len()) } else { there.saturating_sub(1) / BLOCK * BLOCK };
        self.cipher.decrypt(added, &mut room[..ready])?;
        Some(ready)
    }
}
