//! Few rows of each of many tables, of several batches, until they are put together or appended.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use super::appends::{Append, AppendFile, Appends};
use super::few::{FewKinds, FewRows, PackedRows};
use super::gathered_kinds::GatheredKinds;
use super::places::Places;
use super::table_rows::Rows;
use crate::kinds::TableKinds;

/// Rows in the order of their tables, and for each table in the order in which they came.
#[derive(Default)]
pub struct Gathered {
    batches: Vec<Arc<FewRows>>,
    kinds: GatheredKinds,
    size: usize,
    /// Where the rows are, once that was asked for.
    places: Option<Places>,
    /// By the number of the table, the part that its rows can be appended to.
    open: Vec<Option<OpenPart>>,
    /// How many files may stay open from one time to the next, and how many do.
    most_kept: usize,
    kept: usize,
}

/// A part of a table, to whose file rows are appended as they are.
struct OpenPart {
    file: Arc<AppendFile>,
    part: NewPart,
    added: Added,
}

/// A part of a table as it is opened.
pub struct NewPart {
    /// How many cells a row has to have.
    pub width: usize,
    /// How many rows there may still be.
    pub room: usize,
    /// What comes before the rows.
    pub begin: Vec<u8>,
}

/// Rows that were appended to the file of a table's part.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Added {
    /// How many there were.
    pub rows: usize,
    /// And how many bytes of text.
    pub bytes: usize,
}

/// What became of gathered rows.
pub struct Appended {
    /// What is to be written.
    pub appends: Appends,
    /// The rows that could not be appended, as `Gathered::take_rows` would take them.
    pub others: Vec<Rows>,
    /// The tables of others whose parts were open, and are no more.
    pub closed: Vec<(usize, Added)>,
}

impl Gathered {
    /// Nothing; so many files of parts may stay open from one time that rows are appended to the next.
    pub fn new(most_kept: usize) -> Self {
        Self { most_kept, ..Self::default() }
    }

    /// About how many bytes of memory the rows take.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Adds the rows of a batch, and the kinds of values in them.
    pub fn add(&mut self, few: Arc<FewRows>, kinds: &FewKinds) {
        self.kinds.add(kinds);
        self.size += few.size();
        self.batches.push(few);
        self.places = None;
    }

    /// Takes all rows, put together.
    pub fn take_rows(&mut self) -> Vec<Rows> {
        let (batches, places) = self.take_batches();
        let mut rows = Vec::new();
        for (_, of_table) in places.tables() {
            put_together(places.rows(&batches, of_table), &mut rows);
        }
        rows
    }

    /// Takes the kinds of values in all rows that were added since the last time.
    pub fn take_kinds(&mut self) -> Vec<TableKinds> {
        self.kinds.take()
    }

    /// The tables without an open part whose rows have one width and fewer bytes than that: their
    /// number, that width, and how many rows there are.
    pub fn unopened(&mut self, most_bytes: usize) -> Vec<(usize, usize, usize)> {
        let Self { batches, places, open, .. } = self;
        let places = &*places.get_or_insert_with(|| Places::of(batches));
        let tables = places.tables().filter(|&(table, _)| !is_open(open, table));
        let few = tables.filter_map(|(table, of_table)| {
            let (width, added) = measured(places.rows(batches, of_table))?;
            (added.bytes < most_bytes).then_some((table, width, added.rows))
        });
        few.collect()
    }

    /// Has the rows of a table appended to a part's file, which is made if it is not there.
    pub fn open(&mut self, table: usize, path: PathBuf, part: NewPart) {
        if self.open.len() <= table {
            self.open.resize_with(table + 1, || None);
        }
        let is_kept = self.kept < self.most_kept;
        self.kept += usize::from(is_kept);
        let file = AppendFile::new(path, is_kept).into();
        self.open[table] = Some(OpenPart { file, part, added: Added::default() });
    }

