//! Pseudonyms that were made lately: most columns have the same texts again and again.

use zeroize::Zeroize;

use super::digests::LastBlock;
use super::pseudonyms::PSEUDONYM;

/// How many are kept, each at the one place where it may be; in bits.
const PLACE_BITS: u32 = 9;
/// Of so many texts, at least one in `FEW` has to be met again for it to be worth while to look.
const TRIED: u32 = 1024;
const FEW: u32 = 8;
/// How many texts are not looked for after that.
const NOT_TRIED: u32 = 32 * TRIED;

/// Pseudonyms by what they are made of, which is compared as a whole; wiped at the end.
#[derive(Default)]
pub struct RecentPseudonyms {
    /// Nothing before the first is looked for.
    entries: Vec<Entry>,
    /// How many were noted.
    noted: u64,
    /// How many were looked for, and of those found.
    tried: u32,
    found: u32,
    /// How many are still not to be looked for.
    left_out: u32,
}

#[derive(Clone)]
struct Entry {
    block: [u8; 64],
    /// Which note it is from.
    note: u64,
    /// Rubbish before it was made.
    made: [u8; PSEUDONYM],
    is_made: bool,
}

/// What was looked for.
pub enum Recent {
    /// It was made lately.
    Made([u8; PSEUDONYM]),
    /// It is to be made, and then to be kept by this note.
    Noted(Note),
}

/// Where a pseudonym is to be kept, if it is.
#[derive(Clone, Copy, Default)]
pub struct Note {
    place: usize,
    /// 0 for one that is not.
    number: u64,
}

impl RecentPseudonyms {
    /// Looks for the pseudonym that is made of a block.
    #[inline]
    pub fn find(&mut self, block: &LastBlock) -> Recent {
        if self.left_out > 0 {
            self.left_out -= 1;
            return Recent::Noted(Note::default());
        }
        if self.entries.is_empty() {
            let (block, made) = ([0; 64], [0; PSEUDONYM]);
            self.entries = vec![Entry { block, note: 0, made, is_made: false }; 1 << PLACE_BITS];
        }
        self.count();
        let place = place_of(block.bytes());
        let entry = &mut self.entries[place];
        if entry.is_made && entry.block == *block.bytes() {
            self.found += 1;
            return Recent::Made(entry.made);
        }
        self.noted += 1;
        (entry.block, entry.note, entry.is_made) = (*block.bytes(), self.noted, false);
        Recent::Noted(Note { place, number: self.noted })
    }

    /// Keeps one that was made, unless another one was noted in its place meanwhile.
    #[inline]
    pub fn keep(&mut self, note: Note, made: &[u8; PSEUDONYM]) {
        let entry = self.entries.get_mut(note.place);
        if let Some(entry) = entry.filter(|entry| note.number > 0 && entry.note == note.number) {
            (entry.made, entry.is_made) = (*made, true);
        }
    }

    /// Counts one that is looked for, and sees from time to time whether that is worth while.
    fn count(&mut self) {
        self.tried += 1;
        if self.tried > TRIED {
            if self.found < TRIED / FEW {
                self.left_out = NOT_TRIED;
            }
            (self.tried, self.found) = (0, 0);
        }
    }
}

impl Drop for RecentPseudonyms {
    fn drop(&mut self) {
        for entry in &mut self.entries {
            entry.block.zeroize();
            entry.made.zeroize();
        }
    }
}

/// Where the pseudonym of a block may be.
#[inline(always)]
fn place_of(block: &[u8; 64]) -> usize {
    /// Odd numbers without a pattern, one for each word.
    const FACTORS: [u64; 8] = [
        0x9e37_79b9_7f4a_7c15,
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0x85eb_ca77_c2b2_ae63,
        0x27d4_eb2f_1656_67c5,
        0xd6e8_feb8_6659_fd93,
        0xa076_1d64_78bd_642f,
        0xe703_7ed1_a0b4_28db,
    ];
    let words = block
        .chunks_exact(8)
        .map(|word| word.iter().rev().fold(0, |all, &byte| all << 8 | u64::from(byte)));
    let mixed = words.zip(FACTORS).fold(0, |mixed: u64, (word, factor)| {
        let product = u128::from(word ^ factor) * u128::from(factor);
        mixed.wrapping_add(product as u64 ^ (product >> 64) as u64)
    });
    (mixed.wrapping_mul(FACTORS[0]) >> (u64::BITS - PLACE_BITS)) as usize
}

#[cfg(test)]
mod tests {
    use super::{FEW, NOT_TRIED, PLACE_BITS, Recent, RecentPseudonyms, TRIED};
    use crate::columns::digests::LastBlock;
    use crate::columns::pseudonyms::{DomainPseudonyms, PSEUDONYM, Pseudonyms};

    fn block(own: &DomainPseudonyms, number: u32) -> LastBlock {
        let text = number.to_string();
        let found = own.block(text.as_bytes(), 0, text.len());
        found.unwrap_or_else(|| unreachable!("it is short"))
    }

    fn made(number: u32) -> [u8; PSEUDONYM] {
        let mut made = [b'x'; PSEUDONYM];
        made[..4].copy_from_slice(&number.to_le_bytes());
        made
    }

    #[test]
    fn what_is_found_was_made_of_the_same() {
        let own = Pseudonyms::new(&[7; 32]).of_domain("name");
        let mut recent = RecentPseudonyms::default();
        let (mut found, mut waiting) = (0, Vec::new());
        for turn in 0..20_000_u32 {
            let number = turn.wrapping_mul(2_654_435_761) >> 7 & 0xff;
            match recent.find(&block(&own, number)) {
                Recent::Made(text) => {
                    assert_eq!(text, made(number));
                    found += 1;
                }
                Recent::Noted(note) => waiting.push((note, number)),
            }
            // Late, and some never, as when rows are forgotten.
            if waiting.len() > 16 {
                for (note, number) in waiting.drain(..).skip(1) {
                    recent.keep(note, &made(number));
                }
            }
        }
        assert!(found > 1000, "{found}");
        assert_eq!(recent.entries.len(), 1 << PLACE_BITS);
    }

    #[test]
    fn where_none_are_met_again_they_are_not_looked_for() {
        let own = Pseudonyms::new(&[7; 32]).of_domain("name");
        let mut recent = RecentPseudonyms::default();
        for number in 0..TRIED + NOT_TRIED / 2 {
            if let Recent::Noted(note) = recent.find(&block(&own, number)) {
                recent.keep(note, &made(number));
            }
        }
        assert!(recent.left_out > 0 && recent.noted == u64::from(TRIED) + 1);
        for number in 0..NOT_TRIED + TRIED {
            if let Recent::Noted(note) = recent.find(&block(&own, number % FEW)) {
                recent.keep(note, &made(number % FEW));
            }
        }
        assert!(recent.left_out == 0 && recent.found > TRIED / FEW);
    }
}
