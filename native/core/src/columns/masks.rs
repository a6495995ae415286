//! What becomes of the text of a masked cell (docs/spec.md 11.4, 11.5).

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use unicode_normalization::UnicodeNormalization;

use super::dates::Dates;
use super::method::Method;
use crate::json::push;

const REDACTED: &[u8] = b"***";
/// Digits of base32 (RFC 4648) in lower case.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
/// So much of a digest is in a pseudonym.
const PSEUDONYM_BYTES: usize = 16;
/// Bytes of text that are digested at once.
const PIECE: usize = 256;

/// Makes pseudonyms with one key, of which only the digest's state is kept: it is wiped at the end.
pub struct Pseudonyms(Hmac<Sha256>);

impl Pseudonyms {
    /// Pseudonyms with this key.
    pub fn new(key: &[u8]) -> Self {
        // Keys of any length are taken.
        Self(Hmac::new_from_slice(key).unwrap_or_else(|_| Hmac::new(&Default::default())))
    }

    /// The state in which the texts of a domain are digested.
    fn of_domain(&self, domain: &str) -> Hmac<Sha256> {
        let mut state = self.0.clone();
        state.update(domain.as_bytes());
        state.update(&[0]);
        state
    }
}

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
    /// A pseudonym, with the digest's state after the domain.
    Pseudonym(Box<Hmac<Sha256>>),
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

    /// Appends the cell of a masked text, in quotes if it needs them or every text is; false if it
    /// is null.
    pub fn write(&self, text: &str, to: &mut Vec<u8>, in_quotes: bool) -> bool {
        let before = to.len();
        if in_quotes {
            to.push(b'"');
        }
        match self {
            Self::Pseudonym(state) => write_pseudonym(text, Hmac::clone(state), to),
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

fn write_pseudonym(text: &str, mut state: Hmac<Sha256>, to: &mut Vec<u8>) {
    digest(text, &mut state);
    let digest = state.finalize().into_bytes();
    to.push(b'p');
    let bits = digest[..PSEUDONYM_BYTES].iter().fold(0, |bits, &byte| bits << 8 | u128::from(byte));
    to.extend((0..26).map(|place| {
        // Of the last digit, three bits are of the number and two are none.
        let shifted = if place < 25 { bits >> (123 - 5 * place) } else { bits << 2 };
        BASE32[(shifted & 31) as usize]
    }));
}

/// Digests a text in NFC; one of digits, asterisks, dashes and spaces without the last two.
fn digest(text: &str, state: &mut Hmac<Sha256>) {
    if !text.is_ascii() {
        // No other character becomes one of those in NFC.
        return digest_pieces(text.nfc(), state);
    }
    let is_number = |byte: &u8| matches!(byte, b'0'..=b'9' | b'*' | b'-' | b' ');
    let bytes = text.as_bytes();
    if bytes.iter().any(|byte| matches!(byte, b'-' | b' ')) && bytes.iter().all(is_number) {
        return digest_pieces(text.chars().filter(|one| !matches!(one, '-' | ' ')), state);
    }
    state.update(bytes);
}

fn digest_pieces(characters: impl Iterator<Item = char>, state: &mut Hmac<Sha256>) {
    let mut piece = [0; PIECE];
    let mut length = 0;
    for character in characters {
        length += character.encode_utf8(&mut piece[length..]).len();
        if length > PIECE - char::MAX.len_utf8() {
            state.update(&piece[..length]);
            length = 0;
        }
    }
    state.update(&piece[..length]);
}

fn write_partial(text: &str, to: &mut Vec<u8>, in_quotes: bool) {
    if text.is_ascii() {
        return write_ends(text.chars(), text.len(), to, in_quotes);
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

    use super::{Mask, MaskMaker, Pseudonyms};
    use crate::columns::dates::Dates;
    use crate::columns::method::Method;

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
        assert_eq!(pseudonym("e\u{301}"), pseudonym("é"));
        assert_eq!(pseudonym(&"e\u{301}".repeat(500)), pseudonym(&"é".repeat(500)));
        assert_ne!(masked(Method::Pseudonym, "card", "1"), pseudonym("1"));
    }
}
