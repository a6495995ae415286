//! Marked rows as a profile has them: texts are in quotes only where they need them.

use super::copy::Copied;
use super::guard::{Guard, guard, is_number_guarded};
use crate::json::byte_at;
use crate::marks::mark_specials;

/// How rows are written that are made of marked ones.
pub struct Plain {
    /// What ends each row.
    pub line_end: Vec<u8>,
    /// Guards cells, if some may not be as they are.
    pub guard: Option<Guard>,
}

/// Rows that were made.
pub struct Made {
    /// Their text.
    pub text: Vec<u8>,
    /// Where each ends in the text.
    pub ends: Vec<usize>,
    /// How many cells of each column were guarded; empty where none may be.
    pub guards: Vec<u64>,
}

impl Plain {
    /// Makes rows of marked ones of so many cells, each of which ends with a line feed.
    pub fn rows(&self, text: &[u8], ends: &[usize], width: usize) -> Made {
        let mut marks = Vec::new();
        mark_specials(text, &mut marks);
        let marked = Marked { text, marks: &marks };
        let room = text.len() + ends.len() * self.line_end.len();
        let (mut made, mut made_ends) = (Copied::with_room(room), Vec::with_capacity(ends.len()));
        let mut guards = vec![0; if self.guard.is_some() { width } else { 0 }];
        let mut start = 0;
        for &end in ends {
            match &self.guard {
                Some(guard) => safe_row(guard, &marked, start, end - 1, &mut made, &mut guards),
                None => plain_row(&marked, start, end - 1, &mut made),
            }
            made.push(&self.line_end);
            made_ends.push(made.len());
            start = end;
        }
        Made { text: made.take(), ends: made_ends, guards }
    }
}

/// Makes the row from `start` up to its line feed; all but quotes that are not needed is copied.
#[inline(always)]
fn plain_row(marked: &Marked, start: usize, last: usize, made: &mut Copied) {
    let (mut copied, mut at) = (start, start);
    while at <= last {
        if byte_at(marked.text, at) == b'"' {
            let (close, needs_quotes) = marked.text_end(at + 1);
            if !needs_quotes {
                made.span(marked.text, copied, at);
                made.span(marked.text, at + 1, close);
                copied = close + 1;
            }
            at = close + 1;
        } else {
            at = marked.next(at);
        }
        at += 1;
    }
    made.span(marked.text, copied, last);
}

/// The same with cells guarded, which are counted.
#[inline(always)]
fn safe_row(
    cells: &Guard,
    marked: &Marked,
    start: usize,
    last: usize,
    made: &mut Copied,
    guards: &mut [u64],
) {
    let text = marked.text;
    let (mut copied, mut at, mut column) = (start, start, 0);
    while at <= last {
        // The cell's end, what it holds, and whether that is guarded, or copied without quotes.
        let (end, content, is_guarded, is_bare);
        if byte_at(text, at) == b'"' {
            let (close, needs_quotes) = marked.text_end(at + 1);
            (end, content, is_bare) = (close + 1, (at + 1, close), !needs_quotes);
            is_guarded = cells.is_text_guarded(&text[at + 1..close]);
        } else {
            end = marked.next(at);
            (content, is_bare) = ((at, end), false);
            is_guarded = is_number_guarded(&text[at..end]);
        }
        if is_guarded || is_bare {
            made.span(text, copied, at);
            let (start, stop) = content;
            if is_guarded {
                guard(&text[start..stop], made);
                guards[column] += 1;
            } else {
                made.span(text, start, stop);
            }
            copied = end;
        }
        at = end + 1;
        column += 1;
    }
    made.span(text, copied, last);
}

/// A marked text, and the marks of [`mark_specials`] for it.
struct Marked<'a> {
    text: &'a [u8],
    marks: &'a [u8],
}

impl Marked<'_> {
    /// Where the next byte is that may end a cell, from `at` on.
    #[inline(always)]
    fn next(&self, mut at: usize) -> usize {
        loop {
            let bytes = self.marks.get(at / 8..).and_then(<[u8]>::first_chunk);
            let Some(bytes) = bytes else { return self.text.len() };
            let found = u64::from_le_bytes(*bytes) >> (at % 8);
            if found != 0 {
                return at + found.trailing_zeros() as usize;
            }
            at += 64 - at % 8;
        }
    }

    /// Where the text whose first byte is at `start` ends, and whether it has to be in quotes.
    #[inline(always)]
    fn text_end(&self, start: usize) -> (usize, bool) {
        let (mut at, mut needs_quotes) = (self.next(start), false);
        while at < self.text.len() {
            match byte_at(self.text, at) {
                b'"' if byte_at(self.text, at + 1) != b'"' => break,
                b'"' => {
                    needs_quotes = true;
                    at += 1;
                }
                b',' | b'\r' | b'\n' => needs_quotes = true,
                _ => {}
            }
            at = self.next(at + 1);
        }
        // So does the empty text.
        (at, needs_quotes || at == start)
    }
}

#[cfg(test)]
mod tests {
    use super::Plain;

    fn plain(rows: &[&str], line_end: &str) -> Vec<String> {
        let text = rows.concat();
        let ends: Vec<_> = rows
            .iter()
            .scan(0, |end, row| {
                *end += row.len();
                Some(*end)
            })
            .collect();
        let made = Plain { line_end: line_end.into(), guard: None }.rows(text.as_bytes(), &ends, 0);
        let starts = [0].into_iter().chain(made.ends.iter().copied());
        starts
            .zip(&made.ends)
            .map(|(start, &end)| String::from_utf8_lossy(&made.text[start..end]).into_owned())
            .collect()
    }

    #[test]
    fn quotes_stay_only_where_they_are_needed() {
        for (marked, expected) in [
            ("\"a\",1,,\"\",true", "a,1,,\"\",true"),
            (
                "\"a,b\",\"a\"\"b\",\"\"\"\",\"\"\"\"\"\"",
                "\"a,b\",\"a\"\"b\",\"\"\"\",\"\"\"\"\"\"",
            ),
            ("\"a\nb\",\"\r\",\"\\\",\"\t\",\"\tx\"", "\"a\nb\",\"\r\",\\,\t,\tx"),
            ("-1.50e5", "-1.50e5"),
            ("", ""),
            (",", ","),
        ] {
            for line_end in ["\n", "\r\n"] {
                let (row, expected) = (format!("{marked}\n"), format!("{expected}{line_end}"));
                assert_eq!(plain(&[&row, &row], line_end), [&*expected, &*expected]);
            }
        }
    }

    #[test]
    fn texts_of_any_length_are_found_wherever_they_are() {
        for length in 0..150 {
            for before in 0..70 {
                let (text, other) = ("한".repeat(length), "x".repeat(before));
                let marked = format!("\"{other}\",\"{text}\",\"{text},\"\n");
                let quoted =
                    |text: &str| if text.is_empty() { "\"\"".into() } else { text.to_owned() };
                let expected = format!("{},{},\"{text},\"\n", quoted(&other), quoted(&text));
                assert_eq!(plain(&[&marked], "\n"), [expected]);
            }
        }
    }
}
