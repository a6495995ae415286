//! Whole records cut off, by where values end.
//!
//! Where no record can be cut off, cutting stops, and the caller finds out why.

use crate::boundary::{Span, Unfinished, end_of_value, string_end};
use crate::json::{byte_at, skip_space};
use crate::simd::{Simd, Work, dispatch};

/// The record separator of RFC 7464.
const SEPARATOR: u8 = 0x1e;

/// How records follow one another.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Values with commas between them.
    Array,
    /// Members with commas between them.
    Keyed,
    /// Values with nothing but white space between them.
    Lines,
    /// One value.
    Single,
}

/// How much may be cut off.
#[derive(Clone, Copy)]
pub struct Limits {
    /// How many records at most.
    pub records: usize,
    /// No record begins so many bytes after the start, or later.
    pub bytes: usize,
    /// No record begins after so many commas in those before it.
    pub commas: usize,
    /// No record has more bytes than this in its value, its key, or what is between them.
    pub record_bytes: usize,
}

/// Records that were cut off.
#[derive(Default)]
pub struct Cut {
    /// The byte after the last record.
    pub end: usize,
    /// The values of the records.
    pub values: Vec<Span>,
    /// The keys of the records, with quotes, if they have keys.
    pub keys: Vec<Span>,
}

/// Cuts off whole records from `start` on; `first` says that no comma comes before the first.
///
/// Of a first record that is not there as a whole, `begun` keeps how far that was looked at: give it
/// again with more text from the same place on.
pub fn cut(
    data: &[u8],
    start: usize,
    layout: Layout,
    first: bool,
    limits: Limits,
    begun: &mut Option<Unfinished>,
) -> Cut {
    let (cut, unfinished) = dispatch(Cutting { data, start, layout, first, limits, begun: *begun });
    *begun = if cut.values.is_empty() { unfinished } else { None };
    cut
}

/// Cuts off all records of a text, if they are within the limits, and nothing follows them but what
/// has to. The text begins after the bracket around records, if they have one.
pub fn cut_whole(data: &[u8], layout: Layout, limits: Limits) -> Option<Cut> {
    let cut = cut(data, 0, layout, true, limits, &mut None);
    let end = skip_space(data, cut.end);
    let is_closed = match layout {
        Layout::Array => byte_at(data, end) == b']',
        Layout::Keyed => byte_at(data, end) == b'}',
        Layout::Lines | Layout::Single => end == data.len(),
    };
    let is_whole = is_closed && skip_space(data, end + 1) >= data.len();
    (is_whole && !cut.values.is_empty()).then_some(cut)
}

struct Cutting<'a> {
    data: &'a [u8],
    start: usize,
    layout: Layout,
    first: bool,
    limits: Limits,
    begun: Option<Unfinished>,
}

impl Work for Cutting<'_> {
    type Output = (Cut, Option<Unfinished>);

    #[inline(always)]
    fn run(self, simd: impl Simd) -> (Cut, Option<Unfinished>) {
        let Self { data, start, layout, mut first, limits, begun: mut unfinished } = self;
        let mut cut = Cut { end: start, ..Cut::default() };
        let mut commas = 0;
        let is_within =
            |cut: &Cut| cut.values.len() < limits.records && cut.end - start < limits.bytes;
        while is_within(&cut) && commas < limits.commas {
            let record = next_record(simd, data, cut.end, layout, first, &mut unfinished);
            let Some((key, value, within)) = record else {
                break;
            };
            let (start, middle) = key.unwrap_or((value.0, value.0));
            let stretches = [middle - start, value.0 - middle, value.1 - value.0];
            if stretches.iter().any(|&length| length > limits.record_bytes) {
                break;
            }
            commas += within;
            cut.values.push(value);
            cut.keys.extend(key);
            cut.end = value.1;
            first = false;
            if layout == Layout::Single {
                break;
            }
        }
        (cut, unfinished)
    }
}

