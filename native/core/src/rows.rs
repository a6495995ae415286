//! Rows made of rows whose texts are marked: see `plain.py`.

mod copy;
mod guard;
mod plain;

pub use guard::Guard;
pub use plain::{Made, Plain};
