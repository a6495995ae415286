//! Rows of CSV text: buffers that take whole rows.

use super::cell::{Cell, LARGE, Texts};
use super::few::FewRows;
use super::ids::{CHUNK, Ids, LinkText, Tail};
use super::late;
use super::table_rows::{Rows, RowsIn};
use crate::columns::Shown;

/// Rows of fewer bytes are copied where they are taken: their buffer is kept.
pub const FEW_BYTES: usize = 32 << 10;

/// A table's rows.
#[derive(Default)]
pub struct Output {
    /// Rows up to `length`, then room.
    buffer: Vec<u8>,
    length: usize,
    /// How much room to begin with when the buffer was taken.
    usual: usize,
    /// The end of each row.
    ends: Vec<usize>,
    /// Up to which row there are only so many cells.
    narrow: Vec<(usize, usize)>,
}

impl Output {
    /// Forgets all rows.
    pub fn clear(&mut self) {
        if self.buffer.is_empty() {
            self.buffer.resize(self.usual, 0);
        }
        self.length = 0;
        self.ends.clear();
        self.narrow.clear();
    }

    /// Takes the rows so far, those of a table whose rows have so many cells now, as stretches of
    /// rows that have the same number.
    pub fn take_as(&mut self, table: usize, width: usize) -> Vec<Rows> {
        let narrow = std::mem::take(&mut self.narrow);
        let (text, ends) = self.take();
        if narrow.is_empty() {
            let rows = Rows { table, text, ends, width };
            return if rows.ends.is_empty() { Vec::new() } else { vec![rows] };
        }
        let mut stretches = Vec::with_capacity(narrow.len() + 1);
        let (mut row, mut start) = (0, 0);
        for (until, width) in narrow.into_iter().chain([(ends.len(), width)]) {
            let Some(&end) = ends[row..until].last() else { continue };
            let ends = ends[row..until].iter().map(|end| end - start).collect();
            stretches.push(Rows { table, text: text[start..end].to_vec(), ends, width });
            (row, start) = (until, end);
        }
        stretches
    }

    /// Adds a copy of the rows so far to others, as `take_as` would take them.
    pub fn pack(&mut self, table: usize, width: usize, few: &mut FewRows) {
        let (mut row, mut start) = (0, 0);
        let narrow = std::mem::take(&mut self.narrow);
        for (until, width) in narrow.into_iter().chain([(self.ends.len(), width)]) {
            let ends = &self.ends[row..until];
            let Some(&end) = ends.last() else { continue };
            few.add(RowsIn { table, text: &self.buffer[start..end], ends, width }, start);
            (row, start) = (until, end);
        }
        self.length = 0;
        self.ends.clear();
    }

