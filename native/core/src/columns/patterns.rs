//! Patterns of the paths of columns, as `patterns.py` matches them (docs/spec.md 11.1).

use super::names::names_of;

/// Stands for any number of names, as a whole name of a pattern.
const ANY_NAMES: &str = "**";

/// What ends the pattern of a name that is there again (docs/spec.md 3.5).
const NUMBERED: &str = "~*";

/// A pattern, ready to match.
pub struct Pattern {
    parts: Vec<String>,
}

impl Pattern {
    /// A pattern as it is written.
    pub fn new(text: &str) -> Self {
        Self { parts: names_of(text) }
    }

    /// The last name, None for one that stands for several.
    pub fn last_name(&self) -> Option<&str> {
        self.parts.last().map(String::as_str).filter(|last| !last.contains('*'))
    }

    /// A name that each path has which it matches, be it with a number after it; "" for none.
    pub fn anchor(&self) -> &str {
        let plain = self.parts.iter().map(|part| part.strip_suffix(NUMBERED).unwrap_or(part));
        plain.into_iter().find(|part| !part.contains('*')).unwrap_or_default()
    }

    /// Whether it matches a whole path.
    pub fn matches(&self, names: &[String]) -> bool {
        self.reached(names)[self.parts.len()]
    }

    /// Whether it matches any path that begins with these names and goes on.
    pub fn may_match_below(&self, names: &[String]) -> bool {
        self.reached(names)[..self.parts.len()].contains(&true)
    }

    /// Whether it is plain that it matches every path that begins so and goes on.
    pub fn matches_all_below(&self, names: &[String]) -> bool {
        let Some(last) = self.parts.len().checked_sub(1) else { return false };
        self.parts[last] == ANY_NAMES && self.reached(names)[last]
    }

    /// Which places, before each part and after the last, can be come to with these names.
    fn reached(&self, names: &[String]) -> Vec<bool> {
        let mut reached = vec![false; self.parts.len() + 1];
        reached[0] = true;
        self.pass(&mut reached);
        for name in names {
            let mut next = vec![false; reached.len()];
            for (place, part) in self.parts.iter().enumerate() {
                if reached[place] && fits(part, name) {
                    next[place + usize::from(part != ANY_NAMES)] = true;
                }
            }
            if !next.contains(&true) {
                return next;
            }
            self.pass(&mut next);
            reached = next;
        }
        reached
    }

    /// Comes to the places beyond parts that stand for no name, too.
    fn pass(&self, reached: &mut [bool]) {
        for (place, part) in self.parts.iter().enumerate() {
            reached[place + 1] |= reached[place] && part == ANY_NAMES;
        }
    }
}

/// Under which anchors the patterns are that may match a path, each at least once.
pub fn anchors_of(names: &[String]) -> impl Iterator<Item = &str> {
    let of_name =
        |name: &'_ String| name.match_indices('~').map(|(end, _)| end).collect::<Vec<_>>();
    let within =
        names.iter().flat_map(move |name| of_name(name).into_iter().map(|end| &name[..end]));
    names.iter().map(String::as_str).chain(within).chain([""])
}

/// Whether one part of a pattern matches one name.
fn fits(part: &str, name: &str) -> bool {
    if part == ANY_NAMES || part == name {
        return true;
    }
    let Some((first, rest)) = part.split_once('*') else { return false };
    let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut inner) = name.strip_prefix(first).and_then(|name| name.strip_suffix(last)) else {
        return false;
    };
    for text in middle.split('*') {
        match inner.find(text) {
            Some(found) => inner = &inner[found + text.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::{Pattern, names_of};

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).matches(&names_of(path))
    }

    #[test]
    fn a_pattern_matches_whole_paths() {
        for (pattern, path) in [
            ("a.b", "a.b"),
            ("a.*", "a.b"),
            ("*", "a"),
            ("**", "a.b.c"),
            ("a.**", "a"),
            ("**.c", "c"),
            ("**.c", "a.b.c"),
            ("a.**.c", "a.c"),
            ("a.**.**.c", "a.b.c"),
            ("a*z", "az"),
            ("a*m*z", "a.mz.".trim_matches('.').replace('.', "_").as_str()),
            ("*num*", "account_num_1"),
            ("a*b", "a*b"),
            ("é", "e\u{301}"),
            ("a**b", "axb"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("a", "A"),
            ("a", "a.b"),
            ("*", "a.b"),
            ("a.*", "a"),
            ("aba*aba", "aba"),
            ("aba*aba", "ababa"),
            ("*m*m*", "am"),
            ("a**b", "a.b"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn what_is_below_a_path_is_told_before_it_is_there() {
        let below = |pattern: &str, path: &str| {
            let (pattern, names) = (Pattern::new(pattern), names_of(path));
            (pattern.may_match_below(&names), pattern.matches_all_below(&names))
        };
        assert_eq!(below("a.b", "a"), (true, false));
        assert_eq!(below("a.b", "a.b"), (false, false));
        assert_eq!(below("a.**", "a"), (true, true));
        assert_eq!(below("a.**", ""), (true, false));
        assert_eq!(below("**", ""), (true, true));
        assert_eq!(below("**.b", "a.c"), (true, false));
        assert_eq!(below("", ""), (false, false));
        assert_eq!(Pattern::new("a.b*").last_name(), None);
        assert_eq!(Pattern::new("a.b").last_name(), Some("b"));
    }

    #[test]
    fn no_pattern_takes_for_ever() {
        // By trying out what each `*` may stand for, this would never end.
        for (pattern, path) in [
            ("*a".repeat(500) + "*b", "a".repeat(1000)),
            ("*".repeat(1000) + "b", "a".repeat(1000)),
            ("*aab".repeat(200) + "*b*a", "aa".repeat(500) + "b"),
            ("**.".repeat(340) + "b", ["a"; 500].join(".")),
            ("**.*a*a*.".repeat(110) + "b", [&*"a".repeat(30); 30].join(".")),
            ("*a*.".repeat(200) + "b", ["aaaaa"; 200].join(".")),
            ("**.".repeat(170) + &"a.".repeat(170) + "b", ["a"; 500].join(".")),
        ] {
            assert!(!matches(&pattern, &path), "{pattern}");
            let fitting = pattern.replace("**.", "x.y.").replace('*', "a");
            assert!(matches(&pattern, &fitting), "{pattern}");
        }
    }
}
