//! Cells that Excel would show or run otherwise: see `guard.py`.
//!
//! Texts are as they are between the quotes of a marked cell, where each quote is doubled.

use regex::bytes::Regex;

use super::copy::Copied;

/// How long a string in a formula may be, in UTF-16 code units.
const MOST_UNITS: usize = 255;
/// How many digits of a number Excel keeps.
const MOST_DIGITS: usize = 15;
/// How many characters of a plain number Excel shows in any case.
const MOST_SHOWN: usize = 11;
/// How long a text is that Excel takes for more than a formula or a plain number.
const MOST_BYTES: usize = 255;

/// What is guarded.
pub struct Guard {
    form: Regex,
}

impl Guard {
    /// Guards texts of these forms, which are patterns, beside those that are guarded anyway.
    pub fn new(forms: &[String]) -> Result<Self, regex::Error> {
        Ok(Self { form: Regex::new(&format!(r"\A(?:{})\z", forms.join("|")))? })
    }

    /// Whether Excel would show or run a text otherwise.
    #[inline(always)]
    pub fn is_text_guarded(&self, text: &[u8]) -> bool {
        may_be_guarded(text) && self.is_it_guarded(text)
    }

    #[inline(never)]
    fn is_it_guarded(&self, text: &[u8]) -> bool {
        if is_run(text) {
            return true;
        }
        if is_plain_number(text) {
            return !is_shown_as_it_is(text);
        }
        text.len() <= MOST_BYTES && self.form.is_match(&text.to_ascii_lowercase())
    }
}

/// Whether it is worth a second look; most texts are not.
#[inline(always)]
fn may_be_guarded(text: &[u8]) -> bool {
    match text {
        [b'a'..=b'z' | b'A'..=b'Z', ..] => begins_with_word(text),
        [b'+'..=b'@' | b'\t' | b'\r', ..] => true,
        [0xef, 0xbc, ..] => true,       // full-width
        [0xec, 0x98, 0xa4, ..] => true, // 오
        _ => false,
    }
}

/// Whether a text begins as a month, a weekday, a half of the day or a truth value does.
#[inline(always)]
fn begins_with_word(text: &[u8]) -> bool {
    let small = |at: usize| text.get(at).map_or(0, |byte| byte | 0x20);
    let begin = [small(0), small(1), small(2)];
    let is_half = matches!(&begin[..2], b"am" | b"pm");
    is_half
        || matches!(
            &begin,
            b"jan"
                | b"feb"
                | b"mar"
                | b"apr"
                | b"may"
                | b"jun"
                | b"jul"
                | b"aug"
                | b"sep"
                | b"oct"
                | b"nov"
                | b"dec"
                | b"mon"
                | b"tue"
                | b"wed"
                | b"thu"
                | b"fri"
                | b"sat"
                | b"sun"
                | b"tru"
                | b"fal"
        )
}

