//! Which columns are written, and what becomes of their cells (docs/spec.md 11).

mod dates;
mod digests;
mod masks;
mod method;
mod names;
mod patterns;
mod pseudonyms;
mod recent;
mod rules;

pub use dates::{Dates, Month};
pub use digests::LastBlock;
pub use masks::{Mask, MaskMaker};
pub use method::Method;
pub use names::{FreeNames, names_of, shown};
pub use pseudonyms::{PSEUDONYM, PseudonymBatch, Pseudonyms};
pub use recent::{Note, Recent, RecentPseudonyms};
pub use rules::{ColumnRules, Layer, Link, MaskRule, Treatment};
