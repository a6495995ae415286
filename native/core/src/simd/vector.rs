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

/// Vectors of one kind.
pub trait Simd: Copy {
    /// Finds the bytes that decide where a value ends.
    fn bracket_bits(self, block: &[u8; 64]) -> BracketBits;

    /// Finds the bytes for which a string is not copied to a cell as it is, or ends: quotes,
    /// backslashes, control characters and commas.
    fn special_bits(self, block: &[u8; 64]) -> u64;

    /// Finds the ASCII white space, with vertical tabs and form feeds.
    fn space_bits(self, block: &[u8; 64]) -> u64;
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
