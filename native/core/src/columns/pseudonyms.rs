//! What stands for a text, the same for the same text, by a key (docs/spec.md 11.5).

use std::array;

use unicode_normalization::UnicodeNormalization;

use super::digests::{KeyedDigest, LastBlock};
use super::names::is_nfc;
use crate::simd::{Blocks, LANES, Simd};

/// How long a pseudonym is.
pub const PSEUDONYM: usize = 27;
/// The number of a domain.
pub type Domain = u16;
/// Bytes of text that are digested at once: more than most have.
const PIECE: usize = 256;

/// Makes pseudonyms with one key, of which only the digest's state is kept: it is wiped at the end.
pub struct Pseudonyms(KeyedDigest);

impl Pseudonyms {
    /// Pseudonyms with this key.
    pub fn new(key: &[u8]) -> Self {
        Self(KeyedDigest::new(key))
    }

    /// Those of the texts of a domain.
    pub fn of_domain(&self, domain: &str) -> DomainPseudonyms {
        let mut digest = self.0.clone();
        digest.update(domain.as_bytes());
        digest.update(&[0]);
        let block = digest.last_block();
        DomainPseudonyms { digest, block }
    }
}

/// Makes pseudonyms of the texts of a domain.
#[derive(Clone)]
pub struct DomainPseudonyms {
    /// The digest's state after the domain.
    digest: KeyedDigest,
    /// What the last block begins with, if it can be the only one.
    block: Option<LastBlock>,
}

impl DomainPseudonyms {
    /// The pseudonym of a text.
    pub fn of(&self, text: &str) -> [u8; PSEUDONYM] {
        shown(digest(text, &self.digest))
    }

    /// What the last block of short texts begins with, by which domains are told apart.
    pub fn begun(&self) -> Option<&LastBlock> {
        self.block.as_ref()
    }
}

impl Pseudonyms {
    /// Makes those of texts by their blocks.
    #[inline(always)]
    pub fn make(&self, blocks: &Blocks, made: &mut [Shown; LANES], simd: impl Simd) {
        let half = self.0.halves(blocks, simd);
        let pairs = |high: &[u32; LANES], low: &[u32; LANES]| -> [u64; LANES] {
            array::from_fn(|text| u64::from(high[text]) << 32 | u64::from(low[text]))
        };
        let (high, low) = (pairs(&half[0], &half[1]), pairs(&half[2], &half[3]));
        let first = digits_of(&high, &low, |high, _| high >> 24);
        let second = digits_of(&high, &low, |high, low| high << 16 | low >> 48);
        let third = digits_of(&high, &low, |_, low| low >> 8);
        let last = digits_of(&high, &low, |_, low| low << 2);
        for (text, made) in made.iter_mut().enumerate() {
            made[0] = b'p';
            made[1..9].copy_from_slice(&first[text].to_ne_bytes());
            made[9..17].copy_from_slice(&second[text].to_ne_bytes());
            made[17..25].copy_from_slice(&third[text].to_ne_bytes());
            made[25..27].copy_from_slice(&last[text].to_ne_bytes()[6..]);
        }
    }
}

/// Eight digits of each number: a loop that is compiled to vectors.
#[inline(always)]
fn digits_of(
    high: &[u64; LANES],
    low: &[u64; LANES],
    bits: impl Fn(u64, u64) -> u64,
) -> [u64; LANES] {
    array::from_fn(|text| u64::from_ne_bytes(digits(bits(high[text], low[text]))))
}

/// A pseudonym, and some bytes after it: copying a fixed number of them is faster.
pub type Shown = [u8; SHOWN];
const SHOWN: usize = 32;

#[inline(always)]
fn is_separator(byte: u8) -> bool {
    matches!(byte, b'-' | b' ')
}

#[inline(always)]
fn is_of_number(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'*') || is_separator(byte)
}

/// The pseudonym that has these bits: in base32 (RFC 4648), in lower case.
#[inline]
fn shown(bits: u128) -> [u8; PSEUDONYM] {
    let mut text = [b'p'; PSEUDONYM];
    for (group, place) in text[1..25].chunks_exact_mut(8).enumerate() {
        place.copy_from_slice(&digits((bits >> (88 - 40 * group)) as u64));
    }
    // Of the last digit, three bits are of the number and two are none.
    text[25..].copy_from_slice(&digits((bits << 2) as u64)[6..]);
    text
}

/// The eight digits of the last 40 bits.
#[inline(always)]
fn digits(bits: u64) -> [u8; 8] {
    const EACH: u64 = 0x0101_0101_0101_0101;
    /// How far `2` to `7`, for 26 and more, are from where they would be as letters.
    const TO_DIGITS: u64 = (b'a' + 26 - b'2') as u64;
    let halves = (bits & 0xf_ffff << 20) << 12 | bits & 0xf_ffff;
    let quarters = (halves & 0x000f_fc00_000f_fc00) << 6 | halves & 0x0000_03ff_0000_03ff;
    let bytes = (quarters & 0x03e0_03e0_03e0_03e0) << 3 | quarters & 0x001f_001f_001f_001f;
    let are_digits = (bytes + (128 - 26) * EACH) >> 7 & EACH;
    (bytes + u64::from(b'a') * EACH - are_digits * TO_DIGITS).to_be_bytes()
}

