//! What a cell's text is: where it is, and how strings and lists of scalars become one.

use crate::json::{Malformed, Sink, byte_at, literal_end, number_end, push, skip_space, unescape};

/// Memory beyond this is not kept for later: a record was longer than most.
pub const LARGE: usize = 4 << 20;

/// Where a cell's text is: in the batch or, beyond its end, in the scratch space. Its text is
/// quoted already if it has to be.
///
/// A large text that would be in the scratch space is made when its row is written: two of it would
/// take too much memory. Beyond [`UNMADE`] is where the value is that it is made of.
#[derive(Clone, Copy, Default)]
pub struct Cell {
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// No text is so long.
const UNMADE: usize = 1 << (usize::BITS - 1);

impl Cell {
    /// How long its text is.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether its text is to be made.
    pub fn is_unmade(self) -> bool {
        self.start >= UNMADE
    }
}

/// The texts that cells point to.
#[derive(Clone, Copy)]
pub struct Texts<'a> {
    /// The batch.
    pub data: &'a [u8],
    /// What could not be taken from the batch as it is.
    pub scratch: &'a [u8],
    /// Whether every text is in quotes.
    pub marks_text: bool,
}

impl<'a> Texts<'a> {
    /// A cell's text; None if it is to be made.
    pub fn text(&self, Cell { start, end }: Cell) -> Option<&'a [u8]> {
        match start.checked_sub(self.data.len()) {
            Some(start) if start < end - self.data.len() => {
                self.scratch.get(start..end - self.data.len())
            }
            _ => self.data.get(start..end),
        }
    }

    /// The bytes from the beginning of a cell's text on, if they are in the scratch space, and enough.
    #[inline(always)]
    pub fn scratch_chunk<const N: usize>(&self, cell: Cell) -> Option<&'a [u8; N]> {
        self.scratch.get(cell.start.checked_sub(self.data.len())?..)?.first_chunk()
    }

    /// Appends a cell's text, wherever it is.
    pub fn append(&self, cell: Cell, to: &mut Vec<u8>) {
        if let Some(text) = self.text(cell) {
            return to.extend_from_slice(text);
        }
        let Ok(Some((made, _))) = make(self.data, cell.start - UNMADE, to, self.marks_text) else {
            return;
        };
        // A text in no quotes has one before it.
        to.drain(made.before..made.start);
    }
}

/// Reads the string or the list of scalars whose quote or bracket is at `at`, and puts the text of
/// its cell into the scratch space, in quotes if it needs them or every text is; answers the position
/// after it, None for another list.
pub fn cell(
    data: &[u8],
    at: usize,
    scratch: &mut Vec<u8>,
    marks_text: bool,
) -> Result<Option<(Cell, usize)>, Malformed> {
    let Some((Made { before, start }, end)) = make(data, at, scratch, marks_text)? else {
        scratch.shrink_to(2 * LARGE);
        return Ok(None);
    };
    let length = scratch.len() - start;
    if scratch.len() > LARGE {
        scratch.truncate(before);
        scratch.shrink_to(2 * LARGE);
        return Ok(Some((Cell { start: UNMADE + at, end: UNMADE + at + length }, end)));
    }
    let cell = Cell { start: data.len() + start, end: data.len() + scratch.len() };
    Ok(Some((cell, end)))
}

/// A cell's text at the end of a buffer.
struct Made {
    /// Where the buffer ended before.
    before: usize,
    /// Where the text begins.
    start: usize,
}

/// Appends the text of the value at `at`; answers the position after that.
fn make(
    data: &[u8],
    at: usize,
    to: &mut Vec<u8>,
    marks_text: bool,
) -> Result<Option<(Made, usize)>, Malformed> {
    let before = to.len();
    to.push(b'"');
    let (quoted, end) = if byte_at(data, at) == b'"' {
        let mut text = CellText { text: to, quoted: marks_text };
        let end = unescape(data, at + 1, &mut text)?;
        (text.quoted, end)
    } else {
        match list(data, skip_space(data, at + 1), to)? {
            Some((quoted, end)) => (quoted || marks_text, end),
            None => {
                to.truncate(before);
                return Ok(None);
            }
        }
    };
    if quoted {
        to.push(b'"');
    }
    Ok(Some((Made { before, start: before + usize::from(!quoted) }, end)))
}

