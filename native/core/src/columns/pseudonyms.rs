//! What stands for a text, the same for the same text, by a key (docs/spec.md 11.5).

use unicode_normalization::UnicodeNormalization;

use super::digests::{KeyedDigest, LastBlock, LastBlocks};
use super::names::is_nfc;
use crate::simd::{LANES, Simd, Work, dispatch};

/// How long a pseudonym is.
pub const PSEUDONYM: usize = 27;
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

    /// What the pseudonym of a text, from `start` on, is made of together with others, if that is a
    /// short one.
    #[inline]
    pub fn block(&self, data: &[u8], start: usize, end: usize) -> Option<LastBlock> {
        let block = self.block.as_ref()?;
        let (text, length) = (data.get(start..end)?, end - start);
        if let Some(bytes) = data[start..].first_chunk() {
            return dispatch(Ending { block, bytes, length });
        }
        let mut bytes = [0; 64];
        bytes.get_mut(..length)?.copy_from_slice(text);
        dispatch(Ending { block, bytes: &bytes, length })
    }
}

/// Texts of which the pseudonyms are made at once.
#[derive(Default)]
pub struct PseudonymBatch(LastBlocks);

impl PseudonymBatch {
    /// How many texts there may be.
    pub const SIZE: usize = LANES;

    /// Puts the text with that number.
    #[inline(always)]
    pub fn set(&mut self, number: usize, block: &LastBlock) {
        self.0.set(number, block);
    }

    /// The pseudonyms of all; rubbish for a number that was not set.
    pub fn make(&self, pseudonyms: &Pseudonyms) -> [[u8; PSEUDONYM]; LANES] {
        pseudonyms.0.halves(&self.0).map(shown)
    }
}

/// Ends a block with the text that so many of the bytes are.
struct Ending<'a> {
    block: &'a LastBlock,
    bytes: &'a [u8; 64],
    length: usize,
}

impl Work for Ending<'_> {
    type Output = Option<LastBlock>;

    #[inline(always)]
    fn run(self, simd: impl Simd) -> Option<LastBlock> {
        let Self { block, bytes, length } = self;
        let all = 1_u64.checked_shl(length as u32)? - 1;
        let found = simd.number_bits(bytes);
        if found.not_ascii & all != 0 && !std::str::from_utf8(&bytes[..length]).is_ok_and(is_nfc) {
            return None;
        }
        let is_number = (found.digits | found.separators) & all == all;
        let kept = if is_number { all & !found.separators } else { all };
        block.ended(bytes, kept, simd)
    }
}

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
    use super::{PSEUDONYM, PseudonymBatch, Pseudonyms, shown};

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
        for domain in [0, 4, 40, 53, 54, 55, 62, 63, 64, 200].map(|length| "d".repeat(length)) {
            let own = pseudonyms.of_domain(&domain);
            let lengths = 0..70;
            let texts = lengths.flat_map(|length| {
                let number = "1-2 3*".chars().cycle().take(length).collect();
                [number, "7".repeat(length), "x-".repeat(length / 2), "홍".repeat(length / 3)]
            });
            let texts: Vec<String> = texts.collect();
            let mut fitting = 0;
            for texts in texts.chunks(PseudonymBatch::SIZE - 1) {
                let mut batch = PseudonymBatch::default();
                let blocks = texts.iter().map(|text| own.block(text.as_bytes(), 0, text.len()));
                let blocks: Vec<_> = blocks.collect();
                for (number, block) in blocks.iter().enumerate() {
                    if let Some(block) = block {
                        batch.set(number, block);
                    }
                }
                let made = batch.make(&pseudonyms);
                for ((text, block), made) in texts.iter().zip(&blocks).zip(made) {
                    fitting += usize::from(block.is_some());
                    let expected = own.of(text);
                    assert!(block.is_none() || made == expected, "{text}");
                    assert_eq!(expected.len(), PSEUDONYM);
                }
            }
            assert_eq!(fitting > 0, domain.len() < 55, "{domain}");
        }
    }

    #[test]
    fn only_texts_in_nfc_are_made_at_once() {
        let own = Pseudonyms::new(&[7; 32]).of_domain("name");
        let is_there = |text: &[u8]| own.block(text, 0, text.len()).is_some();
        assert!(is_there("홍길동".as_bytes()));
        assert!(!is_there("e\u{301}".as_bytes()));
        assert!(!is_there(b"\xff"));
    }
}
