//! What the benchmarks have in common.

use myd_core::boundary::Span;
use myd_core::flatten::{Batch, FlattenerPool};

/// Flattens all records, and adopts the columns that the first time brings.
pub fn flatten(flatteners: &FlattenerPool, data: &[u8], values: &[Span]) -> usize {
    let mut rows = 0;
    for some in values.chunks(1000) {
        let batch = Batch { data, values: some, keys: &[], file: 1, first: 1, depth: 1 };
        let fragment = flatteners.flatten(&batch, None);
        rows += fragment.all_rows().iter().map(|rows| rows.ends.len()).sum::<usize>();
        flatteners.adopt(fragment.entries.into_iter());
    }
    rows
}
