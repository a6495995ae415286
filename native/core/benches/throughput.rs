//! How fast the inner loops are, each by itself and on one core: the best of many rounds.
//!
//!     cargo bench

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::flatten;
use myd_core::boundary::Span;
use myd_core::columns::{ColumnRules, Dates, Layer, MaskMaker, MaskRule, Method, Pseudonyms};
use myd_core::cut::{Layout, Limits, cut};
use myd_core::flatten::{Batch, Bounds, FlattenerPool, Rows, Settings, Work};
use myd_core::rows::{Guard, Plain};
use myd_core::search::{Search, scan};
use myd_core::strict::{Expect, Juncture, StrictText};
use myd_core::wanted::Wanted;

const RECORDS: usize = 10_000;
const ROUNDS: usize = 50;

fn main() {
    let text = document();
    let cut_off = || cut(&text, 1, Layout::Array, true, LIMITS, &mut None);
    let values = cut_off().values;
    let flatteners = [
        ("flatten", None),
        ("heeded", Some(rules(&["**.nothing"], &[]))),
        ("half", Some(rules(&["**.trans_dtime", "**.balance_amt", "**.is_foreign"], &[]))),
        ("masked", Some(rules(&[], &[("account_num", Method::Pseudonym)]))),
        ("memos", Some(rules(&[], &[("**.trans_memo", Method::Pseudonym)]))),
        ("months", Some(rules(&[], &[("**.trans_dtime", Method::Month)]))),
    ]
    .map(|(name, columns)| (name, flatteners(false, columns)));
    let wanted = Wanted::new("한글 7".as_bytes());
    let (data, keys) = (&*text, &[][..]);
    measure("cut", text.len(), cut_off);
    measure("scan", text.len(), || {
        scan(&Search { data, values: &values, keys, depth: 1, max_depth: 128, wanted: &wanted })
    });
    measure("strict", text.len(), || strictly(data));
    for (name, flatteners) in &flatteners {
        measure(name, text.len(), || flatten(flatteners, data, &values));
    }
    let marked = marked_rows(data, &values);
    let bytes = marked.iter().map(|rows| rows.text.len()).sum();
    let forms = ["[0-9]{4}-[0-9]{2}-[0-9]{2}".to_owned()];
    for (name, guard) in [("plain", None), ("guard", Guard::new(&forms).ok())] {
        let plain = Plain { line_end: b"\r\n".to_vec(), guard };
        measure(name, bytes, || made(&plain, &marked));
    }
}

/// Calls a function that looks at so many bytes, and prints how many it does in a second at best.
fn measure<T>(name: &str, bytes: usize, mut call: impl FnMut() -> T) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        black_box(call());
        best = best.min(begun.elapsed());
    }
    println!("{name:8} {:7.0} MB/s", bytes as f64 / 1e6 / best.as_secs_f64());
}

/// Checks a text that is around records.
fn strictly(data: &[u8]) -> usize {
    let start = Juncture { open: Vec::new(), expect: Expect::Value, entered: 0 };
    StrictText::new(start, Vec::new(), 128, usize::MAX).read(data, 0, true).0
}

const LIMITS: Limits =
    Limits { records: RECORDS, bytes: usize::MAX, commas: usize::MAX, record_bytes: usize::MAX };

/// Accounts with transactions, as one array.
fn document() -> Vec<u8> {
    let record = |number: usize| {
        let list: Vec<_> = (0..8).map(|place| transaction(number + place)).collect();
        let list = list.join(",");
        format!(r#"{{"id":"u{number}","account_num":"110-{number}","trans_list":[{list}]}}"#)
    };
    let records: Vec<_> = (0..RECORDS).map(record).collect();
    format!("[{}]", records.join(",")).into_bytes()
}

fn transaction(number: usize) -> String {
    let (amount, balance, day) = (number * 977 % 100_000, number * 31_337, number % 28 + 1);
    format!(
        r#"{{"trans_dtime":"202206{day:02}101500","trans_amt":{amount}.000,"balance_amt":{balance},"trans_memo":"한글 {number}","is_foreign":false,"paid_in_cnt":null}}"#
    )
}

/// Rules that leave out columns and mask others.
fn rules(exclude: &[&str], masks: &[(&str, Method)]) -> Arc<ColumnRules> {
    let exclude: Vec<_> = exclude.iter().map(|&pattern| pattern.to_owned()).collect();
    let rules = masks.iter().map(|&(pattern, method)| MaskRule::new(pattern, method, ""));
    let masks = MaskMaker {
        pseudonyms: Some(Pseudonyms::new(&[7; 32])),
        dates: Arc::new(Dates::new(2026, Box::new(|_| None))),
    };
    let layer = Layer::new(&[], &exclude, rules.collect());
    let ids = ["id".to_owned(), "id".to_owned()];
    Arc::new(ColumnRules::new(vec![layer], &[], masks, ids))
}

fn flatteners(marks_text: bool, columns: Option<Arc<ColumnRules>>) -> FlattenerPool {
    let bounds = Bounds { columns: 16_384, tables: 4096, name_bytes: 1024 };
    let settings = Settings {
        line_end: b"\n".to_vec(),
        marks_text,
        id_field: Arc::new(Wanted::new(b"id")),
        max_depth: 128,
        bounds,
        columns,
    };
    FlattenerPool::new(settings, Work::alone(100_000))
}

/// The rows of all records with marked texts, as other rows are made of them.
fn marked_rows(data: &[u8], values: &[Span]) -> Vec<Rows> {
    let flatteners = flatteners(true, None);
    let flattened = values.chunks(1000).map(|values| {
        let batch = Batch { data, values, keys: &[], file: 1, first: 1, depth: 1 };
        flatteners.flatten(&batch, None).rows
    });
    flattened.flatten().collect()
}

/// Makes rows of marked ones.
fn made(plain: &Plain, marked: &[Rows]) -> usize {
    let made = marked.iter().map(|rows| plain.rows(&rows.text, &rows.ends, rows.width));
    made.map(|made| made.text.len()).sum()
}