/// Appends a list of scalars as compact JSON text, from its first element on; answers whether it has
/// to be quoted, and the position after it; None for another list.
fn list(data: &[u8], mut at: usize, to: &mut Vec<u8>) -> Result<Option<(bool, usize)>, Malformed> {
    let mut quoted = false;
    to.push(b'[');
    loop {
        let start = at;
        at = match byte_at(data, at) {
            b'"' => {
                quoted = true;
                to.extend_from_slice(b"\"\"");
                let end = unescape(data, at + 1, &mut ListText(to))?;
                to.extend_from_slice(b"\"\"");
                end
            }
            byte => {
                let end = match byte {
                    b'{' | b'[' => return Ok(None),
                    b't' | b'f' | b'n' => literal_end(data, at)?,
                    _ => number_end(data, at)?,
                };
                to.extend_from_slice(&data[start..end]);
                end
            }
        };
        at = skip_space(data, at);
        match byte_at(data, at) {
            b',' => at = skip_space(data, at + 1),
            b']' => break,
            _ => return Err(Malformed),
        }
        quoted = true;
        to.push(b',');
    }
    to.push(b']');
    Ok(Some((quoted, at + 1)))
}

/// Writes a string's content as a cell.
struct CellText<'a> {
    text: &'a mut Vec<u8>,
    quoted: bool,
}

impl Sink for CellText<'_> {
    fn text(&mut self, text: &[u8], comma: bool) {
        self.quoted |= comma;
        self.text.extend_from_slice(text);
    }

    fn character(&mut self, character: char) {
        match character {
            '"' => self.text.extend_from_slice(b"\"\""),
            '\0' => push(self.text, char::REPLACEMENT_CHARACTER),
            _ => push(self.text, character),
        }
        self.quoted |= matches!(character, '"' | ',' | '\r' | '\n');
    }
}

/// Writes a string's content as compact JSON text within a quoted cell.
struct ListText<'a>(&'a mut Vec<u8>);

impl Sink for ListText<'_> {
    fn text(&mut self, text: &[u8], _comma: bool) {
        self.0.extend_from_slice(text);
    }

    fn character(&mut self, character: char) {
        let escaped: &[u8] = match character {
            // A backslash, and the quote twice, because the cell is quoted.
            '"' => b"\\\"\"",
            '\\' => b"\\\\",
            '\u{8}' => b"\\b",
            '\u{c}' => b"\\f",
            '\n' => b"\\n",
            '\r' => b"\\r",
            '\t' => b"\\t",
            '\0'..'\u{20}' => {
                let code = format!("\\u{:04x}", u32::from(character));
                return self.0.extend_from_slice(code.as_bytes());
            }
            _ => return push(self.0, character),
        };
        self.0.extend_from_slice(escaped);
    }
}

#[cfg(test)]
mod tests {
    use super::{LARGE, Texts, cell};

    /// The text of the cell of a value, where so much is in the scratch space already.
    fn text(value: &str, before: usize, marks_text: bool) -> Option<(String, bool)> {
        let (data, mut scratch) = (value.as_bytes(), vec![b'x'; before]);
        let (cell, end) = cell(data, 0, &mut scratch, marks_text).ok()??;
        assert_eq!(end, data.len());
        let mut text = b"before".to_vec();
        Texts { data, scratch: &scratch, marks_text }.append(cell, &mut text);
        assert_eq!(text.len(), "before".len() + cell.len());
        let text = text.strip_prefix(b"before")?;
        Some((String::from_utf8_lossy(text).into_owned(), cell.is_unmade()))
    }

    #[test]
    fn a_text_that_is_made_late_is_the_same() {
        for (value, expected) in [
            (r#""a\\b""#, r"a\b"),
            (r#""a\"b""#, r#""a""b""#),
            (r#""\u0000,""#, "\"\u{fffd},\""),
            ("[1]", "[1]"),
            ("[ 1 , null ]", r#""[1,null]""#),
            (r#"["",  "\"\\"]"#, r#""["""",""\""\\""]""#),
        ] {
            assert_eq!(text(value, 0, false), Some((expected.to_owned(), false)));
            assert_eq!(text(value, LARGE, false), Some((expected.to_owned(), true)));
            let content = expected.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
            let marked = format!("\"{}\"", content.unwrap_or(expected));
            assert_eq!(text(value, 0, true), Some((marked.clone(), false)));
            assert_eq!(text(value, LARGE, true), Some((marked, true)));
        }
        assert_eq!(text("[1,[]]", LARGE, false), None);
    }
}
