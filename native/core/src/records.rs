//! A file's text cut into batches of whole records, as it is read.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::boundary::{Span, Unfinished};
use crate::buffers::{BufferPool, SharedText};
use crate::cipher::BLOCK;
use crate::cut::{Layout, Limits, cut};
use crate::input::{Failure, Input, Place};
use crate::json::{byte_at, skip_space};

/// Of a long record, so many bytes are read at a time at most.
const MOST_READ: usize = 16 << 20;
/// Of what a callback gives, so many bytes are read at a time at most: it gives no more at once, and
/// to wait for more would keep threads waiting.
const MOST_PULLED: usize = 1 << 20;
/// Text of so many bytes is long.
const LONG_TEXT: usize = 4 << 20;

/// Consecutive whole records.
pub struct Records {
    /// The text that the records are in.
    pub text: Arc<SharedText>,
    /// The offset of that text in the file.
    pub offset: u64,
    /// The values of the records.
    pub values: Vec<Span>,
    /// The keys of the records, if they have keys.
    pub keys: Vec<Span>,
    /// The number of the first record in the file.
    pub first: u64,
    /// A place before that text, if the file is base64 or hex text.
    pub place: Option<Place>,
    /// How much memory the text takes, if these are the first records in it.
    pub held: usize,
}

impl Records {
    /// How many bytes of text the records have.
    pub fn size(&self) -> usize {
        let start = self.keys.first().or(self.values.first()).map_or(0, |span| span.0);
        self.values.last().map_or(0, |span| span.1 - start)
    }
}

/// What is cut to batches: the records of a file from a place between two of them on.
pub struct Piece<'a> {
    /// The beginning of its text, which was read already.
    pub head: &'a [u8],
    /// The offset of that text in the file.
    pub offset: u64,
    /// How many records come before the piece.
    pub records: u64,
    /// How records follow one another.
    pub layout: Layout,
    /// How much a batch may be.
    pub limits: Limits,
    /// How many bytes to read at a time.
    pub chunk: usize,
    /// White space of more bytes than this, between two records, is left to the caller.
    pub long_gap: usize,
}

/// Reads a piece, and cuts its records off.
pub struct RecordCutter {
    input: Input,
    pool: Arc<BufferPool>,
    text: Arc<SharedText>,
    /// What of the text was cut off.
    done: usize,
    /// How much memory the text takes, if nothing was cut off yet.
    held: usize,
    offset: u64,
    records: u64,
    first: bool,
    layout: Layout,
    limits: Limits,
    chunk: usize,
    long_gap: usize,
    /// How far the next record was looked at, if it is not there as a whole.
    begun: Option<Unfinished>,
    /// Whether the text may hold another whole batch.
    is_full: bool,
    /// Whether there is no more to read.
    ended: bool,
    /// Offsets, and from where on text can be read for each.
    places: VecDeque<(u64, Place)>,
}

impl RecordCutter {
    /// Begins; what comes after the piece's head is read from `input`.
    pub fn new(input: Input, pool: Arc<BufferPool>, piece: &Piece) -> Self {
        let chunk = match input {
            Input::File(_) => piece.chunk,
            Input::Pulled(_) => piece.chunk.min(MOST_PULLED),
        };
        let mut buffer = pool.buffer(piece.head.len());
        buffer.bytes_mut()[..piece.head.len()].copy_from_slice(piece.head);
        Self {
            input,
            pool,
            text: Arc::new(buffer.into_shared(piece.head.len())),
            done: 0,
            held: piece.head.len(),
            offset: piece.offset,
            records: piece.records,
            first: piece.records == 0,
            layout: piece.layout,
            limits: piece.limits,
            chunk,
            long_gap: piece.long_gap,
            begun: None,
            is_full: true,
            ended: false,
            places: VecDeque::new(),
        }
    }

    /// The next batch, with so much text at most; None where no record can be cut off.
    pub fn next(&mut self, most_bytes: usize) -> Result<Option<Records>, Failure> {
        loop {
            if self.layout == Layout::Single && !self.first {
                return Ok(None);
            }
            if self.is_full || self.ended {
                let found = self.cut(most_bytes);
                if found.is_some() || self.is_stuck() {
                    return Ok(found);
                }
            }
            self.read()?;
        }
    }

