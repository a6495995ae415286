//! Base64 and hex text (RFC 4648), piece by piece.

use base64_simd::{Out, STANDARD_NO_PAD};
use multiversion::multiversion;

use super::letters::{SPARE, copy_letters};

/// How bytes are written as text.
#[derive(Clone, Copy)]
pub enum Encoding {
    /// Base64 of either alphabet, or of both, with padding or without.
    Base64,
    /// Hex, in either case.
    Hex,
}

impl Encoding {
    /// How many letters together stand for how many whole bytes.
    const fn unit(self) -> (usize, usize) {
        match self {
            Self::Base64 => (4, 3),
            Self::Hex => (2, 1),
        }
    }

    /// How many bytes so much text stands for at most.
    pub fn most_bytes(self, text: u64) -> u64 {
        let (letters, bytes) = self.unit();
        text.div_ceil(letters as u64) * bytes as u64
    }

    /// How much text stands for no more than so many bytes, together with a unit before it.
    pub fn text_for(self, bytes: usize) -> usize {
        let (letters, unit) = self.unit();
        bytes.saturating_sub(unit) / unit * letters
    }

    /// Decodes whole units; None where there is anything else.
    fn decode(self, letters: &mut [u8], room: &mut [u8]) -> Option<usize> {
        match self {
            Self::Base64 => {
                use_standard_alphabet(letters);
                STANDARD_NO_PAD.decode(letters, Out::from_slice(room)).ok().map(|bytes| bytes.len())
            }
            Self::Hex => {
                hex_simd::decode(letters, Out::from_slice(room)).ok().map(|bytes| bytes.len())
            }
        }
    }

    /// Decodes the last unit, or none; None where no text ends in such letters.
    fn decode_last(self, letters: &[u8], room: &mut [u8]) -> Option<usize> {
        if letters.is_empty() {
            return Some(0);
        }
        let count = match self {
            Self::Base64 => 1 + letters.iter().rposition(|&letter| letter != b'=')?,
            Self::Hex => letters.len(),
        };
        let (unit, bytes) = self.unit();
        // Of a unit's last letter, some bits are in the last byte.
        let length = (count * bytes) / unit;
        if length == 0 || matches!(self, Self::Hex) && count < unit {
            return None;
        }
        let mut whole = [b'A'; 4];
        whole[..count].copy_from_slice(&letters[..count]);
        let mut decoded = [0; 3];
        self.decode(&mut whole[..unit], &mut decoded)?;
        room.get_mut(..length)?.copy_from_slice(&decoded[..length]);
        Some(length)
    }
}

/// Has letters be those of RFC 4648, section 4, in place of those of section 5.
#[multiversion(targets("x86_64+avx512f+avx512bw", "x86_64+avx2"))]
fn use_standard_alphabet(letters: &mut [u8]) {
    for letter in letters {
        *letter = match *letter {
            b'-' => b'+',
            b'_' => b'/',
            other => other,
        };
    }
}

/// Decodes text with white space anywhere. Its last unit waits for the end, as padding may be only
/// there.
pub struct Decoder {
    encoding: Encoding,
    /// The letters that wait, and then room for those of a piece.
    letters: Vec<u8>,
    waiting: usize,
    /// How many letters are still to be left out.
    left_out: u64,
    /// How many letters came before what is decoded next.
    passed: u64,
}

impl Decoder {
    /// For pieces of no more than so many bytes. So many letters came `before`; as many more are
    /// left out, up to the one with the number `first` (from 0), with which a unit begins.
    pub fn new(encoding: Encoding, size: usize, before: u64, first: u64) -> Self {
        Self {
            encoding,
            letters: vec![0; encoding.unit().0 + size + SPARE],
            waiting: 0,
            left_out: first.saturating_sub(before),
            passed: before,
        }
    }

    /// How many letters came before what is decoded next.
    pub fn passed(&self) -> u64 {
        self.passed
    }

