//! Text as a workbook has it: XML in which `_xHHHH_` stands for a character (ECMA-376, 22.9.2.19).

use std::io::Write;

/// So many UTF-16 units a cell of Excel has at most.
const LONGEST: usize = 32_767;

/// Appends the text of a cell, in which quotes are doubled; answers whether it was cut short.
pub fn append(out: &mut Vec<u8>, quoted: &[u8]) -> bool {
    let kept = shortened(quoted);
    let mut rest = kept;
    while let Some(at) = rest.iter().position(|&byte| IS_SPECIAL[usize::from(byte)]) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let length = append_special(out, rest);
        rest = &rest[length..];
    }
    out.extend_from_slice(rest);
    kept.len() < quoted.len()
}

/// What bytes may begin something that is not written as it is.
static IS_SPECIAL: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = !matches!(byte as u8, b'\t' | b'\n');
        byte += 1;
    }
    let others = b"\"&<>_\xef";
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
};

/// Appends what a special byte begins; answers how many bytes that are.
#[inline]
fn append_special(out: &mut Vec<u8>, text: &[u8]) -> usize {
    if let Some((character, length)) = unwritable(text) {
        // Writing to memory does not fail.
        let _ = write!(out, "_x{character:04X}_");
        return length;
    }
    let (written, length): (&[u8], usize) = match text[0] {
        b'&' => (b"&amp;", 1),
        b'<' => (b"&lt;", 1),
        b'>' => (b"&gt;", 1),
        b'"' => (b"\"", 2),
        b'_' if would_be_read(text) => (b"_x005F_", 1),
        other => (&[other], 1),
    };
    out.extend_from_slice(written);
    length
}

/// The character that a text begins with, and its bytes, if XML has no way to hold it.
///
/// XML could hold CR, but reads it as LF.
#[inline]
fn unwritable(text: &[u8]) -> Option<(u16, usize)> {
    match *text {
        [b'\t' | b'\n', ..] => None,
        [byte @ ..0x20, ..] => Some((u16::from(byte), 1)),
        [0xef, 0xbf, 0xbe, ..] => Some((0xfffe, 3)),
        [0xef, 0xbf, 0xbf, ..] => Some((0xffff, 3)),
        _ => None,
    }
}

/// Whether the underscore that a text begins with would be read as the beginning of `_xHHHH_`.
///
/// The last character of that may be the first one of what is written for another character.
fn would_be_read(text: &[u8]) -> bool {
    text.get(1) == Some(&b'x')
        && text.get(2..6).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        && (text.get(6) == Some(&b'_') || unwritable(&text[6..]).is_some())
}

/// As much of a text, in which quotes are doubled, as a cell may hold.
fn shortened(quoted: &[u8]) -> &[u8] {
    if quoted.len() <= LONGEST {
        return quoted;
    }
    let (mut at, mut units) = (0, 0);
    while let Some(&byte) = quoted.get(at) {
        let (bytes, more) = match byte {
            b'"' => (2, 1),
            0x00..0x80 => (1, 1),
            0x80..0xe0 => (2, 1),
            0xe0..0xf0 => (3, 1),
            0xf0.. => (4, 2),
        };
        if units + more > LONGEST {
            break;
        }
        (at, units) = (at + bytes, units + more);
    }
    quoted.get(..at).unwrap_or(quoted)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, append};

    fn written(quoted: &str) -> (String, bool) {
        let mut out = Vec::new();
        let is_cut = append(&mut out, quoted.as_bytes());
        (String::from_utf8_lossy(&out).into_owned(), is_cut)
    }

    #[test]
    fn what_xml_cannot_hold_is_escaped() {
        let cases = [
            ("", ""),
            (" 홍길동 \t\n", " 홍길동 \t\n"),
            ("a\"\"b & <c>", "a\"b &amp; &lt;c&gt;"),
            ("\0\u{1}\r\u{1f}", "_x0000__x0001__x000D__x001F_"),
            ("\u{fffd}\u{fffe}\u{ffff}\u{ff08}", "\u{fffd}_xFFFE__xFFFF_\u{ff08}"),
            ("_x0041_", "_x005F_x0041_"),
            ("_x0041_x00e9_", "_x005F_x0041_x005F_x00e9_"),
            ("_x000D\r", "_x005F_x000D_x000D_"),
            ("_x000D\u{ffff}", "_x005F_x000D_xFFFF_"),
            ("_row_id _x_ _x00G0_ _x0041", "_row_id _x_ _x00G0_ _x0041"),
            ("_X0041_ __x0041_", "_X0041_ __x005F_x0041_"),
        ];
        for (text, expected) in cases {
            assert_eq!(written(text), (expected.to_owned(), false), "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        let emoji = "\u{1f600}".repeat(LONGEST / 2);
        let cases = [
            ("x".repeat(LONGEST), "x".repeat(LONGEST), false),
            ("x".repeat(LONGEST + 1), "x".repeat(LONGEST), true),
            ("한".repeat(LONGEST), "한".repeat(LONGEST), false),
            ("한".repeat(40_000), "한".repeat(LONGEST), true),
            ("\"\"".repeat(LONGEST), "\"".repeat(LONGEST), false),
            ("\"\"".repeat(LONGEST + 1), "\"".repeat(LONGEST), true),
            (emoji.clone() + "é", emoji.clone() + "é", false),
            (emoji.clone() + "\u{1f600}", emoji, true),
        ];
        for (text, expected, is_cut) in cases {
            assert!(written(&text) == (expected, is_cut), "{} bytes", text.len());
        }
    }
}
