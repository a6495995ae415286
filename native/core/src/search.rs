//! Looks records over: whether they are sound, and which of them hold a certain text.

use crate::boundary::Span;
use crate::json::{
    Key, Malformed, byte_at, literal_end, number_end, scan_string, skip_space, unescape,
};
use crate::stretches::Stretch;
use crate::wanted::Wanted;

/// Consecutive whole records, and what is looked for in them.
pub struct Search<'a> {
    /// The text that the records are in.
    pub data: &'a [u8],
    /// The values of the records.
    pub values: &'a [Span],
    /// The keys of the records, if they have keys.
    pub keys: &'a [Span],
    /// The containers around a record.
    pub depth: usize,
    /// How many containers may be nested.
    pub max_depth: usize,
    /// What a record's key is looked for as, or else its strings and numbers.
    pub wanted: &'a Wanted,
}

/// What was found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// How many records from the start are sound.
    pub sound: usize,
    /// Which of them hold what was looked for.
    pub holding: Vec<usize>,
}

/// Looks at records up to the first bad one.
pub fn scan(search: &Search) -> Found {
    let mut found = Found::default();
    let mut scanner = Scanner {
        data: search.data,
        wanted: search.wanted,
        max_depth: search.max_depth,
        is_utf8: simdutf8::basic::from_utf8(stretch(search)).is_ok(),
        holds: false,
        scratch: Key::default(),
        others: &[],
    };
    for (index, &value) in search.values.iter().enumerate() {
        scanner.holds = false;
        if scanner.record(search.keys.get(index), value, search.depth).is_err() {
            break;
        }
        if scanner.holds {
            found.holding.push(index);
        }
        found.sound += 1;
    }
    found
}

/// All records as one stretch: between them there are only ASCII characters.
fn stretch<'a>(search: &Search<'a>) -> &'a [u8] {
    let start = search.keys.first().or(search.values.first()).map_or(0, |span| span.0);
    let end = search.values.last().map_or(0, |span| span.1);
    search.data.get(start..end).unwrap_or_default()
}

/// Reads values strictly, and looks for a text.
pub struct Scanner<'a> {
    data: &'a [u8],
    wanted: &'a Wanted,
    max_depth: usize,
    /// Whether all records are, so that none has to be looked at by itself.
    is_utf8: bool,
    holds: bool,
    /// A string whose text is not in the data as it is.
    scratch: Key,
    /// Elements of lists that others look at.
    others: &'a [Stretch],
}

impl<'a> Scanner<'a> {
    /// Looks for nothing, in text that was found to be UTF-8; the `others` are passed over.
    pub fn strict(
        data: &'a [u8],
        wanted: &'a Wanted,
        max_depth: usize,
        others: &'a [Stretch],
    ) -> Self {
        let scratch = Key::default();
        Self { data, wanted, max_depth, is_utf8: true, holds: false, scratch, others }
    }

    /// Whether a record is sound.
    pub fn is_sound(&mut self, key: Option<&Span>, value: Span, depth: usize) -> bool {
        self.record(key, value, depth).is_ok()
    }

    /// Whether elements of a list are sound, which so many containers are around.
    pub fn has_elements(&mut self, stretch: &Stretch, depth: usize) -> bool {
        let (mut at, end) = (stretch.start, stretch.end);
        while let Ok(after) = self.value(at, depth) {
            let comma = skip_space(self.data, after);
            if after >= end || byte_at(self.data, comma) != b',' {
                return after == end;
            }
            at = skip_space(self.data, comma + 1);
        }
        false
    }

    /// Passes elements over from the one at `at` on, if others look at them.
    #[inline(always)]
    fn passed(&mut self, at: usize) -> Option<usize> {
        let (first, rest) = self.others.split_first()?;
        if first.start != at {
            return None;
        }
        self.others = rest;
        Some(first.end)
    }

    fn record(&mut self, key: Option<&Span>, value: Span, depth: usize) -> Result<(), Malformed> {
        let in_key = match key {
            Some(&key) => Some(self.key(key)?),
            None => None,
        };
        self.require_utf8(value)?;
        if self.value(value.0, depth)? != value.1 {
            return Err(Malformed);
        }
        self.holds = in_key.unwrap_or(self.holds);
        Ok(())
    }

    /// Whether the key is what was looked for.
    fn key(&mut self, key: Span) -> Result<bool, Malformed> {
        self.require_utf8(key)?;
        if byte_at(self.data, key.0) != b'"' || self.string(key.0)? != key.1 {
            return Err(Malformed);
        }
        Ok(self.holds)
    }

    fn require_utf8(&self, (start, end): Span) -> Result<(), Malformed> {
        let text = self.data.get(start..end).ok_or(Malformed)?;
        if self.is_utf8 || simdutf8::basic::from_utf8(text).is_ok() {
            Ok(())
        } else {
            Err(Malformed)
        }
    }

