//! Strict JSON text (RFC 8259) around records, checked as it is read: nothing of it is held.
//!
//! Whatever may be wrong is left to whoever explains it: the reader stops before the token.

use crate::json::{Key, byte_at, literal_end, number_end, scan_string, skip_space, unescape};
use crate::wanted::Wanted;

/// What may come next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// A value.
    Value,
    /// A value or the end of the list.
    ValueOrClose,
    /// A member's name.
    Key,
    /// A member's name or the end of the object.
    KeyOrClose,
    /// The colon after a name.
    Colon,
    /// A comma or the end of the container.
    CommaOrClose,
    /// Nothing but white space.
    Nothing,
}

/// A juncture of two tokens of a document.
#[derive(Debug, PartialEq, Eq)]
pub struct Juncture {
    /// The brackets that are open, outermost first.
    pub open: Vec<u8>,
    /// What may come next.
    pub expect: Expect,
    /// How many names of the path have been entered: the value of the last one comes next, or is
    /// being read.
    pub entered: usize,
}

/// Why a reader stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It takes more text to tell how it goes on.
    Cut,
    /// The value at the end of the path comes next.
    Found,
    /// The text has ended, and may end there.
    Over,
    /// What comes next is not as it should be, or not to be told.
    Stuck,
}

/// How a text goes on after what is there of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    More,
    Nothing,
    /// Bytes that are no UTF-8.
    Malformed,
}

/// What reading a token leads to: the position after it, or why there is none and from where on the
/// text is to come again.
type Read = Result<usize, (usize, Stop)>;

/// Reads a document token by token, down a path of names if there are any.
pub struct StrictText {
    juncture: Juncture,
    path: Vec<Wanted>,
    max_depth: usize,
    /// No token may have more bytes than this.
    max_bytes: usize,
    /// Of a string that goes on, how many bytes were read.
    within: Option<usize>,
    /// A name whose text is not in the data as it is.
    scratch: Key,
}

impl StrictText {
    /// Reads on from a juncture, and down a path from there if that is the start of the document.
    pub fn new(juncture: Juncture, path: Vec<Wanted>, max_depth: usize, max_bytes: usize) -> Self {
        Self { juncture, path, max_depth, max_bytes, within: None, scratch: Key::default() }
    }

    /// Where it is: before a token.
    pub fn juncture(&self) -> &Juncture {
        &self.juncture
    }

    /// How many bytes of that token were read already: it is a string then.
    pub fn within(&self) -> usize {
        self.within.unwrap_or(0)
    }

    /// Reads what is in `data` from `at` on; `is_last` says that nothing follows it.
    ///
    /// Answers the position from which on the text is to come again, with more of it.
    pub fn read(&mut self, data: &[u8], at: usize, is_last: bool) -> (usize, Stop) {
        let (data, after) = sound(data, at, is_last);
        let mut read = match self.within {
            Some(before) => self.string(data, at, at, before, after),
            None => Ok(at),
        };
        loop {
            let at = match read {
                Ok(end) => skip_space(data, end),
                Err(stop) => return stop,
            };
            let Some(&byte) = data.get(at) else {
                return (at, self.at_end(after));
            };
            read = match self.juncture.expect {
                Expect::CommaOrClose => self.comma_or_close(byte, at),
                Expect::Key => self.key(data, at, byte, after),
                Expect::Colon => self.colon(byte, at),
                Expect::KeyOrClose if byte != b'}' => self.key(data, at, byte, after),
                Expect::ValueOrClose if byte != b']' => self.value(data, at, byte, after),
                Expect::KeyOrClose | Expect::ValueOrClose => self.close(byte, at),
                Expect::Value => self.value(data, at, byte, after),
                Expect::Nothing => Err((at, Stop::Stuck)),
            };
        }
    }

    fn at_end(&self, after: After) -> Stop {
        match after {
            After::More => Stop::Cut,
            After::Nothing if self.juncture.expect == Expect::Nothing => Stop::Over,
            _ => Stop::Stuck,
        }
    }

    /// Whether the innermost object is one in which the next name of the path is looked for.
    #[inline(always)]
    fn is_on_path(&self) -> bool {
        let Juncture { open, entered, .. } = &self.juncture;
        open.len() == entered + 1 && *entered < self.path.len()
    }

    #[inline(always)]
    fn comma_or_close(&mut self, byte: u8, at: usize) -> Read {
        if byte != b',' {
            return self.close(byte, at);
        }
        let is_object = self.juncture.open.last() == Some(&b'{');
        self.juncture.expect = if is_object { Expect::Key } else { Expect::Value };
        Ok(at + 1)
    }

