//! Few rows of each of many tables, of several batches, until they are put together or appended.

use std::path::PathBuf;
use std::sync::Arc;

use super::appends::{Append, Appends, Place};
use super::few::{FewKinds, FewRows};
use super::table_rows::{Rows, RowsIn};
use crate::kinds::TableKinds;

/// Rows in the order of their tables, and for each table in the order in which they came.
#[derive(Default)]
pub struct Gathered {
    batches: Vec<Arc<FewRows>>,
    /// By the number of the table, its rows in these.
    places: Vec<Vec<Place>>,
    /// By the number of the table, the bits of its columns.
    kinds: Vec<Vec<u8>>,
    size: usize,
    /// By the number of the table, the part that its rows can be appended to.
    open: Vec<Option<OpenPart>>,
}

/// A part of a table, to whose file rows are appended as they are.
pub struct OpenPart {
    /// The file, which is made if it is not there.
    pub path: PathBuf,
    /// How many cells a row has to have.
    pub width: usize,
    /// How many rows there may still be.
    pub room: usize,
    /// What comes before the rows.
    pub begin: Vec<u8>,
    /// What was appended.
    pub added: Added,
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
    /// About how many bytes of memory the rows take.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Adds the rows of a batch, and the kinds of values in them.
    pub fn add(&mut self, few: Arc<FewRows>, kinds: &FewKinds) {
        for (table, bits) in kinds.iter() {
            let known = at(&mut self.kinds, table);
            known.resize(known.len().max(bits.len()), 0);
            known.iter_mut().zip(bits).for_each(|(known, bits)| *known |= bits);
        }
        for (index, rows) in few.iter().enumerate() {
            at(&mut self.places, rows.table).push((self.batches.len(), index));
        }
        self.size += few.size();
        self.batches.push(few);
    }

    /// Takes all rows, put together.
    pub fn take_rows(&mut self) -> Vec<Rows> {
        let batches = self.take_batches();
        let mut rows = Vec::new();
        for (_, places) in of_tables(&self.places) {
            put_together(&batches, places, &mut rows);
        }
        self.forget_places();
        rows
    }

    /// Takes the kinds of values in all rows that were added since the last time.
    pub fn take_kinds(&mut self) -> Vec<TableKinds> {
        let kinds = std::mem::take(&mut self.kinds).into_iter().enumerate();
        let kinds = kinds.filter(|(_, bits)| !bits.is_empty());
        kinds.map(|(table, bits)| TableKinds { table, bits }).collect()
    }

    /// The tables without an open part whose rows have one width and fewer bytes than that: their
    /// number, that width, and how many rows there are.
    pub fn unopened(&self, most_bytes: usize) -> Vec<(usize, usize, usize)> {
        let tables = of_tables(&self.places).filter(|&(table, _)| self.part(table).is_none());
        let few = tables.filter_map(|(table, places)| {
            let (width, added) = measured(&self.batches, places)?;
            (added.bytes < most_bytes).then_some((table, width, added.rows))
        });
        few.collect()
    }

    /// Has the rows of a table appended to that part.
    pub fn open(&mut self, table: usize, part: OpenPart) {
        *at(&mut self.open, table) = Some(part);
    }

    /// Takes all rows, those of open parts to be appended to them if they fit there.
    ///
    /// Rows of fewer bytes than `most_bytes` are to be appended at once: a table with more is closed.
    pub fn append(&mut self, most_bytes: usize) -> Appended {
        let batches = self.take_batches();
        let (mut files, mut others, mut closed) = (Vec::new(), Vec::new(), Vec::new());
        for (table, places) in of_tables(&self.places) {
            let Some(part) = self.open.get_mut(table).and_then(Option::as_mut) else {
                put_together(&batches, places, &mut others);
                continue;
            };
            let begin = std::mem::take(&mut part.begin);
            let mut append = Append { path: part.path.clone(), begin, places: Vec::new() };
            let fitting = measured(&batches, places).filter(|&(width, added)| {
                width == part.width && added.rows <= part.room && added.bytes < most_bytes
            });
            if let Some((_, added)) = fitting {
                part.room -= added.rows;
                part.added.rows += added.rows;
                part.added.bytes += added.bytes;
                append.places.extend_from_slice(places);
            } else {
                closed.push((table, part.added));
                self.open[table] = None;
                put_together(&batches, places, &mut others);
            }
            if !(append.begin.is_empty() && append.places.is_empty()) {
                files.push(append);
            }
        }
        self.forget_places();
        Appended { appends: Appends { batches, files }, others, closed }
    }

