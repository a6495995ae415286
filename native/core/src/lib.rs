//! The inner loops of a conversion, without anything of Python.
//!
//! Text is read ([`input`]) and cut to batches of whole records ([`records`]), of which each is
//! flattened to rows ([`flatten`]) or looked over ([`search`]); [`read_ahead`] does all that on
//! several threads. What is [`around`] the records is only checked. Nothing there fails on bad input: it says how far it came, and whoever calls it
//! finds out why. Of marked rows, others are made ([`rows`]), and workbooks ([`xlsx`]). What is little
//! is written beside all that ([`small_files`]).

pub mod around;
pub mod boundary;
pub mod buffers;
mod cipher;
pub mod columns;
pub mod cp949;
pub mod cut;
pub mod flatten;
pub mod input;
mod json;
pub mod kinds;
mod marks;
mod ordered;
pub mod outline;
#[cfg(test)]
mod random;
pub mod read_ahead;
pub mod records;
pub mod rows;
pub mod search;
mod short;
pub mod simd;
pub mod small_files;
mod sound;
mod stretches;
pub mod strict;
pub mod wanted;
pub mod xlsx;
