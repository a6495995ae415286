//! Any bytes as records: cut off, looked over and flattened, all of which have to agree.
//!
//! The first byte chooses the layout, the second how many records are in a batch.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use myd_core::boundary::Span;
use myd_core::cut::{Cut, Layout, Limits, cut};
use myd_core::flatten::{Batch, Bounds, FlattenerPool, Settings, Work};
use myd_core::search::{Search, scan};
use myd_core::wanted::Wanted;

const MAX_DEPTH: usize = 16;
const PLENTY: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some((&[layout, count], data)) = input.split_first_chunk() else { return };
    let layout = [Layout::Array, Layout::Keyed, Layout::Lines][usize::from(layout) % 3];
    let limits = Limits {
        records: usize::from(count) + 1,
        bytes: PLENTY,
        commas: PLENTY,
        record_bytes: PLENTY,
    };
    let Cut { end, values, keys } = cut(data, 0, layout, true, limits, &mut None);
    assert!(end <= data.len() && values.len() <= limits.records);
    assert_eq!(keys.len(), if layout == Layout::Keyed { values.len() } else { 0 });
    let sound = sound(data, &values, &keys);
    let flattened = flattened(data, &values, &keys);
    assert_eq!(flattened, sound, "records that are sound, and those that were flattened");
});

/// How many records are sound.
fn sound(data: &[u8], values: &[Span], keys: &[Span]) -> usize {
    let wanted = &Wanted::new("한글".as_bytes());
    let found = scan(&Search { data, values, keys, depth: 1, max_depth: MAX_DEPTH, wanted });
    assert!(found.holding.iter().all(|&index| index < found.sound));
    found.sound
}

/// How many records were flattened, by which there are as many rows.
fn flattened(data: &[u8], values: &[Span], keys: &[Span]) -> usize {
    let bounds = Bounds { columns: PLENTY, tables: PLENTY, name_bytes: PLENTY };
    let settings = Settings {
        line_end: b"\r\n".to_vec(),
        marks_text: false,
        id_field: Arc::new(Wanted::new(b"id")),
        max_depth: MAX_DEPTH,
        bounds,
        columns: None,
    };
    let batch = Batch { data, values, keys, file: 1, first: 1, depth: 1 };
    let fragment = FlattenerPool::new(settings, Work::alone(0)).flatten(&batch, None);
    let all = fragment.all_rows();
    let rows = all.iter().filter(|rows| rows.table == 0);
    assert_eq!(rows.map(|rows| rows.ends.len()).sum::<usize>(), fragment.records);
    assert_eq!(fragment.entries.len(), fragment.origins.len());
    fragment.records
}
