//! Questions about many bytes at once, answered with one bit for each byte.

#[cfg(has_x86_vectors)]
mod avx2;
#[cfg(has_avx512)]
mod avx512;
mod endings;
mod lanes;
mod level;
mod portable;
mod processor;
#[cfg(has_x86_vectors)]
mod rounds;
#[cfg(has_avx512)]
mod sha256;
#[cfg(has_x86_vectors)]
mod sha_ni;
mod vector;

pub use endings::beginning;
pub use level::{LEVELS, Level};
pub use portable::{
    Portable, begins_with_ascii, digit_bits, equal, run_anywhere, run_portably, string_bits,
};
pub use vector::{
    BLOCK, Block, Blocks, BracketBits, DIGEST, Ending, Half, LANES, Simd, Words, Work,
};

/// Does work with the widest vectors that this processor has, or may use.
pub fn dispatch<W: Work>(work: W) -> W::Output {
    match Level::in_use() {
        #[cfg(has_avx512)]
        Level::Avx512 => match avx512::run(work) {
            Ok(output) => output,
            Err(work) => run_portably(work),
        },
        Level::Any => run_anywhere(work),
        _ => run_portably(work),
    }
}

/// Makes the first halves of keyed digests.
#[cfg(test)]
pub type KeyedHalves = fn(&Words, &Words, &Blocks) -> Option<Half>;

/// All ways to do so, of which each gives None where the processor cannot.
#[cfg(test)]
pub fn ways_to_digest() -> Vec<KeyedHalves> {
    vec![
        |inner, outer, blocks| Some(portable::keyed_halves(inner, outer, blocks)),
        #[cfg(has_x86_vectors)]
        sha_ni::keyed_halves,
        #[cfg(has_avx512)]
        avx512::keyed_halves,
    ]
}
