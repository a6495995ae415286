//! The link columns that a table's rows begin with (docs/spec.md 3.3, 11.3).

use crate::columns::{ColumnRules, Link, Treatment};

/// Those of the root table.
const ROOT: [Link; 2] = [Link::RecordId, Link::RowId];
/// Those of a table of lists.
const CHILD: [Link; 3] = [Link::RecordId, Link::RowId, Link::ParentRowId];
/// Those of a table of members.
const MAP: [Link; 4] = [Link::RecordId, Link::RowId, Link::ParentRowId, Link::Key];

/// The link columns that are written, as flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Links(u8);

impl Links {
    /// All of the root table.
    pub const OF_ROOT: Self = Self::of(&ROOT);
    /// All of a table of lists.
    pub const OF_CHILD: Self = Self::of(&CHILD);

    const fn of(links: &[Link]) -> Self {
        let (mut flags, mut place) = (0, 0);
        while place < links.len() {
            flags |= 1 << links[place] as u8;
            place += 1;
        }
        Self(flags)
    }

    /// Whether they are those of a usual table, none of which was left out.
    #[inline(always)]
    pub fn are_usual(self, is_root: bool) -> bool {
        self == if is_root { Self::OF_ROOT } else { Self::OF_CHILD }
    }

    /// Whether they have one.
    pub fn have(self, link: Link) -> bool {
        self.0 >> link as u8 & 1 == 1
    }

    /// How many they are.
    pub fn count(self) -> usize {
        self.0.count_ones() as usize
    }
}

/// The link columns of a table, and what is done with them.
#[derive(Clone)]
pub struct TableLinks {
    /// How many there are, left out ones included.
    pub all: usize,
    /// Those that are written.
    pub written: Links,
    /// How the record's id is masked, if it is.
    pub record_id: Option<Treatment>,
    /// How the key is masked, if it is.
    pub key: Option<Treatment>,
}

impl TableLinks {
    /// The usual ones.
    pub fn usual(is_root: bool) -> Self {
        let (all, written) =
            if is_root { (ROOT.len(), Links::OF_ROOT) } else { (CHILD.len(), Links::OF_CHILD) };
        Self { all, written, record_id: None, key: None }
    }

    /// As the rules say it for the table with these names.
    pub fn of(rules: &ColumnRules, table: &[String], is_mapped: bool) -> Self {
        let all: &[Link] = match table {
            [] => &ROOT,
            _ if is_mapped => &MAP,
            _ => &CHILD,
        };
        let treated: Vec<_> = all.iter().map(|&link| (link, rules.of_link(table, link))).collect();
        let written: Vec<_> =
            treated.iter().filter(|(_, one)| one.stays).map(|&(link, _)| link).collect();
        let masked = |wanted: Link| {
            let found = treated.iter().find(|&&(link, _)| link == wanted);
            found.map(|(_, treatment)| treatment.clone()).filter(|one| one.method.is_some())
        };
        Self {
            all: all.len(),
            written: Links::of(&written),
            record_id: masked(Link::RecordId),
            key: masked(Link::Key),
        }
    }
}
