//! Rows as text: those made of rows whose texts are marked (see `plain.py`), and what is in a file.

mod copy;
mod count;
mod guard;
mod plain;
mod widen;

pub use count::{CellCounter, Counts, Ragged};
pub use guard::Guard;
pub use plain::{Made, Plain};
pub use widen::Widener;
