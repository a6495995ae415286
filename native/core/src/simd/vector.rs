//! What vectors are asked, and work that is compiled once for each kind of them.

/// Where the bytes are that decide where a value ends.
#[derive(Clone, Copy, Default)]
pub struct BracketBits {
    /// `"`
    pub quotes: u64,
    /// `\`
    pub backslashes: u64,
    /// `{` and `[`
    pub opens: u64,
    /// `}` and `]`
    pub closes: u64,
    /// `,`
    pub commas: u64,
}

/// Where the bytes are that numbers of accounts are written with.
#[derive(Clone, Copy)]
pub struct NumberBits {
    /// `-` and ` `
    pub separators: u64,
    /// Digits and `*`
    pub digits: u64,
}

impl NumberBits {
    /// Which of so many bytes count: of a number, all but the separators.
    #[inline(always)]
    pub fn kept(self, length: usize) -> u64 {
        let all = (1 << length) - 1;
        let is_number = (self.digits | self.separators) & all == all;
        if is_number { all & !self.separators } else { all }
    }
}

/// Texts that are digested at once.
pub const LANES: usize = 32;
/// Bytes of a block of SHA-256.
pub const BLOCK: usize = 64;
/// A block, so that it is in one line of the cache.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub struct Block(pub [u8; BLOCK]);
/// A block of each text.
pub type Blocks = [Block; LANES];
/// Bytes of a digest.
pub const DIGEST: usize = 32;
/// The words of a digest between two blocks.
pub type Words = [u32; DIGEST / 4];
/// The first half of the digest of each text: each word, of all of them.
pub type Half = [[u32; LANES]; 4];

/// A text that ends in the last block of SHA-256: there are fewer than 56 bytes of both.
pub struct Ending<'a> {
    /// What is in that block before the text, so many bytes, and zeros.
    pub before: (&'a [u8; BLOCK], usize),
    /// The text, so many bytes, and anything.
    pub text: (&'a [u8; BLOCK], usize),
}

impl Ending<'_> {
    /// How many bits there are in all, if the text has so many bytes and a block was before.
    #[inline(always)]
    pub fn bits(&self, text: u32) -> u64 {
        (BLOCK + self.before.1) as u64 * 8 + u64::from(text) * 8
    }
}

/// Vectors of one kind.
pub trait Simd: Copy {
    /// Finds the bytes that decide where a value ends.
    fn bracket_bits(self, block: &[u8; 64]) -> BracketBits;

    /// Finds the bytes for which a string is not copied to a cell as it is, or ends: quotes,
    /// backslashes, control characters and commas.
    fn special_bits(self, block: &[u8; 64]) -> u64;

    /// Finds the ASCII white space, with vertical tabs and form feeds.
    fn space_bits(self, block: &[u8; 64]) -> u64;

    /// Makes the last blocks of texts for SHA-256, after one of the key: what is before a text, that
    /// one, without separators if it is a number, the end, and the length of all.
    fn last_blocks<'a>(self, endings: impl Iterator<Item = Ending<'a>>, blocks: &mut Blocks);

    /// The first halves of the digests that HMAC-SHA-256 makes of texts of which the last block is
    /// the only one after the key, from the words after that, within and without.
    fn keyed_halves(self, inner: &Words, outer: &Words, blocks: &Blocks) -> Half;
}

/// Work that looks at every byte.
pub trait Work {
    /// What comes of it.
    type Output;

    /// Does it with these vectors.
    ///
    /// This is compiled for a kind of processor only if it is inlined, with all that it calls.
    fn run(self, simd: impl Simd) -> Self::Output;
}