    /// Takes all rows, those of open parts to be appended to them if they fit there.
    ///
    /// Rows of fewer bytes than `most_bytes` are to be appended at once: a table with more is closed.
    pub fn append(&mut self, most_bytes: usize) -> Appended {
        let (batches, places) = self.take_batches();
        let (mut files, mut others, mut closed) = (Vec::new(), Vec::new(), Vec::new());
        for (table, of_table) in places.tables() {
            let rows = || places.rows(&batches, of_table.clone());
            let Some(open) = self.open.get_mut(table).and_then(Option::as_mut) else {
                put_together(rows(), &mut others);
                continue;
            };
            let fitting = measured(rows()).filter(|&(width, added)| {
                open.part.takes(width, added) && added.bytes < most_bytes
            });
            if let Some((_, added)) = fitting {
                files.push(open.append(added, of_table.clone()));
            } else {
                let begin = open.append(Added::default(), 0..0);
                files.extend(Some(begin).filter(|append| !append.begin.is_empty()));
                closed.push((table, open.added));
                self.kept -= usize::from(open.file.is_kept());
                self.open[table] = None;
                put_together(rows(), &mut others);
            }
        }
        Appended { appends: Appends { batches, places, files }, others, closed }
    }

    /// Closes all parts; what was appended to each since it was opened. Nothing is to be gathered.
    pub fn close_all(&mut self) -> Vec<(usize, Added)> {
        self.kept = 0;
        let parts = std::mem::take(&mut self.open).into_iter().enumerate();
        parts.filter_map(|(table, open)| Some((table, open?.added))).collect()
    }

    fn take_batches(&mut self) -> (Vec<Arc<FewRows>>, Places) {
        self.size = 0;
        let batches = std::mem::take(&mut self.batches);
        let places = self.places.take().unwrap_or_else(|| Places::of(&batches));
        (batches, places)
    }
}

fn is_open(parts: &[Option<OpenPart>], table: usize) -> bool {
    parts.get(table).is_some_and(Option::is_some)
}

impl NewPart {
    /// Whether it takes so many rows of that width.
    fn takes(&self, width: usize, added: Added) -> bool {
        width == self.width && added.rows <= self.room
    }
}

impl OpenPart {
    /// What is to be appended, with the rows at these places.
    fn append(&mut self, added: Added, places: Range<usize>) -> Append {
        self.part.room -= added.rows;
        self.added.rows += added.rows;
        self.added.bytes += added.bytes;
        let begin = std::mem::take(&mut self.part.begin);
        Append { file: Arc::clone(&self.file), begin, places }
    }
}

/// How many cells the rows of a table have, if all have as many, and how many there are.
fn measured<'a>(rows: impl Iterator<Item = PackedRows<'a>>) -> Option<(usize, Added)> {
    let (mut width, mut added) = (None, Added::default());
    for rows in rows {
        if width.is_some_and(|width| width != rows.width) {
            return None;
        }
        width = Some(rows.width);
        added.rows += rows.ends.len();
        added.bytes += rows.text.len();
    }
    Some((width?, added))
}

