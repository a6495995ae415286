//! Marks at the bytes of a text for which a string is not copied to a cell as it is, or ends.

use crate::simd::{Simd, Work, dispatch};

/// Marks the special bytes of a text: one bit for each byte, eight to a byte, and some bytes without
/// marks after them.
pub fn mark_specials(text: &[u8], marks: &mut Vec<u8>) {
    dispatch(Marking { text, marks });
}

struct Marking<'a> {
    text: &'a [u8],
    marks: &'a mut Vec<u8>,
}

impl Work for Marking<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self, simd: impl Simd) {
        let Self { text, marks } = self;
        marks.clear();
        marks.reserve(text.len() / 8 + 16);
        let mut rest = text;
        while let Some((block, after)) = rest.split_first_chunk() {
            marks.extend_from_slice(&simd.special_bits(block).to_le_bytes());
            rest = after;
        }
        let mut block = [b' '; 64];
        block[..rest.len()].copy_from_slice(rest);
        marks.extend_from_slice(&simd.special_bits(&block).to_le_bytes());
        marks.extend_from_slice(&[0; 8]);
    }
}

#[cfg(test)]
mod tests {
    use super::{Marking, mark_specials};
    use crate::simd::{run_anywhere, run_portably};

    #[test]
    fn all_processors_mark_the_same_bytes() {
        let all: Vec<u8> = (0..=u8::MAX).cycle().take(1000).collect();
        for text in (0..all.len()).map(|start| &all[start..]) {
            let (mut found, mut expected) = (Vec::new(), Vec::new());
            mark_specials(text, &mut found);
            run_portably(Marking { text, marks: &mut expected });
            assert_eq!(found, expected);
            run_anywhere(Marking { text, marks: &mut expected });
            assert_eq!(found, expected);
            let marked = text.iter().enumerate().all(|(at, &byte)| {
                let is_special = byte < b' ' || [b'"', b'\\', b','].contains(&byte);
                (found[at / 8] >> (at % 8) & 1 == 1) == is_special
            });
            assert!(marked, "{text:?}");
        }
    }
}
