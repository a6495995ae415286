//! Digests with a key, HMAC-SHA-256 (RFC 2104, FIPS 180-4), of many short texts.
//!
//! What all of them begin with is digested once: a short text takes two more blocks, as few as can
//! be.

use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::simd::{BLOCK, Blocks, DIGEST, Ending, Half, Simd, Words};

/// Where the last block has the text's length in bits.
const LENGTH_AT: usize = BLOCK - size_of::<u64>();
/// What a key's bytes are combined with, before a text and before that one's digest.
const INNER: u8 = 0x36;
const OUTER: u8 = 0x5c;
/// The words that a digest begins with.
const INITIAL: Words = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The digest of a text so far, with a key that nobody can tell from it: it is wiped at the end.
#[derive(Clone)]
pub struct KeyedDigest {
    inner: State,
    /// The words for the digest's digest, after the key.
    outer: Words,
}

/// A digest between two pieces of text.
#[derive(Clone, Copy)]
struct State {
    words: Words,
    /// What came after the last whole block.
    block: [u8; BLOCK],
    /// Bytes so far.
    length: u64,
}

impl KeyedDigest {
    /// Nothing was digested yet; keys of any length are taken.
    pub fn new(key: &[u8]) -> Self {
        let mut block = Zeroizing::new([0; BLOCK]);
        if key.len() > BLOCK {
            block[..DIGEST].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let keyed = |pad| {
            let mut state = State { words: INITIAL, block: [0; BLOCK], length: 0 };
            state.update(&*Zeroizing::new(block.map(|byte| byte ^ pad)));
            state
        };
        Self { inner: keyed(INNER), outer: keyed(OUTER).words }
    }

    /// Digests a piece of the text.
    pub fn update(&mut self, text: &[u8]) {
        self.inner.update(text);
    }

    /// The first 16 bytes of the digest of the text so far, and of that after it.
    #[inline]
    pub fn half(&self, rest: &[u8]) -> u128 {
        let mut inner = self.inner;
        inner.update(rest);
        let words = inner.finish();
        let mut outer = State { words: self.outer, block: [0; BLOCK], length: BLOCK as u64 };
        for (place, word) in outer.block.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_be_bytes());
        }
        outer.length += DIGEST as u64;
        first_half(outer.finish())
    }

    /// The block that a short rest makes the last one; None if the text so far has whole blocks of
    /// its own after that of the key.
    pub fn last_block(&self) -> Option<LastBlock> {
        let begun = self.inner.filled();
        let mut bytes = [0; BLOCK];
        bytes[..begun].copy_from_slice(&self.inner.block[..begun]);
        (self.inner.length < 2 * BLOCK as u64).then_some(LastBlock { bytes, length: begun })
    }

    /// The same as `half` for each of many texts of which the last block is the only one: this is
    /// the digest of nothing.
    #[inline(always)]
    pub fn halves(&self, blocks: &Blocks, simd: impl Simd) -> Half {
        simd.keyed_halves(&self.inner.words, &self.outer, blocks)
    }
}

/// The last block of a text, after that of the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LastBlock {
    bytes: [u8; BLOCK],
    /// How much of it is text.
    length: usize,
}

impl LastBlock {
    /// Whether a text of that length ends in it.
    #[inline(always)]
    pub fn has_room(&self, length: usize) -> bool {
        length < LENGTH_AT - self.length.min(LENGTH_AT)
    }

    /// Ends in so many of the bytes, for which there is room.
    #[inline(always)]
    pub fn ending<'a>(&'a self, text: &'a [u8; BLOCK], length: usize) -> Ending<'a> {
        Ending { before: (&self.bytes, self.length), text: (text, length) }
    }
}

/// The first half of a digest.
#[inline(always)]
fn first_half(words: Words) -> u128 {
    words[..4].iter().fold(0, |half, &word| half << 32 | u128::from(word))
}

impl Drop for KeyedDigest {
    fn drop(&mut self) {
        self.inner.words.zeroize();
        self.inner.block.zeroize();
        self.outer.zeroize();
    }
}

