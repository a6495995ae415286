//! What pseudonyms cost beside plain columns: the best of many rounds, on one core.
//!
//!     cargo bench --bench pseudonyms

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::flatten;
use myd_core::columns::{ColumnRules, Dates, Layer, MaskMaker, MaskRule, Method, Pseudonyms};
use myd_core::cut::{Layout, Limits, cut};
use myd_core::flatten::{Bounds, FlattenerPool, Settings, Work};
use myd_core::wanted::Wanted;

const RECORDS: usize = 2_000;
const ROUNDS: usize = 1_000;

fn main() {
    println!(
        "ns a record, then more for a cell: plain, pseudonym; the conversion is so many times"
    );
    for (what, repeated) in [("different", 1), ("over 8", 8), ("over 40", 40)] {
        for columns in [1, 10] {
            let with = document(columns, repeated);
            let without = document(0, repeated);
            let [none, plain, masked] = best([
                (&without, flatteners(None)),
                (&with, flatteners(None)),
                (&with, flatteners(Some(rules()))),
            ]);
            let cell = |more: Duration, less: Duration| {
                (more.as_secs_f64() - less.as_secs_f64()) * 1e9 / (RECORDS * columns) as f64
            };
            println!(
                "{columns:2} columns, {what:9} {:4.0} {:5.1} {:5.1} {:.2}",
                none.as_secs_f64() * 1e9 / RECORDS as f64,
                cell(plain, none),
                cell(masked, none),
                masked.as_secs_f64() / plain.as_secs_f64(),
            );
        }
    }
}

/// The least time of each, taken in turn.
fn best(runs: [(&Vec<u8>, FlattenerPool); 3]) -> [Duration; 3] {
    let limits = Limits {
        records: RECORDS,
        bytes: usize::MAX,
        commas: usize::MAX,
        record_bytes: usize::MAX,
    };
    let values: Vec<_> = runs
        .iter()
        .map(|(text, _)| cut(text, 1, Layout::Array, true, limits, &mut None).values)
        .collect();
    let mut best = [Duration::MAX; 3];
    for _ in 0..ROUNDS {
        for (place, (text, pool)) in runs.iter().enumerate() {
            let begun = Instant::now();
            black_box(flatten(pool, text, &values[place]));
            best[place] = best[place].min(begun.elapsed());
        }
    }
    best
}

/// Records with so many account numbers, of which each is that of so many records.
fn document(columns: usize, repeated: usize) -> Vec<u8> {
    let record = |number: usize| {
        let account = number / repeated;
        let numbers: String = (0..columns)
            .map(|one| {
                format!(r#""account_num{one}":"110-{:03}-{one}{account:07}","#, account % 1000)
            })
            .collect();
        format!(
            r#"{{"id":{number},{numbers}"org":"org{:04}","date":"202305{:02}172235","type":"02","amt":{}.000,"balance":{},"memo":"커피 {number}","branch":"강남역 지점","is_foreign":false,"count":{}}}"#,
            number % 100,
            number % 28 + 1,
            number * 977 % 1_000_000,
            number * 31_337,
            number % 12
        )
    };
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    format!("[{}]", records.join(",")).into_bytes()
}

/// Pseudonyms of all account numbers.
fn rules() -> Arc<ColumnRules> {
    let rules = vec![MaskRule::new("account_num*", Method::Pseudonym, "account")];
    let masks = MaskMaker {
        pseudonyms: Some(Pseudonyms::new(&[7; 32])),
        dates: Arc::new(Dates::new(2026, Box::new(|_| None))),
    };
    let layer = Layer::new(&[], &[], rules);
    let ids = ["id".to_owned(), "id".to_owned()];
    Arc::new(ColumnRules::new(vec![layer], &[], masks, ids))
}

/// As the conversion has them, for cells that are not marked.
fn flatteners(columns: Option<Arc<ColumnRules>>) -> FlattenerPool {
    let bounds = Bounds { columns: 16_384, tables: 4096, name_bytes: 1024 };
    let settings = Settings {
        line_end: b"\n".to_vec(),
        marks_text: false,
        id_field: Arc::new(Wanted::new(b"id")),
        max_depth: 128,
        bounds,
        columns,
    };
    FlattenerPool::new(settings, Work::alone(100_000))
}