/// Digests a text in NFC; one of digits, asterisks, dashes and spaces without the last two.
fn digest(text: &str, state: &KeyedDigest) -> u128 {
    if !text.is_ascii() {
        // No other character becomes one of those in NFC.
        return if is_nfc(text) {
            state.half(text.as_bytes())
        } else {
            digest_pieces(text.nfc(), state)
        };
    }
    let bytes = text.as_bytes();
    if !bytes.iter().any(|&byte| is_separator(byte))
        || !bytes.iter().all(|&byte| is_of_number(byte))
    {
        return state.half(bytes);
    }
    digest_pieces(text.chars().filter(|one| !matches!(one, '-' | ' ')), state)
}

/// Digests characters that may be very many.
fn digest_pieces(characters: impl Iterator<Item = char>, state: &KeyedDigest) -> u128 {
    let mut piece = [0; PIECE];
    let mut length = 0;
    let mut begun = None;
    for character in characters {
        length += character.encode_utf8(&mut piece[length..]).len();
        if length > PIECE - char::MAX.len_utf8() {
            begun.get_or_insert_with(|| state.clone()).update(&piece[..length]);
            length = 0;
        }
    }
    begun.as_ref().unwrap_or(state).half(&piece[..length])
}

#[cfg(test)]
mod tests {
    use super::{PSEUDONYM, Pseudonyms, shown};
    use crate::columns::batch::{PseudonymBatch, Taken};
    use crate::columns::recent::Worth;

    #[test]
    fn base32_is_as_python_has_it() {
        assert_eq!(&shown(0), b"paaaaaaaaaaaaaaaaaaaaaaaaaa");
        assert_eq!(&shown(u128::MAX), b"p77777777777777777777777774");
        let bits = u128::from_str_radix("00443214c74254b635cf84653a56d7c6", 16).unwrap_or_default();
        assert_eq!(&shown(bits), b"pabcdefghijklmnopqrstuvwxyy");
    }

    #[test]
    fn pseudonyms_that_are_made_at_once_are_the_same() {
        let pseudonyms = Pseudonyms::new(&[7; 32]);
        let mut batch = PseudonymBatch::default();
        for length in [0, 4, 40, 53, 54, 55, 62, 63, 64, 200] {
            let own = pseudonyms.of_domain(&"d".repeat(length));
            let domain = batch.domain(&own);
            assert_eq!(domain, batch.domain(&own));
            assert_eq!(domain.is_some(), length < 63);
            let Some(domain) = domain else { continue };
            let lengths = 1..70;
            let texts = lengths.flat_map(|length| {
                let number = "1-2 3*".chars().cycle().take(length).collect();
                [number, "7".repeat(length), "x-".repeat(length / 2), "홍".repeat(length / 3)]
            });
            let texts: Vec<String> = texts.filter(|text| !text.is_empty()).collect();
            let (mut fitting, mut worth) = (0, Worth::default());
            // Those of the second time are found, of the last ones.
            for texts in texts.chunks(PseudonymBatch::SIZE - 1).flat_map(|texts| [texts, texts]) {
                let mut taken = Vec::new();
                for (place, text) in texts.iter().enumerate() {
                    let more = if place % 2 == 0 { "" } else { &"7홍".repeat(20) };
                    let data = format!("{text}{more}");
                    taken.push(batch.take(data.as_bytes(), (0, text.len()), domain, &mut worth));
                }
                let made = batch.make(&pseudonyms);
                for (text, taken) in texts.iter().zip(taken) {
                    let found = match taken {
                        None => continue,
                        Some(Taken::Made(found)) => found,
                        Some(Taken::Waits(waiting)) => made[waiting],
                    };
                    assert_eq!(found[..PSEUDONYM], own.of(text), "{text}");
                    fitting += 1;
                }
            }
            assert_eq!(fitting > 0, length < 54, "{length}");
        }
    }

    #[test]
    fn only_texts_in_nfc_are_made_at_once() {
        let own = Pseudonyms::new(&[7; 32]).of_domain("name");
        let mut batch = PseudonymBatch::default();
        let domain = batch.domain(&own).unwrap_or_default();
        let mut is_there = |data: &[u8]| {
            batch.take(data, (0, data.len()), domain, &mut Worth::default()).is_some()
        };
        assert!(is_there("홍길동".as_bytes()));
        // What is not there is not found either.
        for _ in 0..3 {
            assert!(!is_there("e\u{301}".as_bytes()));
            assert!(!is_there(b"\xff"));
        }
    }
}
