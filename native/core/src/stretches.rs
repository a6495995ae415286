//! The long lists of a long record, cut to stretches of whole elements by brackets alone.

use crate::boundary::{Span, Strings};
use crate::simd::{BracketBits, Simd, Work, dispatch};

/// Records with more containers around a value are not cut.
const MOST_LEVELS: usize = 256;
/// Stretches before an element that has its own are left alone if they are so many times shorter
/// than others.
const SHORT: usize = 8;

/// Consecutive whole elements of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Where the first one begins.
    pub start: usize,
    /// The byte after the last one.
    pub end: usize,
    /// The number of the first one in the list, from 1.
    pub first: u64,
    /// The number of the one that comes after the last one.
    pub next: u64,
    /// The containers of the record around an element.
    pub depth: usize,
    /// Where the list begins.
    list: usize,
}

impl Stretch {
    /// Whether another one follows in the same list, with nothing but a comma between them.
    pub fn is_followed_by(&self, other: &Self) -> bool {
        (other.list, other.first) == (self.list, self.next)
    }
}

/// How long a stretch is: it ends with the element in which either is reached.
#[derive(Clone, Copy)]
pub struct StretchSize {
    /// Bytes of text.
    pub bytes: usize,
    /// Commas, in strings as well.
    pub commas: usize,
}

/// What a long record is made of.
#[derive(Default)]
pub struct Stretches {
    /// The stretches, from the first to the last.
    pub all: Vec<Stretch>,
    /// The long containers among the record's own members or elements.
    long: Vec<Span>,
}

impl Stretches {
    /// Those of the record that is there; none of one that nests too deep.
    pub fn of(data: &[u8], record: Span, size: StretchSize) -> Self {
        dispatch(Finding { data, record, size })
    }

    /// Where a long container ends that is one of the record's own members or elements.
    pub fn end_of_long(&self, start: usize) -> Option<usize> {
        let place = self.long.binary_search_by_key(&start, |span| span.0).ok()?;
        Some(self.long[place].1)
    }

    /// How many follow one another without a gap from that one on.
    pub fn together(&self, from: usize) -> usize {
        let rest = &self.all[from..];
        let gap = rest.windows(2).position(|pair| !pair[0].is_followed_by(&pair[1]));
        gap.map_or(rest.len(), |last| last + 1)
    }
}

struct Finding<'a> {
    data: &'a [u8],
    record: Span,
    size: StretchSize,
}

impl Work for Finding<'_> {
    type Output = Stretches;

    #[inline(always)]
    fn run(self, simd: impl Simd) -> Stretches {
        let Self { data, record: (start, end), size } = self;
        let mut finder = Finder::new(size);
        let mut strings = Strings::default();
        let mut rest = data.get(start..end).unwrap_or_default();
        let mut at = start;
        while !rest.is_empty() && !finder.is_too_deep {
            let mut last = [b' '; 64];
            let (block, after) = rest.split_first_chunk::<64>().unwrap_or_else(|| {
                last[..rest.len()].copy_from_slice(rest);
                (&last, &[])
            });
            let found = simd.bracket_bits(block);
            finder.block(block, at, found, strings.next(&found));
            at += block.len();
            rest = after;
        }
        finder.finish()
    }
}

/// A container that is open.
struct Level {
    start: usize,
    is_list: bool,
    /// Its commas so far: one less than its members or elements, once there is one.
    commas: u64,
    /// How many stretches there were before the element at hand.
    before: usize,
    /// Whether some of its elements are a stretch.
    is_cut: bool,
    run: Option<Run>,
}

/// Elements of a list that may become a stretch.
struct Run {
    start: usize,
    end: usize,
    first: u64,
    next: u64,
    /// All commas before it.
    commas: usize,
}

struct Finder {
    size: StretchSize,
    levels: Vec<Level>,
    found: Stretches,
    commas: usize,
    is_too_deep: bool,
}

impl Finder {
    fn new(size: StretchSize) -> Self {
        let (levels, found) = (Vec::new(), Stretches::default());
        Self { size, levels, found, commas: 0, is_too_deep: false }
    }

    fn finish(mut self) -> Stretches {
        if self.is_too_deep {
            return Stretches::default();
        }
        self.found.all.sort_by_key(|stretch| stretch.start);
        self.found
    }

    /// Takes the next block, which begins at `at`; `strings` are its bytes that are in strings.
    #[inline(always)]
    fn block(&mut self, block: &[u8; 64], at: usize, found: BracketBits, strings: u64) {
        let mut commas = found.commas & !strings;
        let mut brackets = (found.opens | found.closes) & !strings;
        while brackets != 0 {
            let place = brackets.trailing_zeros();
            let before = (1 << place) - 1;
            self.count((commas & before).count_ones());
            commas &= !before;
            if found.opens >> place & 1 == 1 {
                self.open(at + place as usize, block[place as usize] == b'[');
            } else {
                self.close(at + place as usize + 1);
            }
            brackets &= brackets - 1;
        }
        self.count(commas.count_ones());
    }

