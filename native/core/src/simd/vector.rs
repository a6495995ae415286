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
    /// Those that are no characters of their own.
    pub not_ascii: u64,
}

/// Texts that are digested at once.
pub const LANES: usize = 32;
/// Bytes of a block of SHA-256.
pub const BLOCK: usize = 64;
/// Bytes of a digest.
pub const DIGEST: usize = 32;
/// The words of a digest between two blocks.
pub type Words = [u32; DIGEST / 4];
/// The first half of the digest of each text: each word, of all of them.
pub type Half = [[u32; LANES]; 4];

/// Vectors of one kind.
pub trait Simd: Copy {
    /// Finds the bytes that decide where a value ends.
    fn bracket_bits(self, block: &[u8; 64]) -> BracketBits;

    /// Finds the bytes for which a string is not copied to a cell as it is, or ends: quotes,
    /// backslashes, control characters and commas.
    fn special_bits(self, block: &[u8; 64]) -> u64;

    /// Finds the ASCII white space, with vertical tabs and form feeds.
    fn space_bits(self, block: &[u8; 64]) -> u64;

    /// Finds the bytes by which a text is a number, or is not.
    fn number_bits(self, block: &[u8; 64]) -> NumberBits;

    /// The last block of a text for SHA-256: the first bytes of a block, so many, then those bytes
    /// of another one that have a bit in `kept`, which are fewer than 56 with the first ones, then
    /// the end and `bits` as the length of all.
    fn last_block(self, begun: (&[u8; 64], usize), rest: (&[u8; 64], u64), bits: u64) -> [u8; 64];

    /// The first halves of the digests that HMAC-SHA-256 makes of texts of which the last block is
    /// the only one after the key, from the words after that, within and without.
    fn keyed_halves(self, inner: &Words, outer: &Words, blocks: &[[u8; BLOCK]; LANES]) -> Half;
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
