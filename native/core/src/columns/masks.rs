//! What becomes of the text of a masked cell (docs/spec.md 11.4, 11.5).

use std::sync::Arc;

use unicode_normalization::UnicodeNormalization;

use super::dates::Dates;
use super::method::Method;
use super::names::is_nfc;
use super::pseudonyms::{DomainPseudonyms, Pseudonyms};
use crate::json::push;

const REDACTED: &[u8] = b"***";

/// What masks are made with.
pub struct MaskMaker {
    /// Makes pseudonyms, where there is a key.
    pub pseudonyms: Option<Pseudonyms>,
    /// Reads dates.
    pub dates: Arc<Dates>,
}

/// Masks texts that are not empty.
#[derive(Clone)]
pub enum Mask {
    /// A pseudonym of the domain.
    Pseudonym(Box<DomainPseudonyms>),
    /// Nothing.
    Remove,
    /// The same text for all.
    Redact,
    /// The first and the last character.
    Partial,
    /// The month of a time.
    Month(Arc<Dates>),
    /// The year of a time.
    Year(Arc<Dates>),
}

impl Mask {
    /// What masks with that method; what cannot get a pseudonym, as there is no key, shows nothing.
    pub fn new(method: Method, domain: &str, masks: &MaskMaker) -> Self {
        match method {
            Method::Pseudonym => masks
                .pseudonyms
                .as_ref()
                .map_or(Self::Redact, |one| Self::Pseudonym(Box::new(one.of_domain(domain)))),
            Method::Remove => Self::Remove,
            Method::Redact | Method::Keep => Self::Redact,
            Method::Partial => Self::Partial,
            Method::Month => Self::Month(Arc::clone(&masks.dates)),
            Method::Year => Self::Year(Arc::clone(&masks.dates)),
        }
    }

    /// What makes pseudonyms, if it does.
    #[inline]
    pub fn pseudonyms(&self) -> Option<&DomainPseudonyms> {
        if let Self::Pseudonym(domain) = self { Some(domain) } else { None }
    }

    /// Appends the cell of a masked text, in quotes if it needs them or every text is; false if it
    /// is null.
    pub fn write(&self, text: &str, to: &mut Vec<u8>, in_quotes: bool) -> bool {
        let before = to.len();
        if in_quotes {
            to.push(b'"');
        }
        match self {
            Self::Pseudonym(domain) => to.extend_from_slice(&domain.of(text)),
            Self::Redact => to.extend_from_slice(REDACTED),
            Self::Month(dates) if dates.write_month(text, to) => {}
            Self::Year(dates) if dates.write_year(text, to) => {}
            Self::Partial => {
                to.truncate(before);
                write_partial(text, to, in_quotes);
                return true;
            }
            Self::Remove | Self::Month(_) | Self::Year(_) => {
                to.truncate(before);
                return false;
            }
        }
        if in_quotes {
            to.push(b'"');
        }
        true
    }
}

fn write_partial(text: &str, to: &mut Vec<u8>, in_quotes: bool) {
    if text.is_ascii() {
        return write_ends(text.chars(), text.len(), to, in_quotes);
    }
    if is_nfc(text) {
        return write_ends(text.chars(), text.chars().count(), to, in_quotes);
    }
    write_ends(text.nfc(), text.nfc().count(), to, in_quotes);
}

/// Appends so many characters of which only the ends are shown.
fn write_ends(
    mut characters: impl Iterator<Item = char>,
    count: usize,
    to: &mut Vec<u8>,
    in_quotes: bool,
) {
    let first = characters.next().filter(|_| count > 1);
    let last = characters.last().filter(|_| count > 2);
    let shown = [first, last];
    let is_special = |one: &char| matches!(one, '"' | ',' | '\r' | '\n');
    let in_quotes = in_quotes || shown.iter().flatten().any(is_special);
    let write = |shown: Option<char>, to: &mut Vec<u8>| match shown {
        Some('"') => to.extend_from_slice(b"\"\""),
        Some(character) => push(to, character),
        None => {}
    };
    if in_quotes {
        to.push(b'"');
    }
    write(first, to);
    let hidden = count - shown.iter().flatten().count();
    to.resize(to.len() + hidden, b'*');
    write(last, to);
    if in_quotes {
        to.push(b'"');
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Mask, MaskMaker};
    use crate::columns::dates::Dates;
    use crate::columns::method::Method;
    use crate::columns::pseudonyms::Pseudonyms;

    fn masked(method: Method, domain: &str, text: &str) -> String {
        let dates = Arc::new(Dates::new(2026, Box::new(|_| None)));
        let masks = MaskMaker { pseudonyms: Some(Pseudonyms::new(&[7; 32])), dates };
        let mut cell = Vec::new();
        let is_text = Mask::new(method, domain, &masks).write(text, &mut cell, false);
        if is_text { String::from_utf8_lossy(&cell).into_owned() } else { "null".to_owned() }
    }

    #[test]
    fn the_ends_of_a_text_are_shown() {
        for (text, expected) in [
            ("a", "*"),
            ("ab", "a*"),
            ("abc", "a*c"),
            ("홍길동", "홍*동"),
            ("e\u{301}", "*"),
            ("\"b", "\"\"\"*\""),
            ("a,\n", "\"a*\n\""),
            ("a,b", "a*b"),
        ] {
            assert_eq!(masked(Method::Partial, "", text), expected, "{text}");
        }
    }

    #[test]
    fn the_same_number_has_the_same_pseudonym() {
        let pseudonym = |text: &str| masked(Method::Pseudonym, "account", text);
        let one = pseudonym("110-123 456");
        assert_eq!(one.len(), 27);
        assert_eq!(one, pseudonym("110123456"));
        assert_ne!(one, pseudonym("110*123456"));
        assert_ne!(pseudonym("a-b"), pseudonym("ab"));
        assert_eq!(pseudonym(&"1- ".repeat(99)), pseudonym(&"1".repeat(99)));
        assert_eq!(pseudonym(&"1- *".repeat(16)), pseudonym(&"1*".repeat(16)));
        assert_eq!(pseudonym("e\u{301}"), pseudonym("é"));
        assert_eq!(pseudonym("\u{1100}\u{1161}\u{11a8}"), pseudonym("각"));
        assert_eq!(pseudonym("가\u{11a8}"), pseudonym("각"));
        assert_eq!(pseudonym("\u{212b}"), pseudonym("Å"));
        assert_eq!(pseudonym(&"e\u{301}".repeat(500)), pseudonym(&"é".repeat(500)));
        assert_ne!(masked(Method::Pseudonym, "card", "1"), pseudonym("1"));
    }
}
