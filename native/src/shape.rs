//! What a text looks like from far: the values in its first one, emptied of what they hold.

use memchr::memchr2;

/// `head` with every object and list within its first value emptied, as far as brackets match.
///
/// One that does not end in `head` is left as it is, and so is all that follows the first value.
pub fn outline(head: &[u8]) -> Vec<u8> {
    let mut outline = Vec::new();
    // What closes the containers that are open in the first value, and up to where `outline` is.
    let mut closers = Vec::new();
    let mut copied = 0;
    let mut at = 1;
    while let Some(&byte) = head.get(at) {
        match byte {
            b'"' => match string_end(head, at + 1) {
                Some(end) => at = end,
                None => break,
            },
            b'{' | b'[' => {
                if closers.is_empty() {
                    outline.extend_from_slice(&head[copied..=at]);
                    copied = at + 1;
                }
                closers.push(if byte == b'{' { b'}' } else { b']' });
            }
            b'}' | b']' => {
                if closers.pop() != Some(byte) {
                    break;
                }
                if closers.is_empty() {
                    copied = at;
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
            ("7 {\"a\":1}", "7 {}"),
            (r#"{"a":{"b":[1]},"c":[[],{}],"d":1}"#, r#"{"a":{},"c":[],"d":1}"#),
            (r#"{"a\"{":{"}\\":"\"]"}} [1]"#, r#"{"a\"{":{}} [1]"#),
            (r#"{"a":[1],"b":{"c":[2]"#, r#"{"a":[],"b":{"c":[2]"#),
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
