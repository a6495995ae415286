//! Usual scalars, read without a loop and with few branches.

use crate::kinds::{Traits, is_signed_zero, kind};
use crate::simd::digit_bits;

/// A short scalar: where its CSV cell begins and ends, where the scalar itself ends, what it is.
#[derive(Debug, PartialEq, Eq)]
pub struct Short {
    /// The cell's first byte.
    pub start: usize,
    /// The byte after its last one.
    pub stop: usize,
    /// The byte after the scalar.
    pub end: usize,
    /// The value's kind and digits.
    pub traits: Traits,
}

/// How many bytes are looked at for a short scalar.
pub const SHORT: usize = 72;

/// The scalar at the beginning of a text, if it is a usual one and ends soon.
///
/// Everything else is left to functions that take their time: long strings, such with a comma or
/// an escape, exponents, and whatever is malformed. The text is at `at` of what the marks, those of
/// [`mark_specials`](crate::marks::mark_specials), are for. The cell of a string is in quotes if it
/// is empty, or if every text is.
#[inline(always)]
pub fn short_scalar(
    text: &[u8; SHORT],
    at: usize,
    marks: &[u8],
    marks_text: bool,
) -> Option<Short> {
    match text[0] {
        b'"' => short_string(text, at + 1, marks, marks_text),
        b'-' | b'0'..=b'9' => short_number(text),
        b'n' if text[1..4] == *b"ull" => Some(literal(0, 4, kind::NULL)),
        b't' if text[1..4] == *b"rue" => Some(literal(4, 4, kind::BOOLEAN)),
        b'f' if text[1..5] == *b"alse" => Some(literal(5, 5, kind::BOOLEAN)),
        _ => None,
    }
}

#[inline(always)]
fn literal(stop: usize, end: usize, kind: u8) -> Short {
    Short { start: 0, stop, end, traits: Traits::of(kind) }
}

#[inline(always)]
fn short_string(text: &[u8; SHORT], at: usize, marks: &[u8], marks_text: bool) -> Option<Short> {
    let found = u64::from_le_bytes(*marks.get(at / 8..)?.first_chunk()?) >> (at % 8);
    let length = found.trailing_zeros() as usize;
    if found == 0 || text[1 + length] != b'"' {
        return None;
    }
    // Without a branch: how long a string is cannot be guessed.
    let quote = usize::from(length != 0 && !marks_text);
    let end = length + 2;
    Some(Short { start: quote, stop: end - quote, end, traits: Traits::of(kind::STRING) })
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
    if !(is_number && is_over) {
        return None;
    }
    let traits = if sign == 1 && text[1] == b'0' && is_signed_zero(&text[..end]) {
        Traits::of(kind::OTHER_NUMBER)
    } else {
        Traits::plain(has_point, whole, if has_point { decimals } else { 0 })
    };
    Some(Short { start: 0, stop: end, end, traits })
}

#[cfg(test)]
mod tests {
    use super::{SHORT, short_scalar};
    use crate::marks::mark_specials;

    /// The cell of a short scalar and where the scalar ends, wherever it is in a text.
    fn short(text: &str) -> Option<(String, usize)> {
        short_marked(text, false)
    }

    fn short_marked(text: &str, marks_text: bool) -> Option<(String, usize)> {
        let mut answers = (0..70).map(|before| {
            let mut all = format!("{}{text}", " ".repeat(before)).into_bytes();
            all.resize(all.len() + SHORT, b' ');
            let mut marks = Vec::new();
            mark_specials(&all, &mut marks);
            let short = short_scalar(all[before..].first_chunk()?, before, &marks, marks_text)?;
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
            let value = format!("\"{text}\"");
            assert_eq!(short(&format!("{value},")), Some((text, length + 2)));
            assert_eq!(short_marked(&format!("{value},"), true), Some((value, length + 2)));
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
}
