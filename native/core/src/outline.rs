//! What a text looks like from far: the first value and those in it, emptied of what these hold.

use memchr::memchr2;

/// `head` with what is within the values of its first one emptied, as far as brackets match.
///
/// An object among those keeps its keys, with their values emptied: `{"a":{"b":[]},"c":[]}`.
/// One that does not end in `head` is left as it is, and so is all that follows the first value.
pub fn outline(head: &[u8]) -> Vec<u8> {
    let mut outline = Vec::new();
    // What closes the containers that are open in the first value, and up to where `outline` is.
    let mut closers = Vec::new();
    let mut copied = 0;
    // How many containers are around the one that is being emptied.
    let mut emptied: Option<usize> = None;
    let mut at = 1;
    while let Some(&byte) = head.get(at) {
        match byte {
            b'"' => match string_end(head, at + 1) {
                Some(end) => at = end,
                None => break,
            },
            b'{' | b'[' => {
                let is_object = byte == b'{';
                if emptied.is_none() && !(closers.is_empty() && is_object) {
                    outline.extend_from_slice(&head[copied..=at]);
                    (emptied, copied) = (Some(closers.len()), at + 1);
                }
                closers.push(if is_object { b'}' } else { b']' });
            }
            b'}' | b']' => {
                if closers.pop() != Some(byte) {
                    break;
                }
                if emptied == Some(closers.len()) {
                    (emptied, copied) = (None, at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    outline.extend_from_slice(head.get(copied..).unwrap_or_default());
    outline
}

/// Where the closing quote of a string is.
fn string_end(head: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', head.get(at..)?)?;
        if head[at] == b'"' {
            return Some(at);
        }
        at += 2;
    }
}

#[cfg(test)]
mod tests {
    use super::outline;

    #[test]
    fn nested_values_are_emptied_as_far_as_brackets_match() {
        let cases = [
            ("", ""),
            ("{", "{"),
            ("7 {\"a\":1}", "7 {\"a\":1}"),
            (r#"{"a":{"b":[1]},"c":[[],{}],"d":1}"#, r#"{"a":{"b":[]},"c":[],"d":1}"#),
            (
                r#"{"a":{"b":{"c":1},"d":2}}{"a":{"b":[1]}}"#,
                r#"{"a":{"b":{},"d":2}}{"a":{"b":[1]}}"#,
            ),
            (r#"{"a\"{":{"}\\":["\"]"]}} [1]"#, r#"{"a\"{":{"}\\":[]}} [1]"#),
            (r#"{"a":[1],"b":{"c":[2]"#, r#"{"a":[],"b":{"c":[]"#),
            (r#"{"a":[1],"b":{"c":[2"#, r#"{"a":[],"b":{"c":[2"#),
            (r#"{"a":[1],"b":{"c":[2}]},"d":[3]}"#, r#"{"a":[],"b":{"c":[2}]},"d":[3]}"#),
            (r#"{"a":[1],"b":["c{}"#, r#"{"a":[],"b":["c{}"#),
            (r#"{"a":[1]],"b":[2]}"#, r#"{"a":[]],"b":[2]}"#),
            (r#"{"a":[1],"b":"\"#, r#"{"a":[],"b":"\"#),
        ];
        for (head, expected) in cases {
            let found = outline(head.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), expected, "{head}");
        }
    }
}