    /// How much memory it has for rows.
    pub fn room(&self) -> usize {
        self.buffer.capacity()
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Gives memory back that holds no rows.
    pub fn forget(&mut self) {
        self.buffer = Vec::new();
        self.usual = 0;
    }

    /// Takes the rows so far, without much room after them.
    fn take(&mut self) -> (Vec<u8>, Vec<usize>) {
        let next = Vec::with_capacity(self.ends.len());
        let ends = std::mem::replace(&mut self.ends, next);
        let is_mostly_room = self.length < self.buffer.capacity() / 2;
        let length = std::mem::take(&mut self.length);
        if length < FEW_BYTES || is_mostly_room {
            let text = self.buffer[..length].to_vec();
            if self.buffer.len() > 2 * LARGE {
                self.buffer = Vec::new();
            }
            return (text, ends);
        }
        let mut text = std::mem::take(&mut self.buffer);
        text.truncate(length);
        // The next batch's rows are about as many, or as those of one of the last.
        self.usual = (text.len() + text.len() / 4).max(self.usual - self.usual / 32).min(2 * LARGE);
        (text, ends)
    }

    /// Appends a row; answers about how much memory it takes.
    #[inline(always)]
    pub fn row(&mut self, ids: &Ids, texts: Texts, cells: &[Cell], line_end: &[u8]) -> usize {
        let length = loop {
            let room = self.buffer.get_mut(self.length..).unwrap_or_default();
            if let Some(length) = write_row(room, ids, texts, cells, line_end) {
                break length;
            }
            if cells.iter().chain([&ids.key]).any(|cell| cell.is_unmade()) {
                break self.make_row(ids, texts, cells, line_end);
            }
            self.grow(ids, cells);
        };
        self.length += length;
        self.ends.push(self.length);
        length + size_of::<usize>()
    }

    /// Makes room for that row, and for more of them.
    #[cold]
    fn grow(&mut self, ids: &Ids, cells: &[Cell]) {
        let row = row_size(ids, cells);
        let more = (self.buffer.len() / 2).clamp(128, LARGE);
        self.buffer.resize(self.buffer.len().max(self.length + row) + more, 0);
    }

    /// Appends a row with cells whose text is made there; answers how long it is.
    #[cold]
    fn make_row(&mut self, ids: &Ids, texts: Texts, cells: &[Cell], line_end: &[u8]) -> usize {
        let buffer = &mut self.buffer;
        buffer.truncate(self.length);
        buffer.reserve_exact(row_size(ids, cells));
        let mut comma: &[u8] = b"";
        for text in ids.written() {
            buffer.extend_from_slice(comma);
            text.append(texts, buffer);
            comma = b",";
        }
        for &cell in cells {
            buffer.extend_from_slice(comma);
            texts.append(cell, buffer);
            comma = b",";
        }
        buffer.extend_from_slice(line_end);
        buffer.len() - self.length
    }

    /// How long the rows so far are.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Puts a pseudonym over what the rows have there.
    #[inline(always)]
    pub fn fill_in(&mut self, at: usize, made: &Shown) {
        late::fill_in(&mut self.buffer, at, made);
    }

    /// Notes that all rows so far have only `width` cells.
    pub fn widen(&mut self, width: usize) {
        let rows = self.ends.len();
        if rows > self.narrow.last().map_or(0, |&(rows, _)| rows) {
            self.narrow.push((rows, width));
        }
    }
}

/// How much room a row takes at most.
fn row_size(ids: &Ids, cells: &[Cell]) -> usize {
    let texts: usize = cells.iter().map(|cell| cell.len()).sum();
    let ids = ids.record.len() + 2 * ids.row.len() + ids.key.len();
    texts + cells.len() + ids + 4 * CHUNK
}

/// Writes a row; answers how long it is, None if there is too little room.
#[inline(always)]
fn write_row(
    room: &mut [u8],
    ids: &Ids,
    texts: Texts,
    cells: &[Cell],
    line_end: &[u8],
) -> Option<usize> {
    if !ids.links.are_usual(ids.parent == 0) {
        return write_chosen_row(room, ids, texts, cells, line_end);
    }
    if cells.len() >= MANY_CELLS && cells.last().is_some_and(|last| last.end == 0) {
        return write_sparse_row(room, ids, texts, cells, line_end);
    }
    let size = room.len();
    let mut rest = write_id(room, ids.record, ids.record.len())?;
    rest = write_comma(rest)?;
    rest = write_id(rest, ids.row, ids.row.len())?;
    rest = write(rest, ids.row_end())?;
    if ids.parent > 0 {
        rest = write_comma(rest)?;
        rest = write_id(rest, ids.row, ids.parent)?;
        rest = write(rest, ids.row_end())?;
    }
    for &cell in cells {
        rest = write_cell(rest, texts, cell)?;
    }
    rest = write(rest, line_end)?;
    Some(size - rest.len())
}

/// Writes a row that begins with the usual links and ends with empty cells, as most do where columns
/// come late; answers the same.
#[inline(never)]
fn write_sparse_row(
    room: &mut [u8],
    ids: &Ids,
    texts: Texts,
    cells: &[Cell],
    line_end: &[u8],
) -> Option<usize> {
    let mut filled = cells;
    while let Some((others, some)) = filled.split_last_chunk::<GROUP>() {
        if some.iter().fold(0, |all, cell| all | cell.end) != 0 {
            break;
        }
        filled = others;
    }
    let length = write_chosen_row(room, ids, texts, filled, b"")?;
    let empty = cells.len() - filled.len();
    let (commas, rest) = room.get_mut(length..)?.split_at_mut_checked(empty)?;
    commas.fill(b',');
    write(rest, line_end)?;
    Some(length + empty + line_end.len())
}

/// Writes a row that does not begin with the usual links; answers the same.
#[inline(never)]
fn write_chosen_row(
    room: &mut [u8],
    ids: &Ids,
    texts: Texts,
    cells: &[Cell],
    line_end: &[u8],
) -> Option<usize> {
    let size = room.len();
    let mut rest = room;
    let mut is_first = true;
    for link in ids.written() {
        if !std::mem::take(&mut is_first) {
            rest = write_comma(rest)?;
        }
        rest = match link {
            LinkText::Record(id) => write_id(rest, id, id.len())?,
            LinkText::Row(id, length) => write(write_id(rest, id, length)?, ids.row_end())?,
            LinkText::Key(key) => write(rest, texts.text(key)?)?,
        };
    }
    for &cell in cells {
        rest = if std::mem::take(&mut is_first) {
            write(rest, texts.text(cell)?)?
        } else {
            write_cell(rest, texts, cell)?
        };
    }
    rest = write(rest, line_end)?;
    Some(size - rest.len())
}

// Each of these writes to the front of the room, and answers what is left of it.

/// A row may have many empty cells at its end from so many on, which are looked at
const MANY_CELLS: usize = 32;
/// so many at once.
const GROUP: usize = 8;
const COMMA_AND_CHUNK: usize = 1 + CHUNK;

#[inline(always)]
fn write_cell<'a>(room: &'a mut [u8], texts: Texts, cell: Cell) -> Option<&'a mut [u8]> {
    let length = cell.len();
    let in_data = texts.data.get(cell.start..).and_then(<[u8]>::first_chunk::<CHUNK>);
    if let Some(source) = in_data.or_else(|| texts.scratch_chunk(cell)) {
        if length <= CHUNK {
            let start = room.first_chunk_mut::<COMMA_AND_CHUNK>()?;
            start[0] = b',';
            start[1..].copy_from_slice(source);
            return Some(&mut room[1 + length..]);
        }
    }
    write(write_comma(room)?, texts.text(cell)?)
}

