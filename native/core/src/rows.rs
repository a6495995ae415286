//! Rows made of rows whose texts are marked: see `plain.py`.

mod copy;
mod plain;

pub use plain::{Made, Plain};