/// Puts the rows of a table together, where they have the same number of cells.
fn put_together<'a>(rows: impl Iterator<Item = PackedRows<'a>>, all: &mut Vec<Rows>) {
    let first = all.len();
    for added in rows {
        match all[first..].last_mut().filter(|last| last.width == added.width) {
            Some(last) => {
                let start = last.text.len();
                last.text.extend_from_slice(added.text);
                last.ends.extend(added.ends_from(start));
            }
            None => all.push(added.to_rows()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{env, fs, io, process};

    use super::{Added, FewKinds, FewRows, Gathered, NewPart, Rows};
    use crate::flatten::table_rows::RowsIn;

    /// Rows of tables, each with its number, text and width, and bits of the table with the number 2.
    fn few(rows: &[(usize, &str, usize)], bits: &[u128]) -> (FewRows, FewKinds) {
        let mut few = FewRows::default();
        for &(table, text, width) in rows {
            let ends = &*ends(text);
            few.add(RowsIn { table, text: text.as_bytes(), ends, width }, 0);
        }
        few.add_kinds(2, bits.iter().copied());
        let kinds = few.take_kinds();
        (few, kinds)
    }

    fn add(gathered: &mut Gathered, (few, kinds): (FewRows, FewKinds)) {
        gathered.add(few.into(), &kinds);
    }

    fn ends(text: &str) -> Vec<usize> {
        text.match_indices('\n').map(|(at, _)| at + 1).collect()
    }

    fn described(rows: Vec<Rows>) -> Vec<(usize, String, usize)> {
        let one = |rows: Rows| {
            let text = String::from_utf8_lossy(&rows.text).into_owned();
            assert_eq!(rows.ends, ends(&text));
            (rows.table, text, rows.width)
        };
        rows.into_iter().map(one).collect()
    }

    fn owned(rows: &[(usize, &str, usize)]) -> Vec<(usize, String, usize)> {
        rows.iter().map(|&(table, text, width)| (table, text.to_owned(), width)).collect()
    }

    #[test]
    fn rows_are_put_together_table_by_table() {
        let mut gathered = Gathered::default();
        add(&mut gathered, few(&[(0, "a\n", 1), (2, "b\nc\n", 2)], &[1]));
        add(&mut gathered, few(&[(0, "d\n", 1), (2, "e,\n", 3), (2, "f\n", 4)], &[2, 4]));
        assert!(gathered.size() > 11);
        let expected = [(0, "a\nd\n", 1), (2, "b\nc\n", 2), (2, "e,\n", 3), (2, "f\n", 4)];
        assert_eq!(described(gathered.take_rows()), owned(&expected));
        assert_eq!(gathered.take_kinds(), few(&[], &[3, 4]).1.table_kinds());
        assert!(gathered.size() == 0 && gathered.take_rows().is_empty());
        assert!(gathered.take_kinds().is_empty());
    }

    #[test]
    fn rows_that_fit_are_appended_to_open_parts() -> io::Result<()> {
        // Some files stay open, and some do not.
        let mut gathered = Gathered::new(1);
        let path = |table| env::temp_dir().join(format!("gathered-{table}-{}", process::id()));
        let open = |gathered: &mut Gathered, table, width, begin: &str| {
            gathered.open(table, path(table), NewPart { width, room: 3, begin: begin.into() });
        };
        let rows = [(0, "a\n", 1), (1, "b\n", 1), (2, "c\n", 1), (2, "d,\n", 2), (3, "long\n", 1)];
        add(&mut gathered, few(&rows, &[]));
        assert_eq!(gathered.unopened(5), [(0, 1, 1), (1, 1, 1)]);
        open(&mut gathered, 0, 1, "A\n");
        open(&mut gathered, 2, 1, "C\n");
        assert_eq!(gathered.unopened(5), [(1, 1, 1)]);
        let made = gathered.append(5);
        made.appends.write()?;
        assert_eq!(described(made.others), owned(&[rows[1], rows[2], rows[3], rows[4]]));
        assert_eq!(made.closed, [(2, Added::default())]);

        add(&mut gathered, few(&[(0, "e\n", 1)], &[]));
        add(&mut gathered, few(&[(0, "f\n", 1)], &[]));
        gathered.append(5).appends.write()?;
        assert_eq!([fs::read(path(0))?, fs::read(path(2))?], [&b"A\na\ne\nf\n"[..], b"C\n"]);
        // There is no room for one more.
        add(&mut gathered, few(&[(0, "g\n", 1)], &[]));
        assert_eq!(gathered.append(5).closed, [(0, Added { rows: 3, bytes: 6 })]);
        open(&mut gathered, 1, 1, "");
        assert_eq!(gathered.close_all(), [(1, Added::default())]);
        assert!(gathered.close_all().is_empty() && !path(1).exists());
        [0, 2].into_iter().try_for_each(|table| fs::remove_file(path(table)))
    }
}
