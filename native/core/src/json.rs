//! The parts of strict JSON text (RFC 8259): white space, strings, numbers, literals.
//!
//! Every function takes the whole text and a position in it, and answers a position. Reading
//! beyond the end gives zero bytes, which are allowed nowhere.

use crate::simd::string_bits;

/// The text is malformed, or nests too deep.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// The byte at `at`.
#[inline(always)]
pub fn byte_at(data: &[u8], at: usize) -> u8 {
    data.get(at).copied().unwrap_or(0)
}

/// The position of the next byte that is no white space.
#[inline(always)]
pub fn skip_space(data: &[u8], mut at: usize) -> usize {
    while byte_at(data, at) <= b' ' && matches!(byte_at(data, at), b' ' | b'\t' | b'\n' | b'\r') {
        at += 1;
    }
    at
}

/// Where a run of plain text in a string ends, and whether there is a comma in it.
#[derive(Clone, Copy)]
pub struct Run {
    /// The position of a quote, a backslash or a control character, or the end of the data.
    pub at: usize,
    /// Whether a comma comes before.
    pub comma: bool,
}

/// The run of plain text from `at` on, a position in a string.
#[inline(always)]
pub fn scan_string(data: &[u8], mut at: usize) -> Run {
    let mut commas = 0;
    while let Some(bytes) = data.get(at..).and_then(<[u8]>::first_chunk) {
        let found = string_bits(bytes);
        if found.stops != 0 {
            let length = found.stops.trailing_zeros();
            commas |= found.commas & ((1 << length) - 1);
            return Run { at: at + length as usize, comma: commas != 0 };
        }
        commas |= found.commas;
        at += bytes.len();
    }
    scan_tail(data, at, commas != 0)
}

/// The same near the end of the data.
#[cold]
fn scan_tail(data: &[u8], mut at: usize, mut comma: bool) -> Run {
    while let Some(&byte) = data.get(at) {
        if byte < b' ' || byte == b'"' || byte == b'\\' {
            break;
        }
        comma |= byte == b',';
        at += 1;
    }
    Run { at, comma }
}

/// Takes the content of a string with escapes, piece by piece.
pub trait Sink {
    /// Text as it is, without quotes, backslashes and control characters.
    fn text(&mut self, text: &[u8], comma: bool);
    /// A character that was written as an escape.
    fn character(&mut self, character: char);
}

/// Reads a string from `at` on, a position in it; answers the position after its closing quote.
///
/// An unpaired surrogate is U+FFFD.
pub fn unescape(data: &[u8], mut at: usize, sink: &mut impl Sink) -> Result<usize, Malformed> {
    loop {
        let run = scan_string(data, at);
        sink.text(&data[at..run.at], run.comma);
        at = match byte_at(data, run.at) {
            b'"' => return Ok(run.at + 1),
            b'\\' => escape(data, run.at + 1, sink)?,
            _ => return Err(Malformed),
        };
    }
}

/// Checks the string at `at`, which nobody reads; answers the position after it.
#[inline(never)]
pub fn string_end(data: &[u8], at: usize) -> Result<usize, Malformed> {
    struct Nobody;
    impl Sink for Nobody {
        fn text(&mut self, _text: &[u8], _comma: bool) {}
        fn character(&mut self, _character: char) {}
    }
    unescape(data, at + 1, &mut Nobody)
}

