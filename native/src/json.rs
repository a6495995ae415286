//! The parts of strict JSON text (RFC 8259): white space, strings, numbers, literals.
//!
//! Every function takes the whole text and a position in it, and answers a position. Reading
//! beyond the end gives zero bytes, which are allowed nowhere.

use crate::lanes::{digit_bits, string_bits};

/// The text is malformed, or nests too deep.
#[derive(Debug, PartialEq, Eq)]
pub struct Bad;

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
pub fn unescape(data: &[u8], mut at: usize, sink: &mut impl Sink) -> Result<usize, Bad> {
    loop {
        let run = scan_string(data, at);
        sink.text(&data[at..run.at], run.comma);
        at = match byte_at(data, run.at) {
            b'"' => return Ok(run.at + 1),
            b'\\' => escape(data, run.at + 1, sink)?,
            _ => return Err(Bad),
        };
    }
}

/// Reads an escape whose backslash was before `at`.
fn escape(data: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Bad> {
    let character = match byte_at(data, at) {
        byte @ (b'"' | b'\\' | b'/') => char::from(byte),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode_escape(data, at + 1, sink),
        _ => return Err(Bad),
    };
    sink.character(character);
    Ok(at + 1)
}

/// Reads the digits of an escape, and the other half of a surrogate pair after them.
fn unicode_escape(data: &[u8], at: usize, sink: &mut impl Sink) -> Result<usize, Bad> {
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
fn hex(data: &[u8], at: usize) -> Result<u32, Bad> {
    let digits = data.get(at..at + 4).ok_or(Bad)?;
    digits.iter().try_fold(0, |value, &byte| {
        let digit = char::from(byte).to_digit(16).ok_or(Bad)?;
        Ok(value << 4 | digit)
    })
}

/// The position after the number at `at`.
#[inline(always)]
pub fn number_end(data: &[u8], mut at: usize) -> Result<usize, Bad> {
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
fn digits_end(data: &[u8], start: usize) -> Result<usize, Bad> {
    let mut at = start;
    while byte_at(data, at).is_ascii_digit() {
        at += 1;
    }
    if at == start { Err(Bad) } else { Ok(at) }
}

/// The position after the literal at `at`.
#[inline(always)]
pub fn literal_end(data: &[u8], at: usize) -> Result<usize, Bad> {
    let literal: &[u8] = match byte_at(data, at) {
        b't' => b"true",
        b'f' => b"false",
        _ => b"null",
    };
    let end = at + literal.len();
    if data.get(at..end) == Some(literal) { Ok(end) } else { Err(Bad) }
}

/// A short scalar: where its CSV cell begins and ends, and where the scalar itself ends.
#[derive(Debug, PartialEq, Eq)]
pub struct Short {
    /// The cell's first byte.
    pub start: usize,
    /// The byte after its last one.
    pub stop: usize,
    /// The byte after the scalar.
    pub end: usize,
}

/// How many bytes are looked at for a short scalar.
pub const SHORT: usize = 72;

/// The scalar at the beginning of a text, if it is a usual one and ends soon.
///
/// Everything else is left to functions that take their time: long strings, such with a comma or
/// an escape, exponents, and whatever is malformed. The text is at `at` of what the marks, those of
/// [`mark_specials`](crate::lanes::mark_specials), are for.
#[inline(always)]
pub fn short_scalar(text: &[u8; SHORT], at: usize, marks: &[u8]) -> Option<Short> {
    match text[0] {
        b'"' => short_string(text, at + 1, marks),
        b'-' | b'0'..=b'9' => short_number(text),
        b'n' if text[1..4] == *b"ull" => Some(Short { start: 0, stop: 0, end: 4 }),
        b't' if text[1..4] == *b"rue" => Some(Short { start: 0, stop: 4, end: 4 }),
        b'f' if text[1..5] == *b"alse" => Some(Short { start: 0, stop: 5, end: 5 }),
        _ => None,
    }
}

#[inline(always)]
fn short_string(text: &[u8; SHORT], at: usize, marks: &[u8]) -> Option<Short> {
    let found = u64::from_le_bytes(*marks.get(at / 8..)?.first_chunk()?) >> (at % 8);
    let length = found.trailing_zeros() as usize;
    if found == 0 || text[1 + length] != b'"' {
        return None;
    }
    let (start, stop) = if length == 0 { (0, 2) } else { (1, 1 + length) };
    Some(Short { start, stop, end: length + 2 })
}

/// Without loops and with few branches: how long a number is cannot be guessed.
#[inline(always)]
fn short_number(text: &[u8; SHORT]) -> Option<Short> {
    let digits = u64::from(digit_bits(text.first_chunk()?));
    let sign = usize::from(text[0] == b'-');
    let whole = (!(digits >> sign)).trailing_zeros() as usize;
    let point = sign + whole;
    let has_point = text[point % SHORT] == b'.';
    let decimals = (!(digits >> 1 >> (point % SHORT))).trailing_zeros() as usize;
    let end = if has_point { point + 1 + decimals } else { point };
    let is_number = whole > 0 && (whole == 1 || text[sign] != b'0') && (decimals > 0 || !has_point);
    let is_over = matches!(text.get(end), Some(b',' | b'}'));
    (is_number && is_over).then_some(Short { start: 0, stop: end, end })
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
    use super::{Bad, Key, SHORT, literal_end, number_end, scan_string, short_scalar, unescape};
    use crate::lanes::mark_specials;

    #[test]
    fn numbers_are_strict() {
        for good in
            ["0", "-0", "10.50", "1e5", "1E+05", "-1.0e-9", "123456789012345678901234567890"]
        {
            assert_eq!(number_end(good.as_bytes(), 0), Ok(good.len()), "{good}");
        }
        for bad in ["", "-", "+1", ".5", "1.", "1e", "1e+", "-a"] {
            assert_eq!(number_end(bad.as_bytes(), 0), Err(Bad), "{bad}");
        }
        assert_eq!(number_end(b"01", 0), Ok(1));
    }

    /// The cell of a short scalar and where the scalar ends, wherever it is in a text.
    fn short(text: &str) -> Option<(String, usize)> {
        let mut answers = (0..70).map(|before| {
            let mut all = format!("{}{text}", " ".repeat(before)).into_bytes();
            all.resize(all.len() + SHORT, b' ');
            let mut marks = Vec::new();
            mark_specials(&all, &mut marks);
            let short = short_scalar(all[before..].first_chunk()?, before, &marks)?;
            Some((text[short.start..short.stop].to_owned(), short.end))
        });
        let first = answers.next()?;
        assert!(answers.all(|answer| answer == first), "{text}");
        first
    }

    #[test]
    fn usual_scalars_are_short() {
        for length in 1..57 {
            let text = "x".repeat(length);
            assert_eq!(short(&format!("\"{text}\",")), Some((text, length + 2)));
        }
        assert_eq!(short("\"\","), Some(("\"\"".to_owned(), 2)));
        assert_eq!(short("null,"), Some((String::new(), 4)));
        for good in ["0", "-0", "10.50", "-1.05", "123456789012345", "true", "false"] {
            for end in [",", "}"] {
                let expected = Some((good.to_owned(), good.len()));
                assert_eq!(short(&format!("{good}{end}")), expected);
            }
        }
    }

    #[test]
    fn everything_else_is_left_to_the_slow_way() {
        for number in
            ["01", "-", "+1", "1.", ".5", "1e5", "-01", "1.2.3", "12345678901234567", "1 "]
        {
            assert_eq!(short(&format!("{number},")), None, "{number}");
        }
        for other in ["1x", "nul,", "True,", "{}", "[]", "]", " 1,"] {
            assert_eq!(short(other), None, "{other}");
        }
        for string in ["a,b", "a\\n", "a\tb", &"x".repeat(80)] {
            assert_eq!(short(&format!("\"{string}\",")), None, "{string}");
        }
    }

    #[test]
    fn literals_are_whole() {
        assert_eq!(literal_end(b"false,", 0), Ok(5));
        assert_eq!(literal_end(b"nul", 0), Err(Bad));
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
            assert_eq!(read(bad), Err(Bad), "{bad}");
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
