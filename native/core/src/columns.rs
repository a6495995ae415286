//! Which columns are written, and what becomes of their cells (docs/spec.md 11).

mod batch;
mod dates;
mod digests;
mod masks;
mod method;
mod names;
mod patterns;
mod pseudonyms;
mod recent;
mod rules;

pub use batch::{PseudonymBatch, ROOM, Taken};
pub use dates::{Dates, Month};
pub use masks::{Mask, MaskMaker};
pub use method::Method;
pub use names::{FreeNames, names_of, shown};
pub use pseudonyms::{Domain, DomainPseudonyms, PSEUDONYM, Pseudonyms, Shown};
pub use recent::Worth;
pub use rules::{ColumnRules, Layer, Link, MaskRule, Treatment};