/// The key and the value of the record after `at`, if it is there as a whole.
#[inline(always)]
fn next_record(
    simd: impl Simd,
    data: &[u8],
    at: usize,
    layout: Layout,
    first: bool,
    unfinished: &mut Option<Unfinished>,
) -> Option<(Option<Span>, Span, usize)> {
    let mut start = skip_gap(data, at, layout);
    if matches!(layout, Layout::Array | Layout::Keyed) && !first {
        if byte_at(data, start) != b',' {
            return None;
        }
        start = skip_space(data, start + 1);
    }
    if layout != Layout::Keyed {
        let (end, commas) = end_of_value(simd, data, start, unfinished)?;
        return Some((None, (start, end), commas));
    }
    if byte_at(data, start) != b'"' {
        return None;
    }
    let key_end = string_end(data, start)?;
    let colon = skip_space(data, key_end);
    if byte_at(data, colon) != b':' {
        return None;
    }
    let value = skip_space(data, colon + 1);
    let (end, commas) = end_of_value(simd, data, value, unfinished)?;
    Some((Some((start, key_end)), (value, end), commas))
}

/// Where what stands before a record ends; before a line there may be record separators.
#[inline(always)]
fn skip_gap(data: &[u8], at: usize, layout: Layout) -> usize {
    let mut end = skip_space(data, at);
    while layout == Layout::Lines && byte_at(data, end) == SEPARATOR {
        end = skip_space(data, end + 1);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::{Cut, Cutting, Layout, Limits, cut, cut_whole};
    use crate::simd::{run_anywhere, run_portably};

    const LIMITS: Limits =
        Limits { records: 100, bytes: 1 << 20, commas: 1 << 20, record_bytes: 1 << 20 };
    const PIECES: [&str; 14] = [
        "{", "}", "[", "]", "\"", "\"a,b\"", "\\\\", "\\\"", ",", ", ", "\"k\":", "12,", "\u{1f}",
        "한글",
    ];

    fn texts() -> impl Iterator<Item = Vec<u8>> {
        let mut state = 1_u64;
        (0..20_000).map(move |number| {
            let mut text = b"[".to_vec();
            for _ in 0..number % 90 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text.extend(PIECES[(state >> 33) as usize % PIECES.len()].bytes());
            }
            text
        })
    }

    #[test]
    fn records_are_cut_off_where_other_processors_do() {
        let all = |Cut { end, values, keys }| (end, values, keys);
        for text in texts() {
            for layout in [Layout::Array, Layout::Keyed, Layout::Lines] {
                for commas in [1, 5, 1000] {
                    let limits = Limits { records: 9, bytes: 300, commas, record_bytes: 200 };
                    let data = &*text;
                    let cutting = || {
                        let (start, first, begun) = (0, true, None);
                        Cutting { data, start, layout, first, limits, begun }
                    };
                    let found = all(cut(data, 0, layout, true, limits, &mut None));
                    let expected = all(run_portably(cutting()).0);
                    assert_eq!(found, expected, "{}", String::from_utf8_lossy(data));
                    assert_eq!(found, all(run_anywhere(cutting()).0));
                }
            }
        }
    }

    #[test]
    fn a_text_is_cut_as_a_whole_only_where_nothing_else_is_in_it() {
        let records = |text: &[u8], layout, records| {
            let limits = Limits { records, ..LIMITS };
            cut_whole(text, layout, limits).map(|cut| cut.values.len())
        };
        for (text, layout) in [
            ("{} , 12 ] \n", Layout::Array),
            ("\"a\":{},\"b\" : 1 }", Layout::Keyed),
            ("{}\n{}\n", Layout::Lines),
        ] {
            let text = text.as_bytes();
            assert_eq!(records(text, layout, 100), Some(2));
            assert_eq!(records(text, layout, 2), Some(2));
            assert_eq!(records(text, layout, 1), None);
            let end = text.trim_ascii_end().len();
            for cut in 0..end {
                // Lines that end before the second one are others, of which that is all.
                let is_whole = layout == Layout::Lines && (2..4).contains(&cut);
                assert_eq!(records(&text[..cut], layout, 100), is_whole.then_some(1), "{cut}");
            }
            for more in ["]", "}", ",", "\"", "x", "\0"] {
                let text = [text, more.as_bytes()].concat();
                assert_eq!(records(&text, layout, 100), None, "{more}");
            }
        }
        assert_eq!(records(b"{} ", Layout::Single, 100), Some(1));
        for text in ["{}{}", "{} 1", "{", "", " "] {
            assert_eq!(records(text.as_bytes(), Layout::Single, 100), None, "{text}");
        }
        for text in ["]", " ", "{},]", "{} {}]", "{}}", ",{}]", "{}]]", "{}] ,"] {
            assert_eq!(records(text.as_bytes(), Layout::Array, 100), None, "{text}");
        }
    }

    #[test]
    fn a_record_that_comes_bit_by_bit_ends_at_the_same_place() {
        let ends = |cut: Cut| (cut.end, cut.values, cut.keys);
        for (number, text) in texts().take(2000).enumerate() {
            let data = [b" {\"a\":[", &*text, b"]} , 1"].concat();
            for layout in [Layout::Array, Layout::Keyed, Layout::Lines, Layout::Single] {
                let mut begun = None;
                let mut found = Cut::default();
                for end in (0..data.len()).step_by(1 + number % 70).chain([data.len()]) {
                    found = cut(&data[..end], 0, layout, true, LIMITS, &mut begun);
                    if !found.values.is_empty() {
                        break;
                    }
                }
                let value = found.values.first().copied();
                let whole = cut(&data, 0, layout, true, LIMITS, &mut None);
                assert_eq!(value, whole.values.first().copied(), "{:?}", ends(found));
            }
        }
    }

    #[test]
    fn only_whole_records_are_cut_off() {
        let found = cut(b" {\"a\":1} , [2], 3", 0, Layout::Array, true, LIMITS, &mut None);
        assert_eq!((found.end, found.values), (14, vec![(1, 8), (11, 14)]));
        let found = cut(b",\"k\" : \"v\", \"l\":", 0, Layout::Keyed, false, LIMITS, &mut None);
        assert_eq!((found.end, found.values, found.keys), (10, vec![(7, 10)], vec![(1, 4)]));
        let found = cut(b"{}\n[]\"x\" 1 2", 0, Layout::Lines, false, LIMITS, &mut None);
        assert_eq!(found.values, vec![(0, 2), (3, 5), (5, 8), (9, 10)]);
        let found = cut(b"\x1e{}\n\x1e\x1e []\x1e", 0, Layout::Lines, true, LIMITS, &mut None);
        assert_eq!(found.values, vec![(1, 3), (7, 9)]);
        let found = cut(b"\x1e1,2", 0, Layout::Array, true, LIMITS, &mut None);
        assert_ne!(found.values.first(), Some(&(1, 2)));
        let found = cut(br#"["\\"] ["a", \""] []"#, 0, Layout::Lines, false, LIMITS, &mut None);
        assert_eq!(found.values, vec![(0, 6)]);
        let found = cut(b" {\"a\":1} 2 ", 0, Layout::Single, true, LIMITS, &mut None);
        assert_eq!((found.end, found.values), (8, vec![(1, 8)]));
        let found =
            cut(b"1 2 3 4 ", 2, Layout::Lines, false, Limits { bytes: 3, ..LIMITS }, &mut None);
        assert_eq!((found.end, found.values), (5, vec![(2, 3), (4, 5)]));
        let found = cut(
            b"[1,2] [3,4] 5 ",
            0,
            Layout::Lines,
            false,
            Limits { commas: 2, ..LIMITS },
            &mut None,
        );
        assert_eq!(found.values, vec![(0, 5), (6, 11)]);
    }
}
