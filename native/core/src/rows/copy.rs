//! A buffer that short texts are copied to fast.

/// Most texts are short: copying a fixed number of bytes, some of them in vain, is faster.
const CHUNK: usize = 32;

/// A text that grows, and the room after it.
pub struct Copied {
    buffer: Vec<u8>,
    length: usize,
}

impl Copied {
    /// No text, and room for one of so many bytes.
    pub fn with_room(bytes: usize) -> Self {
        Self { buffer: vec![0; bytes + CHUNK], length: 0 }
    }

    /// How long the text is.
    pub fn len(&self) -> usize {
        self.length
    }

    /// The text, without much room after it.
    pub fn take(mut self) -> Vec<u8> {
        self.buffer.truncate(self.length);
        if self.length < self.buffer.capacity() / 2 {
            self.buffer.shrink_to_fit();
        }
        self.buffer
    }

    /// Appends what another text has from `start` up to `end`.
    #[inline(always)]
    pub fn span(&mut self, text: &[u8], start: usize, end: usize) {
        let length = end.saturating_sub(start);
        let from = text.get(start..).and_then(<[u8]>::first_chunk::<CHUNK>);
        let to = self.buffer.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut::<CHUNK>);
        match (from, to) {
            (Some(from), Some(to)) if length <= CHUNK => {
                *to = *from;
                self.length += length;
            }
            _ => self.push(text.get(start..end).unwrap_or_default()),
        }
    }

    /// Appends a text.
    pub fn push(&mut self, text: &[u8]) {
        let end = self.length + text.len();
        if self.buffer.len() < end {
            self.buffer.resize(end + end / 4 + CHUNK, 0);
        }
        self.buffer[self.length..end].copy_from_slice(text);
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, Copied};

    #[test]
    fn spans_of_any_length_are_copied_whatever_room_there_is() {
        let text: Vec<u8> = (0..=u8::MAX).collect();
        for room in [0, 1, 300, 5000] {
            let (mut copied, mut expected) = (Copied::with_room(room), Vec::new());
            for length in 0..2 * CHUNK {
                for start in [0, 100, text.len() - length] {
                    copied.span(&text, start, start + length);
                    expected.extend_from_slice(&text[start..start + length]);
                }
            }
            assert_eq!(copied.len(), expected.len());
            assert_eq!(copied.take(), expected);
        }
    }
}