impl State {
    fn update(&mut self, text: &[u8]) {
        let filled = self.filled();
        self.length += text.len() as u64;
        let room = &mut self.block[filled..];
        if text.len() < room.len() {
            room[..text.len()].copy_from_slice(text);
            return;
        }
        let (first, rest) = text.split_at(room.len());
        room.copy_from_slice(first);
        compress256(&mut self.words, &[self.block]);
        let mut blocks = rest.chunks_exact(BLOCK);
        for block in &mut blocks {
            self.block.copy_from_slice(block);
            compress256(&mut self.words, &[self.block]);
        }
        let last = blocks.remainder();
        self.block[..last.len()].copy_from_slice(last);
    }

    /// The words of the whole text's digest.
    fn finish(mut self) -> Words {
        let filled = self.filled();
        self.block[filled..].fill(0);
        self.block[filled] = 0x80;
        if filled >= LENGTH_AT {
            compress256(&mut self.words, &[self.block]);
            self.block = [0; BLOCK];
        }
        self.block[LENGTH_AT..].copy_from_slice(&(self.length * 8).to_be_bytes());
        compress256(&mut self.words, &[self.block]);
        self.words
    }

    /// How much of the block there is.
    fn filled(&self) -> usize {
        self.length as usize % BLOCK
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::{KeyedDigest, LENGTH_AT};
    use crate::simd::{BLOCK, Block, Blocks, LANES, Portable, Simd, ways_to_digest};

    /// The first 16 bytes of the digest.
    fn expected(key: &[u8], text: &[u8]) -> [u8; 16] {
        let mut digest: Hmac<Sha256> = Hmac::new_from_slice(key).unwrap();
        digest.update(text);
        *digest.finalize().into_bytes().first_chunk().unwrap()
    }

    #[test]
    fn digests_of_many_texts_are_those_of_hmac_for_all_lengths_in_all_ways() {
        let key = [7; 32];
        // No number, so that all of it counts.
        let bytes: [u8; BLOCK] = std::array::from_fn(|place| b'a' + (place * 7 % 26) as u8);
        for begun in 0..LENGTH_AT {
            let mut digest = KeyedDigest::new(&key);
            digest.update(&bytes[..begun]);
            let before = digest.last_block().unwrap();
            let lengths: Vec<_> = (1..BLOCK).filter(|&length| before.has_room(length)).collect();
            for lengths in lengths.chunks(LANES) {
                let mut blocks: Blocks = [Block([0; BLOCK]); LANES];
                let endings = lengths.iter().map(|&length| before.ending(&bytes, length));
                Portable.last_blocks(endings, &mut blocks);
                for way in ways_to_digest() {
                    let Some(half) = way(&digest.inner.words, &digest.outer, &blocks) else {
                        continue;
                    };
                    for (text, &length) in lengths.iter().enumerate() {
                        let whole = [&bytes[..begun], &bytes[..length]].concat();
                        let words = half.map(|lanes| lanes[text].to_be_bytes());
                        assert_eq!(words.concat(), expected(&key, &whole), "{begun} {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn digests_are_those_of_hmac_for_all_lengths() {
        let text: Vec<u8> = (0..300_u32).map(|number| number as u8).collect();
        for key in [0, 1, 32, 64, 65, 200].map(|length| vec![7; length]) {
            for begun in [0, 1, 8, 55, 63, 64, 65, 130] {
                let mut digest = KeyedDigest::new(&key);
                digest.update(&text[..begun]);
                for length in 0..text.len() - begun {
                    let rest = &text[begun..begun + length];
                    let (first, last) = rest.split_at(length / 3);
                    let mut more = digest.clone();
                    more.update(first);
                    let expected = expected(&key, &text[..begun + length]);
                    let halves = [digest.half(rest), more.half(last)];
                    assert!(halves.iter().all(|half| half.to_be_bytes() == expected));
                }
            }
        }
    }
}