    #[inline(always)]
    fn close(&mut self, byte: u8, at: usize) -> Read {
        let opener = match byte {
            b'}' => b'{',
            b']' => b'[',
            _ => return Err((at, Stop::Stuck)),
        };
        // Where an object on the path ends, there is no such member.
        if self.juncture.open.last() != Some(&opener) || self.is_on_path() {
            return Err((at, Stop::Stuck));
        }
        self.juncture.open.pop();
        self.value_read();
        Ok(at + 1)
    }

    #[inline(always)]
    fn colon(&mut self, byte: u8, at: usize) -> Read {
        if byte != b':' {
            return Err((at, Stop::Stuck));
        }
        self.juncture.expect = Expect::Value;
        Ok(at + 1)
    }

    #[inline(always)]
    fn key(&mut self, data: &[u8], at: usize, byte: u8, after: After) -> Read {
        if byte != b'"' {
            return Err((at, Stop::Stuck));
        }
        if self.is_on_path() {
            return self.key_on_path(data, at, after);
        }
        self.string(data, at + 1, at, 1, after)
    }

    /// Reads a name that may be the next one of the path; if it is, with its colon.
    fn key_on_path(&mut self, data: &[u8], at: usize, after: After) -> Read {
        let cut = (at, if after == After::More { Stop::Cut } else { Stop::Stuck });
        let end = match string_end(data, at + 1) {
            End::At(end) if end - at <= self.max_bytes => end,
            End::Beyond(_) => return Err(cut),
            _ => return Err((at, Stop::Stuck)),
        };
        self.scratch.0.clear();
        unescape(data, at + 1, &mut self.scratch).map_err(|_| (at, Stop::Stuck))?;
        if !self.path[self.juncture.entered].is(&self.scratch.0) {
            self.juncture.expect = Expect::Colon;
            return Ok(end);
        }
        let colon = skip_space(data, end);
        match data.get(colon) {
            Some(b':') => self.juncture.entered += 1,
            Some(_) => return Err((at, Stop::Stuck)),
            None => return Err(cut),
        }
        self.juncture.expect = Expect::Value;
        if self.juncture.entered == self.path.len() {
            return Err((colon + 1, Stop::Found));
        }
        Ok(colon + 1)
    }

    #[inline(always)]
    fn value(&mut self, data: &[u8], at: usize, byte: u8, after: After) -> Read {
        if byte != b'{' && self.lacks_object() {
            return Err((at, Stop::Stuck));
        }
        let end = match byte {
            b'"' => return self.string(data, at + 1, at, 1, after),
            b'{' | b'[' => return self.open(byte, at),
            b'-' | b'0'..=b'9' => number(data, at, after)?,
            b't' | b'f' | b'n' => literal(data, at, after)?,
            _ => return Err((at, Stop::Stuck)),
        };
        if end - at > self.max_bytes {
            return Err((at, Stop::Stuck));
        }
        self.value_read();
        Ok(end)
    }

    /// Whether the value that comes next has to be an object, as the path goes on in it.
    #[inline(always)]
    fn lacks_object(&self) -> bool {
        let Juncture { open, entered, .. } = &self.juncture;
        open.len() == *entered && *entered < self.path.len()
    }

    #[inline(always)]
    fn open(&mut self, byte: u8, at: usize) -> Read {
        if self.juncture.open.len() >= self.max_depth {
            return Err((at, Stop::Stuck));
        }
        self.juncture.open.push(byte);
        let is_object = byte == b'{';
        self.juncture.expect = if is_object { Expect::KeyOrClose } else { Expect::ValueOrClose };
        Ok(at + 1)
    }

    #[inline(always)]
    fn value_read(&mut self) {
        let is_over = self.juncture.open.is_empty();
        self.juncture.expect = if is_over { Expect::Nothing } else { Expect::CommaOrClose };
    }

    /// Reads a string on from `at`, before which `before` bytes of it were read; from `again` on it
    /// is to come again where it is flawed.
    #[inline(always)]
    fn string(
        &mut self,
        data: &[u8],
        at: usize,
        again: usize,
        before: usize,
        after: After,
    ) -> Read {
        let found = string_end(data, at);
        let (End::At(end) | End::Beyond(end)) = found else {
            return Err((again, Stop::Stuck));
        };
        let size = before + end - at;
        if size > self.max_bytes {
            return Err((again, Stop::Stuck));
        }
        if matches!(found, End::Beyond(_)) {
            if after != After::More {
                return Err((again, Stop::Stuck));
            }
            self.within = Some(size);
            return Err((end, Stop::Cut));
        }
        self.within = None;
        match self.juncture.expect {
            Expect::Key | Expect::KeyOrClose => self.juncture.expect = Expect::Colon,
            _ => self.value_read(),
        }
        Ok(end)
    }
}