    /// The position after the value at `at`; `depth` counts the containers around it.
    #[inline(always)]
    fn value(&mut self, at: usize, depth: usize) -> Result<usize, Malformed> {
        match byte_at(self.data, at) {
            b'"' => self.string(at),
            b'-' | b'0'..=b'9' => {
                let end = number_end(self.data, at)?;
                self.holds |= self.wanted.is_number(&self.data[at..end]);
                Ok(end)
            }
            b'{' if depth < self.max_depth => self.object(at + 1, depth + 1),
            b'[' if depth < self.max_depth => self.list(at + 1, depth + 1),
            b't' | b'f' | b'n' => literal_end(self.data, at),
            _ => Err(Malformed),
        }
    }

    /// The position after the string at `at`.
    #[inline(always)]
    fn string(&mut self, at: usize) -> Result<usize, Malformed> {
        let run = scan_string(self.data, at + 1);
        match byte_at(self.data, run.at) {
            b'"' => {
                self.holds |= self.wanted.is(&self.data[at + 1..run.at]);
                Ok(run.at + 1)
            }
            b'\\' => self.escaped_string(at + 1),
            _ => Err(Malformed),
        }
    }

    #[inline(never)]
    fn escaped_string(&mut self, at: usize) -> Result<usize, Malformed> {
        self.scratch.0.clear();
        let end = unescape(self.data, at, &mut self.scratch)?;
        self.holds |= self.wanted.is(&self.scratch.0);
        Ok(end)
    }

    /// The position after the object whose bracket is before `at`.
    fn object(&mut self, at: usize, depth: usize) -> Result<usize, Malformed> {
        let mut at = skip_space(self.data, at);
        if byte_at(self.data, at) == b'}' {
            return Ok(at + 1);
        }
        loop {
            if byte_at(self.data, at) != b'"' {
                return Err(Malformed);
            }
            let colon = skip_space(self.data, self.member_key(at)?);
            if byte_at(self.data, colon) != b':' {
                return Err(Malformed);
            }
            at = self.value(skip_space(self.data, colon + 1), depth)?;
            at = skip_space(self.data, at);
            match byte_at(self.data, at) {
                b',' => at = skip_space(self.data, at + 1),
                b'}' => return Ok(at + 1),
                _ => return Err(Malformed),
            }
        }
    }

    /// The position after a member's key, in which nothing is looked for.
    #[inline(always)]
    fn member_key(&mut self, at: usize) -> Result<usize, Malformed> {
        let run = scan_string(self.data, at + 1);
        if byte_at(self.data, run.at) == b'"' {
            return Ok(run.at + 1);
        }
        self.scratch.0.clear();
        unescape(self.data, at + 1, &mut self.scratch)
    }

    /// The position after the list whose bracket is before `at`.
    fn list(&mut self, at: usize, depth: usize) -> Result<usize, Malformed> {
        let mut at = skip_space(self.data, at);
        if byte_at(self.data, at) == b']' {
            return Ok(at + 1);
        }
        loop {
            let end = match self.passed(at) {
                Some(end) => end,
                None => self.value(at, depth)?,
            };
            at = skip_space(self.data, end);
            match byte_at(self.data, at) {
                b',' => at = skip_space(self.data, at + 1),
                b']' => return Ok(at + 1),
                _ => return Err(Malformed),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Found, Search, scan};
    use crate::boundary::Span;
    use crate::wanted::Wanted;

    fn found(data: &[u8], values: &[Span], keys: &[Span]) -> Found {
        let wanted = &Wanted::new(b"7");
        scan(&Search { data, values, keys, depth: 1, max_depth: 3, wanted })
    }

    fn one(record: &[u8]) -> Found {
        found(record, &[(0, record.len())], &[])
    }

    #[test]
    fn strings_and_numbers_are_found_wherever_they_are() {
        for text in [r#"{"a":["7"]}"#, r#"{"a":7}"#, r#""\u0037""#, r#"[1,7,"x"]"#, "7"] {
            assert_eq!(one(text.as_bytes()), Found { sound: 1, holding: vec![0] }, "{text}");
        }
        for text in [r#"{"7":1}"#, r#"{"a":77}"#, r#""\\u0037""#, "[]", "{}", "true"] {
            assert_eq!(one(text.as_bytes()), Found { sound: 1, holding: vec![] }, "{text}");
        }
    }

    #[test]
    fn only_the_key_counts_where_there_is_one() {
        let text = br#""7":1,"8":7,"\u0037":{}"#;
        let (values, keys) = ([(4, 5), (10, 11), (21, 23)], [(0, 3), (6, 9), (12, 20)]);
        assert_eq!(found(text, &values, &keys), Found { sound: 3, holding: vec![0, 2] });
    }

    #[test]
    fn what_is_bad_ends_it() {
        let bad: [&[u8]; 12] = [
            b"[[[]]]",
            b"{\"a\":{\"b\":{}}}",
            b"[1,]",
            b"[1 2]",
            b"{\"a\"}",
            b"{\"a\":1,}",
            b"{a:1}",
            b"01",
            b"nul",
            b"\"\xff\"",
            b"\"\x01\"",
            b"",
        ];
        for text in bad {
            assert_eq!(one(text), Found::default(), "{text:?}");
        }
        let text = b"7,\"\xff\",7";
        assert_eq!(
            found(text, &[(0, 1), (2, 5), (6, 7)], &[]),
            Found { sound: 1, holding: vec![0] }
        );
    }
}
