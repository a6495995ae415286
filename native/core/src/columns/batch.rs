//! Pseudonyms that are made at once, of short texts, and those that were made lately.

use std::collections::HashMap;

use super::digests::LastBlock;
use super::names::is_nfc;
use super::pseudonyms::{Domain, DomainPseudonyms, PSEUDONYM, Pseudonyms, Shown};
use super::recent::{Found, RecentPseudonyms, Worth};
use crate::simd::{BLOCK, LANES, Simd, Work, dispatch};

/// Texts of which the pseudonyms are to be made.
pub struct PseudonymBatch {
    /// Each with zeros after it.
    texts: Box<[[u8; BLOCK]; LANES]>,
    /// How long each is, and of which domain.
    waiting: [(u8, Domain); LANES],
    /// How many there are.
    length: usize,
    recent: RecentPseudonyms,
    /// What the last blocks of all domains begin with.
    begun: Vec<LastBlock>,
    domains: HashMap<LastBlock, Domain>,
}

/// What there is of a text's pseudonym.
pub enum Taken {
    /// It was made lately.
    Made(Shown),
    /// It is to be made, as that one of the batch.
    Waits(usize),
}

impl Default for PseudonymBatch {
    fn default() -> Self {
        Self {
            texts: Box::new([[0; BLOCK]; LANES]),
            waiting: [(0, 0); LANES],
            length: 0,
            recent: RecentPseudonyms::default(),
            begun: Vec::new(),
            domains: HashMap::new(),
        }
    }
}

impl PseudonymBatch {
    /// How many texts there may be.
    pub const SIZE: usize = LANES;

    /// The number of a domain; None if there are too many, or its texts are never short.
    pub fn domain(&mut self, pseudonyms: &DomainPseudonyms) -> Option<Domain> {
        let begun = pseudonyms.begun()?;
        if let Some(&number) = self.domains.get(begun) {
            return Some(number);
        }
        let number = Domain::try_from(self.begun.len()).ok()?;
        self.begun.push(*begun);
        self.domains.insert(*begun, number);
        Some(number)
    }

    /// Whether there is no room for one more.
    #[inline(always)]
    pub fn is_full(&self) -> bool {
        self.length == LANES
    }

    /// Takes a text that is valid UTF-8, from `start` to `end`; None if it is not a short one. There
    /// is room.
    #[inline]
    pub fn take(
        &mut self,
        data: &[u8],
        (start, end): (usize, usize),
        domain: Domain,
        worth: &mut Worth,
    ) -> Option<Taken> {
        let length = end - start;
        if !self.begun.get(usize::from(domain))?.has_room(length) {
            return None;
        }
        let text = match data.get(start..)?.first_chunk() {
            Some(bytes) => beginning(bytes, length),
            None => {
                let mut bytes = [0; BLOCK];
                bytes[..length].copy_from_slice(data.get(start..end)?);
                bytes
            }
        };
        let mut place = None;
        if worth.is_tried() {
            let found = self.recent.find(&text, length, domain);
            worth.count(!matches!(found, Found::Nothing(_)));
            match found {
                Found::Made(made) => return Some(Taken::Made(made)),
                Found::Waits(waiting) => return Some(Taken::Waits(waiting)),
                Found::Nothing(at) => place = at,
            }
        }
        if !text.is_ascii() && !std::str::from_utf8(&text[..length]).is_ok_and(is_nfc) {
            return None;
        }
        let waiting = self.length;
        *self.texts.get_mut(waiting)? = text;
        self.waiting[waiting] = (length as u8, domain);
        self.length += 1;
        if let Some(place) = place {
            self.recent.note(place, waiting);
        }
        Some(Taken::Waits(waiting))
    }

    /// Makes all, and begins the next batch; rubbish for a number that no text has.
    pub fn make(&mut self, pseudonyms: &Pseudonyms) -> [Shown; LANES] {
        let waiting = &self.waiting[..self.length];
        let made = dispatch(Making { pseudonyms, texts: &self.texts, waiting, begun: &self.begun });
        self.recent.keep(&made[..self.length]);
        self.length = 0;
        made
    }

    /// Forgets those that are to be made.
    pub fn clear(&mut self) {
        self.recent.keep(&[]);
        self.length = 0;
    }
}

struct Making<'a> {
    pseudonyms: &'a Pseudonyms,
    texts: &'a [[u8; BLOCK]; LANES],
    waiting: &'a [(u8, Domain)],
    begun: &'a [LastBlock],
}

impl Work for Making<'_> {
    type Output = [Shown; LANES];

    #[inline(always)]
    fn run(self, simd: impl Simd) -> [Shown; LANES] {
        let mut blocks = [[0; BLOCK]; LANES];
        let texts = self.texts.iter().zip(self.waiting);
        for (block, (text, &(length, domain))) in blocks.iter_mut().zip(texts) {
            let Some(begun) = self.begun.get(usize::from(domain)) else { continue };
            let all = (1 << length) - 1;
            let found = simd.number_bits(text);
            let is_number = (found.digits | found.separators) & all == all;
            let kept = if is_number { all & !found.separators } else { all };
            *block = begun.ended(text, kept, simd);
        }
        self.pseudonyms.of_blocks(&blocks, simd)
    }
}

/// So many of the bytes, and zeros.
#[inline(always)]
fn beginning(bytes: &[u8; BLOCK], length: usize) -> [u8; BLOCK] {
    /// As many ones as there may be, and zeros.
    const ONES: [u8; 2 * BLOCK] = {
        let mut ones = [0; 2 * BLOCK];
        let mut at = 0;
        while at < BLOCK {
            ones[at] = u8::MAX;
            at += 1;
        }
        ones
    };
    let ones = &ONES[BLOCK - length..][..BLOCK];
    let mut text = [0; BLOCK];
    for (byte, (&given, &one)) in text.iter_mut().zip(bytes.iter().zip(ones)) {
        *byte = given & one;
    }
    text
}

/// What there is in the room for a pseudonym.
pub const ROOM: Shown = [b'?'; size_of::<Shown>()];
const _: () = assert!(PSEUDONYM < size_of::<Shown>());