/// The data as far as it is UTF-8 from `at` on, and how it goes on.
fn sound(data: &[u8], at: usize, is_last: bool) -> (&[u8], After) {
    let text = &data[at..];
    let goes_on = if is_last { After::Nothing } else { After::More };
    if simdutf8::basic::from_utf8(text).is_ok() {
        return (data, goes_on);
    }
    match simdutf8::compat::from_utf8(text) {
        Ok(_) => (data, goes_on),
        Err(error) => {
            let is_cut = error.error_len().is_none() && !is_last;
            let after = if is_cut { After::More } else { After::Malformed };
            (&data[..at + error.valid_up_to()], after)
        }
    }
}

/// Where a string ends.
enum End {
    /// Before this position.
    At(usize),
    /// Not in the data, which is sound up to this position.
    Beyond(usize),
    /// It is malformed.
    Nowhere,
}

#[inline(always)]
fn string_end(data: &[u8], at: usize) -> End {
    let run = scan_string(data, at).at;
    if byte_at(data, run) == b'"' { End::At(run + 1) } else { escaped_string_end(data, run) }
}

/// The same from the end of a run of plain text on.
#[inline(never)]
fn escaped_string_end(data: &[u8], mut run: usize) -> End {
    loop {
        match data.get(run) {
            None => return End::Beyond(run),
            Some(b'"') => return End::At(run + 1),
            Some(b'\\') => match escape_size(&data[run + 1..]) {
                Some(0) => return End::Beyond(run),
                Some(size) => run = scan_string(data, run + 1 + size).at,
                None => return End::Nowhere,
            },
            Some(_) => return End::Nowhere,
        }
    }
}

/// How many bytes come after the backslash of an escape; 0 if they are not all there.
fn escape_size(text: &[u8]) -> Option<usize> {
    match text.first() {
        None => Some(0),
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Some(1),
        Some(b'u') => {
            let digits = &text[1..text.len().min(5)];
            let are_digits = digits.iter().all(u8::is_ascii_hexdigit);
            are_digits.then_some(if digits.len() == 4 { 5 } else { 0 })
        }
        Some(_) => None,
    }
}

/// The position after a number.
#[inline(always)]
fn number(data: &[u8], at: usize, after: After) -> Read {
    let end = number_end(data, at);
    if let Ok(end) = end
        && end < data.len()
    {
        return Ok(end);
    }
    number_at_end(data, at, end.ok(), after)
}

/// The same where it may go on, or is flawed.
#[inline(never)]
fn number_at_end(data: &[u8], at: usize, end: Option<usize>, after: After) -> Read {
    let may_go_on = data[at..].iter().all(|byte| b"+-.0123456789Ee".contains(byte));
    match end {
        _ if after == After::More && may_go_on => Err((at, Stop::Cut)),
        Some(end) => Ok(end),
        None => Err((at, Stop::Stuck)),
    }
}

/// The position after a literal.
#[inline(always)]
fn literal(data: &[u8], at: usize, after: After) -> Read {
    literal_end(data, at).map_err(|_| {
        let there = &data[at..];
        let may_go_on =
            ["true", "false", "null"].iter().any(|literal| literal.as_bytes().starts_with(there));
        (at, if may_go_on && after == After::More { Stop::Cut } else { Stop::Stuck })
    })
}

#[cfg(test)]
mod tests {
    use super::{Expect, Juncture, Stop, StrictText};
    use crate::wanted::Wanted;

    const MAX_DEPTH: usize = 4;
    const MAX_BYTES: usize = 12;

    /// Reads a text given piece by piece; answers where its last token begins, and why it stops.
    fn read(text: &[u8], path: &[&str], size: usize) -> (usize, Stop, Juncture) {
        let start = Juncture { open: Vec::new(), expect: Expect::Value, entered: 0 };
        let path = path.iter().map(|name| Wanted::new(name.as_bytes())).collect();
        let mut strict = StrictText::new(start, path, MAX_DEPTH, MAX_BYTES);
        let (mut at, mut end) = (0, 0);
        loop {
            let is_last = end == text.len();
            let (stopped, stop) = strict.read(&text[..end], at, is_last);
            at = stopped;
            if stop != Stop::Cut {
                return (at - strict.within(), stop, strict.juncture);
            }
            assert!(!is_last, "{}", String::from_utf8_lossy(text));
            end = text.len().min(end + size);
        }
    }

    /// The same however it is cut into pieces.
    fn read_in_pieces(text: &[u8], path: &[&str]) -> (usize, Stop) {
        let (at, stop, place) = read(text, path, text.len().max(1));
        for size in 1..text.len() {
            let found = read(text, path, size);
            assert_eq!(found, (at, stop, Juncture { open: place.open.clone(), ..place }));
        }
        (at, stop)
    }

