//! What is done with columns, as `rules.py` says it: looked up once for each, not for each cell.

use std::borrow::Cow;
use std::collections::HashMap;

use super::masks::{Mask, MaskMaker};
use super::method::Method;
use super::names::{names_of, nfc};
use super::patterns::{Pattern, anchors_of};
use super::pseudonyms::Pseudonyms;

/// A link column.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// The id of the record that a row is from.
    RecordId,
    /// The row's own id.
    RowId,
    /// The id of the row that it is a child of.
    ParentRowId,
    /// The key of the member that the row is.
    Key,
}

impl Link {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::RecordId => "_record_id",
            Self::RowId => "_row_id",
            Self::ParentRowId => "_parent_row_id",
            Self::Key => "_key",
        }
    }
}

/// What is done with a column: whether it stays, and how its cells are masked, if at all.
///
/// One that is left out by choice has no method, and its cells do not count as masked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Treatment {
    /// Whether the column is written.
    pub stays: bool,
    /// How its cells are masked.
    pub method: Option<Method>,
    /// The domain of pseudonyms, in NFC.
    pub domain: String,
}

impl Treatment {
    const PLAIN: Self = Self { stays: true, method: None, domain: String::new() };
    const LEFT_OUT: Self = Self { stays: false, method: None, domain: String::new() };
}

/// How the columns that match a pattern are masked.
pub struct MaskRule {
    columns: Pattern,
    method: Method,
    domain: String,
}

impl MaskRule {
    /// `domain` is within which pseudonyms are the same; "" stands for the column's last name.
    pub fn new(columns: &str, method: Method, domain: &str) -> Self {
        Self { columns: Pattern::new(columns), method, domain: nfc(domain) }
    }
}

/// A choice of columns and rules for masks, of which the last that matches counts.
pub struct Layer {
    include: Vec<Pattern>,
    exclude: Vec<Pattern>,
    rules: Vec<MaskRule>,
    /// The places of the rules whose patterns have the same anchor.
    by_anchor: HashMap<String, Vec<usize>>,
}

impl Layer {
    /// A layer with these patterns and rules.
    pub fn new(include: &[String], exclude: &[String], rules: Vec<MaskRule>) -> Self {
        let mut by_anchor = HashMap::<_, Vec<_>>::new();
        for (place, rule) in rules.iter().enumerate() {
            by_anchor.entry(rule.columns.anchor().to_owned()).or_default().push(place);
        }
        Self { include: patterns(include), exclude: patterns(exclude), rules, by_anchor }
    }

    /// Whether a column that is no link stays.
    fn keeps(&self, names: &[String]) -> bool {
        (self.include.is_empty() || self.include.iter().any(|pattern| pattern.matches(names)))
            && !self.exclude.iter().any(|pattern| pattern.matches(names))
    }

    /// Whether a pattern that excludes names this link column.
    fn names_to_exclude(&self, names: &[String]) -> bool {
        let last = names.last().map(String::as_str);
        self.exclude.iter().any(|pattern| pattern.last_name() == last && pattern.matches(names))
    }

    /// How a column is masked, whether it is chosen or not.
    fn masked(&self, names: &[String]) -> Treatment {
        treatment(self.rule(names), names)
    }

    /// How a `_record_id` is masked, whether it is chosen or not: as the column of the id is, if
    /// that is; otherwise by the rules for itself, and then by those for the root table's.
    fn masked_id(&self, names: &[String], id: &str) -> Treatment {
        if !id.is_empty() {
            let masked = self.masked(&names_of(&column_of_root(id)));
            if masked.method.is_some() {
                return masked;
            }
        }
        let root = [Link::RecordId.name().to_owned()];
        treatment(self.rule(names).or_else(|| self.rule(&root)), names)
    }

    /// The rule that counts for a column.
    fn rule(&self, names: &[String]) -> Option<&MaskRule> {
        // A profile has hundreds, of which few are about a column of any of these names.
        let places = anchors_of(names).filter_map(|anchor| self.by_anchor.get(anchor));
        let mut candidates: Vec<_> = places.flatten().collect();
        candidates.sort_unstable_by(|one, other| other.cmp(one));
        let rules = candidates.into_iter().map(|&place| &self.rules[place]);
        rules.into_iter().find(|rule| rule.columns.matches(names))
    }

    /// Whether it is plain that no column below a table's names stays.
    fn leaves_out_all_below(&self, names: &[String]) -> bool {
        self.exclude.iter().any(|pattern| pattern.matches_all_below(names))
            || !(self.include.is_empty()
                || self.include.iter().any(|pattern| pattern.may_match_below(names)))
    }
}

