//! Pseudonyms that were made lately: most columns have the same texts again and again.

use zeroize::Zeroize;

use super::pseudonyms::{Domain, PSEUDONYM, Shown};
use crate::simd::{BLOCK, LANES};

/// How many are kept, each at the one place where it may be; in bits.
const PLACE_BITS: u32 = 9;
/// Longer texts are not kept.
const LONGEST: usize = 32;
/// Of so many texts of a column, at least one in `FEW` has to be met again for it to be worth while
/// to look.
const TRIED: u32 = 1024;
const FEW: u32 = 8;
/// How many texts of it are not looked for after that.
const NOT_TRIED: u32 = 32 * TRIED;

/// Pseudonyms by text and domain, which are compared as a whole; wiped at the end.
#[derive(Default)]
pub struct RecentPseudonyms {
    /// Nothing before the first is looked for.
    entries: Vec<Entry>,
    /// Where each is to be kept that waits to be made, unless something else is there then.
    waiting: [Option<Place>; LANES],
}

/// Where a text may be.
pub type Place = u16;

/// As long as what a processor loads at once.
#[derive(Clone)]
#[repr(align(64))]
struct Entry {
    /// Nothing but zeros after it.
    text: [u8; LONGEST],
    made: [u8; PSEUDONYM],
    length: u8,
    domain: Domain,
    /// Which of those it is that wait to be made, if it does.
    waiting: u8,
    is_made: bool,
}

const NO_ENTRY: Entry = Entry {
    text: [0; LONGEST],
    made: [0; PSEUDONYM],
    length: 0,
    domain: 0,
    waiting: NOT_WAITING,
    is_made: false,
};
/// None of those.
const NOT_WAITING: u8 = u8::MAX;
const _: () = assert!(LANES <= NOT_WAITING as usize);

/// What was looked for.
pub enum Found {
    /// It was made.
    Made(Shown),
    /// It waits to be made, as that one.
    Waits(usize),
    /// It is not there; its text is where it may be kept, if it may.
    Nothing(Option<Place>),
}

impl RecentPseudonyms {
    /// Looks for the pseudonym of a text of that length, after which there are zeros.
    #[inline(always)]
    pub fn find(&mut self, text: &[u8; BLOCK], length: usize, domain: Domain) -> Found {
        let Some(&text) = text.first_chunk::<LONGEST>().filter(|_| length <= LONGEST) else {
            return Found::Nothing(None);
        };
        if self.entries.is_empty() {
            self.entries = vec![NO_ENTRY; 1 << PLACE_BITS];
        }
        let place = place_of(&text, domain);
        let entry = &mut self.entries[usize::from(place)];
        if entry.text == text && usize::from(entry.length) == length && entry.domain == domain {
            if entry.is_made {
                let mut made = [0; size_of::<Shown>()];
                made[..PSEUDONYM].copy_from_slice(&entry.made);
                return Found::Made(made);
            }
            // One that was forgotten before it was made is not there.
            let waiting = usize::from(entry.waiting);
            if self.waiting.get(waiting) == Some(&Some(place)) {
                return Found::Waits(waiting);
            }
        }
        *entry = Entry { text, length: length as u8, domain, ..NO_ENTRY };
        Found::Nothing(Some(place))
    }

    /// Notes that what was looked for last waits to be made, as that one.
    #[inline(always)]
    pub fn note(&mut self, place: Place, waiting: usize) {
        self.entries[usize::from(place)].waiting = waiting as u8;
        self.waiting[waiting] = Some(place);
    }

    /// Keeps those that were made, and forgets what else waits.
    pub fn keep(&mut self, made: &[Shown]) {
        for (waiting, (place, made)) in self.waiting.iter().zip(made).enumerate() {
            let &Some(place) = place else { continue };
            let entry = &mut self.entries[usize::from(place)];
            if !entry.is_made && usize::from(entry.waiting) == waiting {
                entry.made.copy_from_slice(&made[..PSEUDONYM]);
                entry.is_made = true;
            }
        }
        self.waiting = [None; LANES];
    }
}

impl Drop for RecentPseudonyms {
    fn drop(&mut self) {
        for entry in &mut self.entries {
            entry.text.zeroize();
            entry.made.zeroize();
        }
    }
}

