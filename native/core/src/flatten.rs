//! From records to rows of tables.

mod appends;
mod bare_keys;
mod cell;
mod csv;
mod few;
mod flattener;
mod fragment;
mod gathered;
mod gathered_kinds;
mod ids;
mod key_tree;
mod late;
mod links;
mod masked;
mod places;
mod pool;
mod record_ids;
mod relay;
mod table_rows;
mod treatments;
mod trees;

pub use appends::Appends;
pub use csv::FEW_BYTES;
pub use few::{FewKinds, FewRows, PackedRows};
pub use flattener::{Batch, Settings, TakePart};
pub use fragment::{Entry, Fragment};
pub use gathered::{Added, Appended, Gathered, NewPart};
pub use masked::MaskedCells;
pub use pool::{FlattenerPool, Work};
pub use table_rows::Rows;
pub use trees::Bounds;