#[inline(always)]
fn write_id<'a>(room: &'a mut [u8], id: &Tail, length: usize) -> Option<&'a mut [u8]> {
    match id.first_chunk() {
        Some(source) if length <= CHUNK => {
            *room.first_chunk_mut::<CHUNK>()? = *source;
            Some(&mut room[length..])
        }
        _ => write(room, &id.text()[..length]),
    }
}

#[inline(always)]
fn write_comma(room: &mut [u8]) -> Option<&mut [u8]> {
    let (first, rest) = room.split_first_mut()?;
    *first = b',';
    Some(rest)
}

#[inline(always)]
fn write<'a>(room: &'a mut [u8], text: &[u8]) -> Option<&'a mut [u8]> {
    let (start, rest) = room.split_at_mut_checked(text.len())?;
    start.copy_from_slice(text);
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::Output;
    use crate::flatten::cell::{Cell, Texts};
    use crate::flatten::ids::{Ids, Tail};
    use crate::flatten::links::Links;

    /// The text of one row whose cell has so many bytes, and how much memory that holds.
    fn taken(output: &mut Output, size: usize) -> (usize, usize) {
        let (record, row) = (Tail::new(), Tail::new());
        let text = vec![b'x'; size];
        output.clear();
        let (links, key) = (Links::OF_ROOT, Cell::default());
        let ids = Ids { links, record: &record, row: &row, parent: 0, key, marks_text: false };
        let texts = Texts { data: &text, scratch: &[], marks_text: false };
        output.row(&ids, texts, &[Cell { start: 0, end: size }], b"\n");
        let (text, ends) = output.take();
        assert_eq!(ends, [text.len()]);
        (text.len(), text.capacity())
    }

    #[test]
    fn few_rows_do_not_hold_the_memory_of_many() {
        let mut output = Output::default();
        for size in [1000, 900_000, 50_000, 50_000, 10, 900_000] {
            let (length, held) = taken(&mut output, size);
            assert!(length > size && held <= 2 * length, "{held} for {length}");
        }
    }
}