    /// Whether to read on would be in vain, as where no record can be cut off none will be, or would
    /// be for nothing but white space.
    fn is_stuck(&self) -> bool {
        let rest = self.rest();
        let start = skip_space(rest, 0);
        let is_closed = matches!(byte_at(rest, start), b']' | b'}');
        is_closed || self.ended || rest.len() > self.limits.record_bytes || self.is_in_gap(start)
    }

    /// Whether nothing but white space and a comma was read, and much of it.
    fn is_in_gap(&self, start: usize) -> bool {
        let rest = self.rest();
        let end = if byte_at(rest, start) == b',' { skip_space(rest, start + 1) } else { start };
        end == rest.len() && end > self.long_gap
    }

    fn cut(&mut self, most_bytes: usize) -> Option<Records> {
        let limits = Limits { bytes: self.limits.bytes.min(most_bytes), ..self.limits };
        let (text, done, begun) = (&self.text, self.done, &mut self.begun);
        let cut = cut(text, done, self.layout, self.first, limits, begun);
        let count = cut.values.len();
        if count == 0 {
            return None;
        }
        let found = Records {
            text: Arc::clone(&self.text),
            offset: self.offset,
            values: cut.values,
            keys: cut.keys,
            first: self.records + 1,
            place: self.place(),
            held: std::mem::take(&mut self.held),
        };
        let length = cut.end - self.done;
        self.first = false;
        self.records += count as u64;
        self.done = cut.end;
        // Small records: what was read may do for many batches.
        self.is_full = self.rest().len() >= length + length / 4;
        Some(found)
    }

    /// Reads on; what was not cut off comes first, and makes a chunk with what is read, or is followed
    /// by a part of one at least. Of one long record, more and more is read.
    fn read(&mut self) -> Result<(), Failure> {
        let rest = self.rest().len();
        let left = usize::try_from(self.input.left().unwrap_or(u64::MAX)).unwrap_or(usize::MAX);
        let least = (self.chunk / 4).max((rest / 2).min(MOST_READ)).max(BLOCK);
        // Whole blocks of ciphertext, of which the last is longer than its text.
        let whole = self.chunk.saturating_sub(rest) / BLOCK * BLOCK;
        let size = whole.max(least).min(left).next_multiple_of(BLOCK);
        let (place, read_to) = (self.input.place(), self.offset + self.text.len() as u64);
        let count = match Arc::get_mut(&mut self.text) {
            // A long text is not copied: the system can make it longer where it is.
            Some(text) if self.done == 0 && rest >= LONG_TEXT => {
                let count = self.input.read(text.room(size))?;
                text.lengthen(count);
                count
            }
            _ => self.read_anew(rest, size)?,
        };
        self.held = self.text.capacity();
        self.places.extend(place.map(|place| (read_to, place)));
        self.ended = count == 0;
        self.is_full = true;
        Ok(())
    }

    /// Reads so much after a copy of what was not cut off.
    fn read_anew(&mut self, rest: usize, size: usize) -> Result<usize, Failure> {
        let mut buffer = self.pool.buffer(rest + size);
        buffer.bytes_mut()[..rest].copy_from_slice(self.rest());
        let count = self.input.read(&mut buffer.bytes_mut()[rest..][..size])?;
        self.offset += self.done as u64;
        self.done = 0;
        self.text = Arc::new(buffer.into_shared(rest + count));
        Ok(count)
    }

    /// The last place from which on the text can be read.
    fn place(&mut self) -> Option<Place> {
        while self.places.get(1).is_some_and(|place| place.0 <= self.offset) {
            self.places.pop_front();
        }
        self.places.front().filter(|place| place.0 <= self.offset).map(|place| place.1)
    }

    /// From where on can be read what comes after the rest, if the file is base64 or hex text.
    pub fn next_place(&self) -> Option<Place> {
        self.input.place()
    }

    /// What was read and not cut off.
    pub fn rest(&self) -> &[u8] {
        &self.text[self.done..]
    }

    /// What comes after the rest, and was given for reading, but not read.
    pub fn unread(&self) -> &[u8] {
        self.input.unread()
    }

    /// The offset of the rest in the file.
    pub fn offset(&self) -> u64 {
        self.offset + self.done as u64
    }
}
