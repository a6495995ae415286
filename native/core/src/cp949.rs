//! Text in CP949 as UTF-8.

use encoding_rs::{DecoderResult, EUC_KR};

/// The text that bytes stand for, up to the first that are no whole character, and how many those
/// before it are.
///
/// What WHATWG calls EUC-KR is CP949, character by character as Python has it: a test of the module
/// compares them.
pub fn in_utf8(bytes: &[u8]) -> (Vec<u8>, usize) {
    let mut decoder = EUC_KR.new_decoder_without_bom_handling();
    let most = decoder.max_utf8_buffer_length_without_replacement(bytes.len());
    let mut text = vec![0; most.unwrap_or(0)];
    let (end, read, written) = decoder.decode_to_utf8_without_replacement(bytes, &mut text, true);
    let beyond = match end {
        DecoderResult::Malformed(malformed, after) => usize::from(malformed) + usize::from(after),
        DecoderResult::InputEmpty | DecoderResult::OutputFull => 0,
    };
    text.truncate(written);
    (text, read - beyond)
}

#[cfg(test)]
mod tests {
    use super::in_utf8;

    #[test]
    fn text_ends_before_what_is_no_character() {
        for (bytes, text, sound) in [
            (&b"[1]"[..], "[1]", 3),
            (b"\xb0\xa1\x81\x41x", "가갂x", 5),
            (b"a\xb0", "a", 1),
            (b"a\xb0\x20b", "a", 1),
            (b"\xff", "", 0),
            (b"\xb0\xa1\xc9\xa1\xb0\xa1", "가", 2),
            (b"", "", 0),
        ] {
            assert_eq!(in_utf8(bytes), (text.into(), sound));
        }
    }
}