/// Where the pseudonym of a text may be.
#[inline(always)]
fn place_of(text: &[u8; LONGEST], domain: Domain) -> Place {
    /// Odd numbers without a pattern, one for each word.
    const FACTORS: [u64; 4] = [
        0x9e37_79b9_7f4a_7c15,
        0xc2b2_ae3d_27d4_eb4f,
        0x1656_67b1_9e37_79f9,
        0x85eb_ca77_c2b2_ae63,
    ];
    let word = |at: usize| {
        let bytes = text[8 * at..].first_chunk().copied().unwrap_or_default();
        u64::from_le_bytes(bytes) ^ FACTORS[at]
    };
    let folded = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> u64::BITS) as u64
    };
    let mixed = folded(word(0), word(1)) ^ folded(word(2), word(3) ^ u64::from(domain));
    (mixed.wrapping_mul(FACTORS[0]) >> (u64::BITS - PLACE_BITS)) as Place
}

/// Whether it is worth while to look for the texts of a column.
#[derive(Clone, Copy, Default)]
pub struct Worth {
    /// How many were looked for, and of those found.
    tried: u32,
    found: u32,
    /// How many are still not to be looked for.
    left_out: u32,
}

impl Worth {
    /// Whether the next one is to be looked for.
    #[inline(always)]
    pub fn is_tried(&mut self) -> bool {
        let is_tried = self.left_out == 0;
        self.left_out -= u32::from(!is_tried);
        is_tried
    }

    /// Counts one that was looked for, and sees from time to time whether that is worth while.
    #[inline(always)]
    pub fn count(&mut self, is_found: bool) {
        self.tried += 1;
        self.found += u32::from(is_found);
        if self.tried > TRIED {
            if self.found < TRIED / FEW {
                self.left_out = NOT_TRIED;
            }
            (self.tried, self.found) = (0, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{FEW, Found, NOT_TRIED, PLACE_BITS, RecentPseudonyms, TRIED, Worth};
    use crate::columns::pseudonyms::{Domain, Shown};
    use crate::simd::{BLOCK, LANES};

    fn text(number: u32) -> ([u8; BLOCK], usize) {
        let (mut bytes, text) = ([0; BLOCK], number.to_string());
        bytes[..text.len()].copy_from_slice(text.as_bytes());
        (bytes, text.len())
    }

    fn made(number: u32, domain: Domain) -> Shown {
        let mut made = [0; size_of::<Shown>()];
        made[..4].copy_from_slice(&number.to_le_bytes());
        made[4..6].copy_from_slice(&domain.to_le_bytes());
        made
    }

    #[test]
    fn what_is_found_is_of_the_same_text_and_domain() {
        let mut recent = RecentPseudonyms::default();
        let (mut found, mut shared, mut waiting, mut last) = (0, 0, Vec::new(), 0);
        for turn in 0..200_000_u32 {
            let mixed = turn.wrapping_mul(2_654_435_761);
            let (number, domain) = (mixed >> 7 & 0x3ff, (mixed >> 20 & 1) as Domain);
            // Often the same again.
            let number = if mixed >> 29 == 0 { last } else { number };
            last = number;
            let (bytes, length) = text(number);
            match recent.find(&bytes, length, domain) {
                Found::Made(text) => {
                    assert_eq!(text[..27], made(number, domain)[..27]);
                    found += 1;
                }
                Found::Waits(place) => {
                    assert_eq!(waiting[place], made(number, domain));
                    shared += 1;
                }
                // Some are of no short text in the end.
                Found::Nothing(_) if turn % 7 == 0 => {}
                Found::Nothing(place) => {
                    recent.note(place.unwrap_or_default(), waiting.len());
                    waiting.push(made(number, domain));
                }
            }
            // Some are forgotten, as when rows are.
            if turn % 1000 == 0 {
                waiting.clear();
                recent.keep(&[]);
            }
            if waiting.len() == LANES {
                recent.keep(&waiting);
                waiting.clear();
            }
        }
        assert!(found > 1000 && shared > 100, "{found} {shared}");
        assert_eq!(recent.entries.len(), 1 << PLACE_BITS);
    }

    #[test]
    fn where_none_are_met_again_they_are_not_looked_for() {
        let mut worth = Worth::default();
        for _ in 0..=TRIED {
            assert!(worth.is_tried());
            worth.count(false);
        }
        assert!((0..NOT_TRIED).all(|_| !worth.is_tried()));
        assert!(worth.is_tried());
        (0..=TRIED).for_each(|number| worth.count(number % FEW == 0));
        assert!(worth.is_tried());
    }
}