/// Whether a text begins as what is run does.
fn is_run(text: &[u8]) -> bool {
    match text {
        [b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r', ..] => true,
        // The same in full width.
        [0xef, 0xbc, last, ..] => matches!(last, 0x8b | 0x8d | 0x9d | 0xa0),
        _ => false,
    }
}

/// Whether a text is digits, perhaps with a point.
fn is_plain_number(text: &[u8]) -> bool {
    let points = text.iter().filter(|&&byte| byte == b'.').count();
    let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
    points <= 1 && digits > 0 && points + digits == text.len()
}

/// Whether Excel shows a plain number as it is.
fn is_shown_as_it_is(plain: &[u8]) -> bool {
    let has_leading_zero = matches!(plain, [b'0', b'0'..=b'9', ..]);
    plain.len() <= MOST_SHOWN && !has_leading_zero
}

/// Whether a number of JSON has more digits than Excel keeps.
#[inline(always)]
pub fn is_number_guarded(number: &[u8]) -> bool {
    number.len() > MOST_DIGITS && has_many_digits(number)
}

#[inline(never)]
fn has_many_digits(number: &[u8]) -> bool {
    let mantissa = number.iter().take_while(|&byte| byte | 0x20 != b'e');
    let digits = mantissa.filter(|byte| byte.is_ascii_digit());
    digits.skip_while(|&&byte| byte == b'0').nth(MOST_DIGITS).is_some()
}

/// Appends the cell with the formula that yields a text.
pub fn guard(text: &[u8], to: &mut Copied) {
    to.push(b"\"=\"\"");
    let mut units = 0;
    let mut start = 0;
    // From `start` on nothing is written yet.
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let (length, wide) = match byte {
            b'"' => (2, 2),
            0..0x80 => (1, 1),
            0x80..0xe0 => (2, 1),
            0xe0..0xf0 => (3, 1),
            0xf0.. => (4, 2),
        };
        if units + wide > MOST_UNITS {
            to.push(&text[start..at]);
            to.push(b"\"\"&\"\"");
            (start, units) = (at, 0);
        }
        if byte == b'"' {
            to.push(&text[start..at]);
            to.push(b"\"\"\"\"");
            start = at + length;
        }
        units += wide;
        at += length;
    }
    to.push(text.get(start..).unwrap_or_default());
    to.push(b"\"\"\"");
}

#[cfg(test)]
mod tests {
    use super::{Copied, Guard, guard, is_number_guarded};

    fn guarded(text: &str) -> String {
        let mut made = Copied::with_room(0);
        guard(text.as_bytes(), &mut made);
        String::from_utf8_lossy(&made.take()).into_owned()
    }

    #[test]
    fn a_text_is_strings_that_are_not_too_long() {
        assert_eq!(guarded("007"), r#""=""007""""#);
        assert_eq!(guarded(r#"=""a"""#), r#""=""=""""a""""""""#);
        let rest = |text: &str, most: usize| {
            let (first, second) = (text.repeat(most), text.repeat(3));
            assert_eq!(guarded(&first), format!("\"=\"\"{first}\"\"\""));
            let both = format!("\"=\"\"{first}\"\"&\"\"{second}\"\"\"");
            assert_eq!(guarded(&text.repeat(most + 3)), both);
        };
        rest("x", 255);
        rest("é", 255);
        rest("한", 255);
        rest("😀", 127);
    }

    #[test]
    fn texts_are_looked_at_without_case() -> Result<(), regex::Error> {
        let guard = Guard::new(&["true".into(), "[0-9]:[0-9]".into(), "오전".into()])?;
        for text in ["true", "TRUE", "1:2", "오전", "＝1", "@", "\t", "\ra"] {
            assert!(guard.is_text_guarded(text.as_bytes()), "{text}");
        }
        for text in
            ["", "truer", "untrue", "1:2:", " 1:2", "오", "한 =1", "x", "1x", " =", "ＴＲＵＥ"]
        {
            assert!(!guard.is_text_guarded(text.as_bytes()), "{text}");
        }
        for (plain, is_guarded) in [
            ("0", false),
            ("00", true),
            ("0.5", false),
            ("0.50", false),
            ("12345678901", false),
            ("123456789012", true),
            ("1.2.3", false),
            (".", false),
            (".12345678901", true),
        ] {
            assert_eq!(guard.is_text_guarded(plain.as_bytes()), is_guarded, "{plain}");
        }
        Ok(())
    }

    #[test]
    fn numbers_keep_fifteen_digits() {
        for (number, is_guarded) in [
            ("123456789012345", false),
            ("1234567890123456", true),
            ("-0.00123456789012345", false),
            ("-0.001234567890123456", true),
            ("1000000000000000", true),
            ("0.0000000000000000", false),
            ("1.5e1000000000000000000", false),
            ("12345678.90123450E5", true),
        ] {
            assert_eq!(is_number_guarded(number.as_bytes()), is_guarded, "{number}");
        }
    }
}
