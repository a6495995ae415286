//! The text that a scan looks for, in whichever form its characters are written.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, decompose_canonical};

/// No character takes more bytes in one form than so many times those of another.
const MOST_TIMES: usize = 4;
/// Leading bytes that only Hangul syllables have, of characters that can be taken apart.
const SYLLABLES: std::ops::RangeInclusive<u8> = 0xEA..=0xED;
/// Consonants with which a syllable begins.
const CONSONANTS: std::ops::RangeInclusive<char> = '\u{1100}'..='\u{1112}';

/// A text, compared in NFC.
pub struct Wanted {
    text: String,
    /// What it begins with when all is taken apart; none where that may stand elsewhere.
    first: Option<char>,
    /// The bytes with which it may begin. Few other texts do, and those are all that is looked at.
    begins: [bool; 256],
}

impl Wanted {
    /// Looks for this text, which is UTF-8.
    pub fn new(text: &[u8]) -> Self {
        let text: String = String::from_utf8_lossy(text).nfc().collect();
        let first = text.nfd().next().filter(|&first| canonical_combining_class(first) == 0);
        Self { begins: beginnings(&text, first), text, first }
    }

    /// Whether a string, which is UTF-8, is the text.
    #[inline(always)]
    pub fn is(&self, string: &[u8]) -> bool {
        match string.first() {
            Some(&byte) => self.begins[usize::from(byte)] && self.is_alike(string),
            None => self.text.is_empty(),
        }
    }

    /// Whether a number is the text.
    #[inline(always)]
    pub fn is_number(&self, number: &[u8]) -> bool {
        number.len() == self.text.len() && number == self.text.as_bytes()
    }

    #[inline(never)]
    fn is_alike(&self, string: &[u8]) -> bool {
        if string == self.text.as_bytes() {
            return true;
        }
        if string.len() > MOST_TIMES * self.text.len() || string.is_ascii() {
            return false;
        }
        std::str::from_utf8(string)
            .is_ok_and(|string| self.begins_alike(string) && string.nfc().eq(self.text.chars()))
    }

    fn begins_alike(&self, string: &str) -> bool {
        let mut first = None;
        for character in string.chars().take(1) {
            decompose_canonical(character, |part| first = first.or(Some(part)));
        }
        self.first.is_none_or(|wanted| first == Some(wanted))
    }
}

/// The leading bytes of all forms of a text, and of a few other texts.
fn beginnings(text: &str, first: Option<char>) -> [bool; 256] {
    let Some(first) = first else {
        return [true; 256];
    };
    let mut begins = [false; 256];
    begins[0xC2..].fill(true);
    for byte in SYLLABLES {
        begins[usize::from(byte)] = CONSONANTS.contains(&first);
    }
    let mut buffer = [0; 4];
    for &byte in [first.encode_utf8(&mut buffer).as_bytes(), text.as_bytes()]
        .into_iter()
        .filter_map(<[u8]>::first)
    {
        begins[usize::from(byte)] = true;
    }
    begins
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn a_text_is_the_same_in_each_form() {
        for (wanted, strings) in [
            ("한글", vec!["한글", "\u{1112}\u{1161}\u{11ab}글", "하\u{11ab}글"]),
            ("\u{1112}\u{1161}\u{11ab}", vec!["한"]),
            ("K1", vec!["K1", "\u{212a}1"]),
            ("é", vec!["é", "e\u{301}"]),
            ("e\u{301}\u{323}", vec!["ẹ\u{301}", "é\u{323}", "e\u{323}\u{301}"]),
            ("\u{301}\u{323}a", vec!["\u{323}\u{301}a"]),
            ("", vec![""]),
        ] {
            for string in strings {
                assert!(Wanted::new(wanted.as_bytes()).is(string.as_bytes()), "{string}");
            }
        }
    }

    #[test]
    fn another_text_is_another() {
        for (wanted, string) in [
            ("한", "하"),
            ("한", "한글"),
            ("u1", "u2"),
            ("u1", "ú1"),
            ("u1", ""),
            ("", "u"),
            ("e", "é"),
        ] {
            assert!(!Wanted::new(wanted.as_bytes()).is(string.as_bytes()), "{string}");
        }
    }

    #[test]
    fn a_number_is_compared_as_it_is_written() {
        assert!(Wanted::new(b"1").is_number(b"1"));
        assert!(!Wanted::new(b"1").is_number(b"1.0"));
    }
}