fn patterns(texts: &[String]) -> Vec<Pattern> {
    texts.iter().map(|text| Pattern::new(text)).collect()
}

/// All that decides what is done with columns, and which objects are read as lists.
pub struct ColumnRules {
    layers: Vec<Layer>,
    maps: Vec<Pattern>,
    masks: MaskMaker,
    /// The column of the root table that is the id of the records, "" where that is their key: of
    /// these records, and of those that say whether `_record_id` stays.
    ids: [String; 2],
}

impl ColumnRules {
    /// Rules with these layers, patterns of maps, what makes masks, and the two ids.
    pub fn new(layers: Vec<Layer>, maps: &[String], masks: MaskMaker, ids: [String; 2]) -> Self {
        Self { layers, maps: patterns(maps), masks, ids }
    }

    /// Whether any object is read as a list.
    pub fn have_maps(&self) -> bool {
        !self.maps.is_empty()
    }

    /// What is done with a column, by all names of its path, that is no link.
    pub fn of_column(&self, names: &[String]) -> Treatment {
        if self.layers.iter().all(|layer| layer.keeps(names)) {
            self.masked(names)
        } else {
            Treatment::LEFT_OUT
        }
    }

    /// How a column is masked, whether it is chosen or not.
    fn masked(&self, names: &[String]) -> Treatment {
        first_of(self.layers.iter().map(|layer| layer.masked(names)))
    }

    /// What is done with a link column of the table with these names.
    ///
    /// A `_record_id` that stays with the method REMOVE is null.
    pub fn of_link(&self, table: &[String], link: Link) -> Treatment {
        let [id, first] = &self.ids;
        let mut own = self.of_link_with(table, link, id);
        if id != first {
            own.stays = self.of_link_with(table, link, first).stays;
        }
        own
    }

    fn of_link_with(&self, table: &[String], link: Link, id: &str) -> Treatment {
        let names = [table, &[link.name().to_owned()]].concat();
        if self.layers.iter().any(|layer| layer.names_to_exclude(&names)) {
            return Treatment::LEFT_OUT;
        }
        if matches!(link, Link::RowId | Link::ParentRowId) {
            return Treatment::PLAIN;
        }
        if link == Link::RecordId {
            return first_of(self.layers.iter().map(|layer| layer.masked_id(&names, id)));
        }
        self.masked(&names)
    }

    /// Whether an object at a path, by its names, is read as a list of its members.
    pub fn is_map(&self, names: &[String]) -> bool {
        self.maps.iter().any(|pattern| pattern.matches(names))
    }

    /// Whether it is plain, before any is there, that no column of a table but links stays.
    pub fn leaves_out_all_of(&self, table: &[String]) -> bool {
        self.layers.iter().any(|layer| layer.leaves_out_all_below(table))
    }

    /// What makes pseudonyms, if there is a key.
    pub fn pseudonyms(&self) -> Option<&Pseudonyms> {
        self.masks.pseudonyms.as_ref()
    }

    /// What masks the cells of a column, if anything does.
    pub fn mask(&self, treatment: &Treatment) -> Option<Mask> {
        let method = treatment.method?;
        Some(Mask::new(method, &treatment.domain, &self.masks))
    }
}

/// What the layers come to: the first mask counts, or a removal by any of them.
fn first_of(treatments: impl Iterator<Item = Treatment>) -> Treatment {
    let mut masking: Vec<_> = treatments.filter(|one| one.method.is_some()).collect();
    let removing = masking.iter().position(|one| one.method == Some(Method::Remove));
    if masking.is_empty() { Treatment::PLAIN } else { masking.swap_remove(removing.unwrap_or(0)) }
}

/// The column that a member of records has: the names of the root's links are taken.
fn column_of_root(member: &str) -> Cow<'_, str> {
    if [Link::RecordId, Link::RowId].iter().any(|link| link.name() == member) {
        Cow::Owned(format!("{member}~2"))
    } else {
        Cow::Borrowed(member)
    }
}

/// What a rule makes of a column; without a domain, its pseudonyms have its last name.
fn treatment(rule: Option<&MaskRule>, names: &[String]) -> Treatment {
    let Some(rule) = rule.filter(|rule| rule.method != Method::Keep) else {
        return Treatment::PLAIN;
    };
    if rule.method == Method::Remove {
        return Treatment { method: Some(Method::Remove), ..Treatment::LEFT_OUT };
    }
    let last = names.last().cloned().unwrap_or_default();
    let domain = if rule.domain.is_empty() { last } else { rule.domain.clone() };
    Treatment { stays: true, method: Some(rule.method), domain }
}