    #[test]
    fn sound_texts_are_read_to_their_ends() {
        for text in [
            r#" {"a" : [1, -0.5e+7, true, false, null, "x", {}, []] , "b":{"c":[""]}} "#,
            r#""\"\\\u00e9""#,
            r#""\ud800""#,
            "\"한글\"",
            "-0",
            "1234567890.5",
            "true\n",
            "[[[[]]]]",
        ] {
            assert_eq!(read_in_pieces(text.as_bytes(), &[]), (text.len(), Stop::Over), "{text}");
        }
    }

    #[test]
    fn it_stops_before_a_token_that_is_flawed() {
        let flawed: [(&[u8], usize); 30] = [
            (b"", 0),
            (b"[", 1),
            (b"[1,]", 3),
            (b"[1 2]", 3),
            (b"[1}", 2),
            (b"{\"a\"}", 4),
            (b"{\"a\":1,}", 7),
            (b"{\"a\":1]", 6),
            (b"{a:1}", 1),
            (b"[01]", 2),
            (b"[1.]", 1),
            (b"[-", 1),
            (b"[1e", 1),
            (b"[1.x", 1),
            (b"[nul]", 1),
            (b"[nul", 1),
            (b"[nulL]", 1),
            (b"[\"\x01\"]", 1),
            (b"[\"a\\x\"]", 1),
            (b"[\"a\\u12g4\"]", 1),
            (b"[\"a\\u12", 1),
            (b"[\"a", 1),
            (b"[\"ab\xff\"]", 1),
            (b"[\"ab\xed\xa0\x80\"]", 1),
            (b"[\"ab\xe3\x81", 1),
            (b"[1]\xff", 3),
            (b"[1] ]", 4),
            (b"{} {}", 3),
            (b"[[[[[", 4),
            (b"\xef\xbb\xbf1", 0),
        ];
        for (text, at) in flawed {
            let shown = String::from_utf8_lossy(text);
            assert_eq!(read_in_pieces(text, &[]), (at, Stop::Stuck), "{shown}");
        }
    }

    #[test]
    fn no_token_has_more_bytes_than_it_may() {
        for token in ["\"1234567890\"", "123456789012", "-12345678.01"] {
            let text = format!("[{token}]");
            assert_eq!(read_in_pieces(text.as_bytes(), &[]), (text.len(), Stop::Over));
            let text = format!("[{}]", token.replace('1', "11"));
            assert_eq!(read_in_pieces(text.as_bytes(), &[]), (1, Stop::Stuck));
        }
        let text = b"{\"1234567890\":1,\"12345678901\":2}";
        assert_eq!(read_in_pieces(text, &[]), (16, Stop::Stuck));
    }

    #[test]
    fn a_path_leads_through_objects() {
        let found: [(&str, &[&str], usize); 6] = [
            (r#"{"a":1}"#, &["a"], 5),
            (r#"{"b":{"a":1},"a" : [1,"#, &["a"], 18),
            (r#"{"b":{"a":1},"a":{"c":1,"b":"x"}"#, &["a", "b"], 28),
            (r#"{"\u0061":1}"#, &["a"], 10),
            ("{\"\u{1112}\u{1161}\":1}", &["\u{d558}"], 10),
            (r#"{"":1}"#, &[""], 4),
        ];
        for (text, path, at) in found {
            assert_eq!(read_in_pieces(text.as_bytes(), path), (at, Stop::Found), "{text}");
        }
        let (at, stop, place) = read(br#"{"a":{"b":{"c":7}}}"#, &["a", "b"], 3);
        assert_eq!((at, stop), (10, Stop::Found));
        let open = b"{{".to_vec();
        assert_eq!(place, Juncture { open, expect: Expect::Value, entered: 2 });
    }

    #[test]
    fn a_path_that_leads_nowhere_is_left_to_the_caller() {
        let lacking: [(&str, &[&str], usize); 7] = [
            (r#"{"b":1}"#, &["a"], 6),
            ("{}", &["a"], 1),
            ("[1]", &["a"], 0),
            (r#"{"a":[1]}"#, &["a", "b"], 5),
            (r#"{"a":{},"a":{"b":1}}"#, &["a", "b"], 6),
            (r#"{"a"}"#, &["a"], 1),
            (r#"{"a" 1}"#, &["a"], 1),
        ];
        for (text, path, at) in lacking {
            assert_eq!(read_in_pieces(text.as_bytes(), path), (at, Stop::Stuck), "{text}");
        }
    }
}