    /// Decodes the next piece of the text, the first `size` bytes of what is given, which is longer by
    /// `SPARE`; answers how many bytes that gave, None where the text is damaged.
    pub fn decode(
        &mut self,
        text: &[u8],
        size: usize,
        is_last: bool,
        room: &mut [u8],
    ) -> Option<usize> {
        let found = copy_letters(text, size, &mut self.letters[self.waiting..]);
        self.passed += found as u64;
        let there = self.waiting + found;
        let start = usize::try_from(self.left_out).unwrap_or(usize::MAX).min(there);
        self.left_out -= start as u64;
        let unit = self.encoding.unit().0;
        let whole = (there - start).saturating_sub(1) / unit * unit;
        let (units, rest) = self.letters[start..there].split_at_mut(whole);
        let mut length = self.encoding.decode(units, room)?;
        if is_last {
            length += self.encoding.decode_last(rest, &mut room[length..])?;
            self.waiting = 0;
        } else {
            self.waiting = rest.len();
            self.letters.copy_within(there - self.waiting..there, 0);
        }
        Some(length)
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Encoding, SPARE};

    /// What a text stands for that comes in pieces of some size, of which so many letters are left out.
    fn decoded(encoding: Encoding, text: &[u8], size: usize, first: u64) -> Option<Vec<u8>> {
        let mut decoder = Decoder::new(encoding, size, 0, first);
        let mut room = vec![0; encoding.most_bytes(size as u64) as usize + 3];
        let mut found = Vec::new();
        let pieces = text.len().div_ceil(size).max(1);
        for (number, piece) in (1..).zip(text.chunks(size).chain(text.is_empty().then_some(text))) {
            let spared = [piece, &[b'A'; SPARE][..]].concat();
            let length = decoder.decode(&spared, piece.len(), number == pieces, &mut room)?;
            found.extend_from_slice(&room[..length]);
        }
        Some(found)
    }

    #[test]
    fn text_stands_for_bytes_however_it_comes() {
        for (encoding, text, expected) in [
            (Encoding::Base64, &b"AAECAwQFBgcICQ=="[..], &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9][..]),
            (Encoding::Base64, b"AAEC\r\nAwQF\r\nBgcI\r\nCQ\r\n", &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]),
            (Encoding::Base64, b"AAE=", &[0, 1]),
            (Encoding::Base64, b"AA=  \n", &[0]),
            (Encoding::Base64, b" A\tA\x0bB\x0cC", &[0, 0, 66]),
            (Encoding::Base64, b"-_+/", &[0xfb, 0xff, 0xbf]),
            (Encoding::Base64, b"", &[]),
            (Encoding::Hex, b"00fFaB\n9\r\n9", &[0, 255, 171, 153]),
            (Encoding::Hex, b" ", &[]),
        ] {
            for size in 1..=text.len() + 1 {
                assert_eq!(decoded(encoding, text, size, 0).as_deref(), Some(expected));
            }
        }
    }

    #[test]
    fn letters_are_left_out() {
        let text = b"AAEC\nAwQF\nBgcI\nCQ==\n";
        let expected = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        for (size, unit) in (1..=text.len()).flat_map(|size| (0..4).map(move |unit| (size, unit))) {
            let found = decoded(Encoding::Base64, text, size, 4 * unit as u64);
            assert_eq!(found.as_deref(), Some(&expected[3 * unit..]));
        }
    }

    #[test]
    fn damage_is_seen_however_the_text_comes() {
        for (encoding, texts) in [
            (
                Encoding::Base64,
                &[
                    "A",
                    "AAAAA",
                    "AAA!",
                    "AA==AAAA",
                    "AAA=A",
                    "=",
                    "====",
                    "AAAA=",
                    "AAAA====",
                    "A===",
                    "AA===",
                    "A=A=",
                    "=AAA",
                    "AAAA\0AAA",
                    "AAA\x1c",
                    "ㄱAAA",
                ][..],
            ),
            (Encoding::Hex, &["0", "000", "0g", "00-0", "00=="]),
        ] {
            for text in texts {
                for size in 1..=text.len() + 1 {
                    let found = decoded(encoding, text.as_bytes(), size, 0);
                    assert_eq!(found, None, "{text} in pieces of {size}");
                }
            }
        }
    }
}