    /// Closes all parts; what was appended to each since it was opened. Nothing is to be gathered.
    pub fn close_all(&mut self) -> Vec<(usize, Added)> {
        let parts = std::mem::take(&mut self.open).into_iter().enumerate();
        parts.filter_map(|(table, part)| Some((table, part?.added))).collect()
    }

    fn take_batches(&mut self) -> Vec<Arc<FewRows>> {
        self.size = 0;
        std::mem::take(&mut self.batches)
    }

    fn forget_places(&mut self) {
        self.places.iter_mut().for_each(Vec::clear);
    }

    fn part(&self, table: usize) -> Option<&OpenPart> {
        self.open.get(table)?.as_ref()
    }
}

/// The numbers of tables that have rows, and where those are.
fn of_tables(places: &[Vec<Place>]) -> impl Iterator<Item = (usize, &[Place])> {
    let tables = places.iter().map(Vec::as_slice).enumerate();
    tables.filter(|(_, places)| !places.is_empty())
}

fn rows_at<'a>(
    batches: &'a [Arc<FewRows>],
    places: &'a [Place],
) -> impl Iterator<Item = RowsIn<'a>> {
    places.iter().filter_map(|&(batch, index)| batches[batch].get(index))
}

/// How many cells the rows of a table have, if all have as many, and how many there are.
fn measured(batches: &[Arc<FewRows>], places: &[Place]) -> Option<(usize, Added)> {
    let (mut width, mut added) = (None, Added::default());
    for rows in rows_at(batches, places) {
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
fn put_together(batches: &[Arc<FewRows>], places: &[Place], all: &mut Vec<Rows>) {
    let first = all.len();
    for added in rows_at(batches, places) {
        let RowsIn { text, ends, width, .. } = added;
        match all[first..].last_mut().filter(|last| last.width == width) {
            Some(last) => {
                let start = last.text.len();
                last.text.extend_from_slice(text);
                last.ends.extend(ends.iter().map(|end| start + end));
            }
            None => all.push(added.to_rows()),
        }
    }
}

/// The element of a table, after those of tables before it.
fn at<T: Default>(all: &mut Vec<T>, table: usize) -> &mut T {
    if all.len() <= table {
        all.resize_with(table + 1, T::default);
    }
    &mut all[table]
}

#[cfg(test)]
mod tests {
    use std::{env, fs, io, process};

    use super::{Added, FewKinds, FewRows, Gathered, OpenPart, Rows, RowsIn};

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
        let mut gathered = Gathered::default();
        let path = |table| env::temp_dir().join(format!("gathered-{table}-{}", process::id()));
        let part = |table, width, begin: &str| {
            let (path, begin) = (path(table), begin.into());
            OpenPart { path, width, room: 3, begin, added: Added::default() }
        };
        let rows = [(0, "a\n", 1), (1, "b\n", 1), (2, "c\n", 1), (2, "d,\n", 2), (3, "long\n", 1)];
        add(&mut gathered, few(&rows, &[]));
        assert_eq!(gathered.unopened(5), [(0, 1, 1), (1, 1, 1)]);
        gathered.open(0, part(0, 1, "A\n"));
        gathered.open(2, part(2, 1, "C\n"));
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
        gathered.open(1, part(1, 1, ""));
        assert_eq!(gathered.close_all(), [(1, Added::default())]);
        assert!(gathered.close_all().is_empty() && !path(1).exists());
        [0, 2].into_iter().try_for_each(|table| fs::remove_file(path(table)))
    }
}