    #[inline(always)]
    fn count(&mut self, commas: u32) {
        self.commas += commas as usize;
        if let Some(level) = self.levels.last_mut() {
            level.commas += u64::from(commas);
        }
    }

    fn open(&mut self, start: usize, is_list: bool) {
        let (before, commas) = (self.found.all.len(), self.commas);
        if let Some(list) = self.levels.last_mut().filter(|level| level.is_list) {
            list.before = before;
            let first = list.commas + 1;
            let run = Run { start, end: start, first, next: first, commas };
            list.run.get_or_insert(run);
        }
        self.is_too_deep |= self.levels.len() >= MOST_LEVELS;
        let level = Level { start, is_list, commas: 0, before, is_cut: false, run: None };
        self.levels.push(level);
    }

    fn close(&mut self, end: usize) {
        let Some(level) = self.levels.pop() else { return };
        let depth = self.levels.len();
        if let Some(run) = level.run.filter(|_| level.is_cut) {
            self.cut(run, level.start, depth + 1);
        }
        if depth == 1 && end - level.start > self.size.bytes {
            self.found.long.push((level.start, end));
        }
        let Some(list) = self.levels.last_mut().filter(|level| level.is_list) else { return };
        let Some(mut run) = list.run.take() else { return };
        let has_own = self.found.all.len() > list.before;
        if !has_own {
            (run.end, run.next) = (end, list.commas + 2);
        }
        let (length, commas) = (run.end - run.start, self.commas - run.commas);
        let is_long = length >= self.size.bytes || commas >= self.size.commas;
        if !(has_own || is_long) {
            list.run = Some(run);
        } else if is_long || length >= self.size.bytes / SHORT {
            list.is_cut = true;
            let start = list.start;
            self.cut(run, start, depth);
        }
    }

    fn cut(&mut self, Run { start, end, first, next, .. }: Run, list: usize, depth: usize) {
        if end > start {
            self.found.all.push(Stretch { start, end, first, next, depth, list });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{StretchSize, Stretches};
    use crate::random::Random;
    use crate::sound::Record;

    fn stretches(text: &str, bytes: usize) -> Vec<(&str, u64, u64, usize)> {
        let size = StretchSize { bytes, commas: usize::MAX };
        let found = Stretches::of(text.as_bytes(), (0, text.len()), size).all;
        let parts = found.iter().map(|it| (&text[it.start..it.end], it.first, it.next, it.depth));
        parts.collect()
    }

    #[test]
    fn a_list_is_cut_between_its_elements() {
        let text = r#"{"a":[1,{"]":0} , {},[2],[3,[4]]],"b":[5,6,7,8,9]}"#;
        assert_eq!(
            stretches(text, 5),
            [(r#"{"]":0}"#, 2, 3, 2), ("{},[2]", 3, 5, 2), ("[3,[4]]", 5, 6, 2)]
        );
        let found =
            Stretches::of(text.as_bytes(), (0, text.len()), StretchSize { bytes: 5, commas: 9 });
        assert_eq!((found.together(0), found.together(2)), (3, 1));
        assert_eq!(found.end_of_long(5), Some(33));
        assert_eq!(found.end_of_long(6), None);
    }

    #[test]
    fn an_element_with_stretches_of_its_own_is_in_none() {
        let text = "[{},{},[[1],[2],[3]],{},{},{}]";
        assert_eq!(
            stretches(text, 7),
            [("{},{}", 1, 3, 1), ("[1],[2]", 1, 3, 2), ("[3]", 3, 4, 2), ("{},{},{}", 4, 7, 1)]
        );
    }

    #[test]
    fn what_nests_too_deep_is_not_cut() {
        let text = format!("[{{}},{{}},{}{}]", "[".repeat(300), "]".repeat(300));
        assert_eq!(stretches(&text, 1), []);
    }

    #[test]
    fn a_record_is_sound_whoever_looks_at_its_parts() {
        let mut random = Random::default();
        for round in 0..20_000 {
            let mut text = random.value(5).into_bytes();
            let at = random.below(text.len());
            if round % 2 == 0 {
                text[at] = b"{}[],:\"\\1 \xff"[random.below(11)];
            }
            let (data, value) = (&*text, (0, text.len()));
            let size = StretchSize { bytes: 1 + random.below(40), commas: 1 + random.below(9) };
            let found = Stretches::of(data, value, size).all;
            let record = Record { data, value, key: None, depth: 1, max_depth: 6 };
            let is_sound = record.is_sound(&[], 1);
            assert_eq!(record.is_sound(&found, 1), is_sound, "{}", String::from_utf8_lossy(data));
        }
    }
}
