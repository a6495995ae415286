//! Names of tables and columns: as `FreeNames` and `shown` in `schema.py` make them.

use std::collections::HashMap;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

/// Hands out names that differ: the wanted one, or the next free `~2`, `~3`, … of it.
#[derive(Default)]
pub struct FreeNames {
    /// Each name in use, with the last number that was tried for it.
    tried: HashMap<String, u64>,
}

impl FreeNames {
    /// These names are taken.
    pub fn new<'a>(taken: impl IntoIterator<Item = &'a str>) -> Self {
        Self { tried: taken.into_iter().map(|name| (name.to_owned(), 1)).collect() }
    }

    /// A name for what would like to be called `wanted`.
    pub fn claim(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        if let Some(&tried) = self.tried.get(wanted) {
            let mut number = tried;
            while self.tried.contains_key(&name) {
                number += 1;
                name = format!("{wanted}~{number}");
            }
            self.tried.insert(wanted.to_owned(), number);
        }
        self.tried.insert(name.clone(), 1);
        name
    }
}

/// A path as a name: its keys joined with dots, an empty key as an underscore.
pub fn shown(path: &[&[u8]]) -> String {
    let keys = path.iter().map(|key| match key {
        [] => "_".into(),
        key => String::from_utf8_lossy(key),
    });
    keys.collect::<Vec<_>>().join(".")
}

/// The names of a path, in NFC; none of the empty path, the root table's.
pub fn names_of(path: &str) -> Vec<String> {
    if path.is_empty() {
        return Vec::new();
    }
    nfc(path).split('.').map(str::to_owned).collect()
}

/// Whether a text is its own NFC; of a few ones that are, it is not known.
pub fn is_nfc(text: &str) -> bool {
    // Nothing before the combining characters is composed with what comes before it, and no
    // syllable of Hangul: nearly all texts have no others.
    let is_usual = |one| matches!(one, ..'\u{300}' | '가'..='힣');
    text.chars().all(is_usual) || is_nfc_quick(text.chars()) == IsNormalized::Yes
}

/// A text in NFC.
pub fn nfc(text: &str) -> String {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => text.to_owned(),
        _ => text.nfc().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::{FreeNames, names_of, shown};

    #[test]
    fn names_differ() {
        let mut names = FreeNames::new(["_row_id"]);
        let claimed = ["a", "a", "a~2", "a", "_row_id", "b~2", "b", "b"].map(|it| names.claim(it));
        let expected = ["a", "a~2", "a~2~2", "a~3", "_row_id~2", "b~2", "b", "b~3"];
        assert_eq!(claimed, expected);
    }

    #[test]
    fn a_path_has_names() {
        assert_eq!(shown(&[b"a", b"", b"b.c"]), "a._.b.c");
        assert_eq!(names_of("a.e\u{301}..b"), ["a", "é", "", "b"]);
        assert!(names_of("").is_empty());
    }
}
