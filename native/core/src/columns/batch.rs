//! Pseudonyms that are made at once, of short texts, and those that were made lately.

use std::collections::HashMap;

use super::digests::LastBlock;
use super::names::is_nfc;
use super::pseudonyms::{Domain, DomainPseudonyms, PSEUDONYM, Pseudonyms, Shown};
use super::recent::{Found, RecentPseudonyms, Worth};
use crate::simd::{
    BLOCK, Block, Blocks, LANES, Simd, Work, beginning, begins_with_ascii, dispatch,
};

/// Of so many bytes are most texts at most.
const SHORT: usize = 16;

/// Texts of which the pseudonyms are to be made.
pub struct PseudonymBatch {
    /// Each with anything after it.
    texts: Box<Blocks>,
    /// Room for their last blocks.
    blocks: Box<Blocks>,
    /// How long each is, and of which domain.
    waiting: [(u8, Domain); LANES],
    /// How many there are.
    length: usize,
    /// Their pseudonyms; anything for those that are not there.
    made: Box<[Shown; LANES]>,
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
            texts: Box::new([Block([0; BLOCK]); LANES]),
            blocks: Box::new([Block([0; BLOCK]); LANES]),
            waiting: [(0, 0); LANES],
            length: 0,
            made: Box::new([ROOM; LANES]),
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
        let mut last = [0; BLOCK];
        let text = match data.get(start..)?.first_chunk() {
            Some(bytes) => bytes,
            None => {
                last[..length].copy_from_slice(data.get(start..end)?);
                &last
            }
        };
        let mut place = None;
        if worth.is_tried() {
            let found = self.recent.find(&beginning(text, length), length, domain);
            worth.count(!matches!(found, Found::Nothing(_)));
            match found {
                Found::Made(made) => return Some(Taken::Made(made)),
                Found::Waits(waiting) => return Some(Taken::Waits(waiting)),
                Found::Nothing(at) => place = at,
            }
        }
        let is_in_nfc = begins_with_ascii(text, length)
            || std::str::from_utf8(&text[..length]).is_ok_and(is_nfc);
        if !is_in_nfc {
            return None;
        }
        let waiting = self.length;
        let room = &mut self.texts.get_mut(waiting)?.0;
        if length <= SHORT {
            room[..SHORT].copy_from_slice(&text[..SHORT]);
        } else {
            *room = *text;
        }
        self.waiting[waiting] = (length as u8, domain);
        self.length += 1;
        if let Some(place) = place {
            self.recent.note(place, waiting);
        }
        Some(Taken::Waits(waiting))
    }

    /// Makes all, and begins the next batch; rubbish for a number that no text has.
    pub fn make(&mut self, pseudonyms: &Pseudonyms) -> &[Shown; LANES] {
        let Self { texts, blocks, waiting, begun, made, .. } = self;
        let waiting = &waiting[..self.length];
        dispatch(Making { pseudonyms, texts, waiting, begun, blocks, made });
        self.recent.keep(&made[..self.length]);
        self.length = 0;
        &self.made
    }

    /// Forgets those that are to be made.
    pub fn clear(&mut self) {
        self.recent.keep(&[]);
        self.length = 0;
    }
}

struct Making<'a> {
    pseudonyms: &'a Pseudonyms,
    texts: &'a Blocks,
    waiting: &'a [(u8, Domain)],
    begun: &'a [LastBlock],
    blocks: &'a mut Blocks,
    made: &'a mut [Shown; LANES],
}

impl Work for Making<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self, simd: impl Simd) {
        let Self { pseudonyms, texts, waiting, begun, blocks, made } = self;
        let endings = texts.iter().zip(waiting).map(|(Block(text), &(length, domain))| {
            begun[usize::from(domain)].ending(text, usize::from(length))
        });
        simd.last_blocks(endings, blocks);
        pseudonyms.make(blocks, made, simd);
    }
}

/// What there is in the room for a pseudonym.
pub const ROOM: Shown = [b'?'; size_of::<Shown>()];
const _: () = assert!(PSEUDONYM < size_of::<Shown>());