/// Reads an escape whose backslash was before `at`.
fn escape(data: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Malformed> {
    let character = match byte_at(data, at) {
        byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(data, at + 1, sink),
        _ => return Err(Malformed),
    };
    sink.character(character);
    Ok(at + 1)
}

/// Reads the digits of an escape, and the other half of a surrogate pair after them.
fn unicode_escape(data: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Malformed> {
    let first = hex(data, at)?;
    let mut end = at + 4;
    let mut code = first;
    if (0xd800..0xdc00).contains(&first) && data.get(end..end + 2) == Some(b"\\u") {
        // Malformed digits are found when they are read on their own.
        if let Ok(second @ 0xdc00..0xe000) = hex(data, end + 2) {
            code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
            end += 6;
        }
    }
    sink.character(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
    Ok(end)
}

/// The value of four hexadecimal digits.
fn hex(data: &[u8], at: usize) -> Result<u32, Malformed> {
    let digits = data.get(at..at + 4).ok_or(Malformed)?;
    digits.iter().try_fold(0, |value, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(Malformed)?;
        Ok(value << 4 | digit)
    })
}

/// The position after the number at `at`.
#[inline(always)]
pub fn number_end(data: &[u8], mut at: usize) -> Result<usize, Malformed> {
    if byte_at(data, at) == b'-' {
        at += 1;
    }
    at = match byte_at(data, at) {
        b'0' => at + 1,
        _ => digits_end(data, at)?,
    };
    if byte_at(data, at) == b'.' {
        at = digits_end(data, at + 1)?;
    }
    if byte_at(data, at) | 0x20 == b'e' {
        at += 1;
        if matches!(byte_at(data, at), b'+' | b'-') {
            at += 1;
        }
        at = digits_end(data, at)?;
    }
    Ok(at)
}

/// The position after the digits at `at`, of which there must be one.
#[inline(always)]
fn digits_end(data: &[u8], start: usize) -> Result<usize, Malformed> {
    let mut at = start;
    while byte_at(data, at).is_ascii_digit() {
        at += 1;
    }
    if at == start { Err(Malformed) } else { Ok(at) }
}

/// The position after the literal at `at`.
#[inline(always)]
pub fn literal_end(data: &[u8], at: usize) -> Result<usize, Malformed> {
    let literal: &[u8] = match byte_at(data, at) {
        b't' => b"true",
        b'f' => b"false",
        _ => b"null",
    };
    let end = at + literal.len();
    if data.get(at..end) == Some(literal) { Ok(end) } else { Err(Malformed) }
}

/// The text of a key: U+0000 is U+FFFD.
#[derive(Default)]
pub struct Key(pub Vec<u8>);

impl Sink for Key {
    fn text(&mut self, text: &[u8], _comma: bool) {
        self.0.extend_from_slice(text);
    }

    fn character(&mut self, character: char) {
        push(&mut self.0, if character == '\0' { char::REPLACEMENT_CHARACTER } else { character });
    }
}

/// Appends a character as UTF-8.
pub fn push(text: &mut Vec<u8>, character: char) {
    text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Key, Malformed, literal_end, number_end, scan_string, unescape};

    #[test]
    fn numbers_are_strict() {
        for good in
            ["0", "-0", "10.50", "1e5", "1E+05", "-1.0e-9", "123456789012345678901234567890"]
        {
            assert_eq!(number_end(good.as_bytes(), 0), Ok(good.len()), "{good}");
        }
        for bad in ["", "-", "+1", ".5", "1.", "1e", "1e+", "-a"] {
            assert_eq!(number_end(bad.as_bytes(), 0), Err(Malformed), "{bad}");
        }
        assert_eq!(number_end(b"01", 0), Ok(1));
    }

    #[test]
    fn literals_are_whole() {
        assert_eq!(literal_end(b"false,", 0), Ok(5));
        assert_eq!(literal_end(b"nul", 0), Err(Malformed));
    }

    #[test]
    fn escapes_are_read() {
        let read = |text: &str| {
            let mut key = Key::default();
            unescape(text.as_bytes(), 0, &mut key)
                .map(|_| String::from_utf8_lossy(&key.0).into_owned())
        };
        assert_eq!(read(r#"a\"\\\/\b\f\n\r\t""#).as_deref(), Ok("a\"\\/\u{8}\u{c}\n\r\t"));
        assert_eq!(read(r#"\uD83d\ude00\ud55C""#).as_deref(), Ok("😀한"));
        assert_eq!(
            read(r#"\ud83d\ud83d\ude00\ude00\u0000""#).as_deref(),
            Ok("\u{fffd}😀\u{fffd}\u{fffd}")
        );
        for bad in [r#"\x""#, r#"\u12g4""#, r#"\u+123""#, "\n\"", "abc", r#"\ud83d\u12""#] {
            assert_eq!(read(bad), Err(Malformed), "{bad}");
        }
    }

    #[test]
    fn commas_count_only_within_the_run() {
        for length in 0..40 {
            let plain = format!("{}\",,,,,,,,,,,,,,,,,,,,", "x".repeat(length));
            let run = scan_string(plain.as_bytes(), 0);
            assert_eq!((run.at, run.comma), (length, false));
            let run = scan_string(format!(",{plain}").as_bytes(), 0);
            assert_eq!((run.at, run.comma), (length + 1, true));
        }
    }
}
