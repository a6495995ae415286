//! Questions about many bytes at once, answered with one bit for each byte.

#[cfg(has_avx512)]
mod avx512;
mod portable;
mod vector;

pub use portable::{Portable, digit_bits, equal, run_portably, string_bits};
pub use vector::{BracketBits, Simd, Work};

/// Does work with the widest vectors that this processor has.
pub fn dispatch<W: Work>(work: W) -> W::Output {
    #[cfg(has_avx512)]
    let work = match avx512::run(work) {
        Ok(output) => return output,
        Err(work) => work,
    };
    run_portably(work)
}
