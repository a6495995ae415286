//! A workbook in the making: a zip file to which sheets are written, one after another.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use super::rows::TableRows;
use super::sheet::Sheet;

/// So much XML is given to the compressor at a time,
const PIECE: usize = 64 << 10;
/// and so much is written at once to the disk.
const BUFFER: usize = 256 << 10;
/// So much XML is made of rows before others hear of it.
const AT_A_TIME: u64 = 4 << 20;
/// What the end of a sheet takes.
const END: usize = 128;
/// So many bytes the compressor may hold at most: its window, symbols and buffers, in compressed form.
const HELD: u64 = 288 << 10;
/// Level 4 takes twice the time and saves a tenth, level 6 three times and saves little more.
const LEVEL: i64 = 2;

/// What a sheet may have: rows beside its header, and bytes of XML.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// Rows beside the header.
    pub sheet_rows: u64,
    /// Bytes of XML: below 4 GiB, as Excel mends workbooks that use ZIP64.
    pub sheet_bytes: u64,
}

/// A workbook that is written to a file.
pub struct Workbook {
    // Before the zip file, so that it is dropped first.
    given_up: GivenUp,
    zip: ZipWriter<Output>,
    bounds: Bounds,
    sheets: usize,
    sheet: Option<OpenSheet>,
}

/// The sheet that rows are written to.
struct OpenSheet {
    sheet: Sheet,
    /// How much of its XML was given to the compressor.
    given: u64,
    /// Which size the workbook's file may get with its rows.
    until: u64,
}

impl Workbook {
    /// A workbook in a file that is made, or emptied.
    pub fn create(path: &Path, bounds: Bounds) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        let state = Arc::<State>::default();
        let file = BufWriter::with_capacity(BUFFER, file);
        let zip = ZipWriter::new(Output { file, position: 0, state: Arc::clone(&state) });
        Ok(Self { given_up: GivenUp(state), zip, bounds, sheets: 0, sheet: None })
    }

    /// Adds a part, in one piece.
    pub fn add(&mut self, name: &str, content: &[u8]) -> io::Result<()> {
        self.start(name)?;
        self.zip.write_all(content)
    }

    /// Begins a sheet of a table, if its header and the next row have room until the file has so
    /// many bytes. A workbook's first sheet always has.
    pub fn begin_sheet(
        &mut self,
        name: &str,
        table: &mut TableRows,
        until: u64,
    ) -> io::Result<bool> {
        let mut sheet = Sheet::begin(table)?;
        let row = match table.peek()? {
            Some(row) => sheet.append(row)?,
            None => 0,
        };
        let is_first = self.sheets == 0;
        if !is_first && self.size_with(sheet.xml.len()) > until {
            return Ok(false);
        }
        sheet.take_back(row);
        self.start(name)?;
        self.sheets += 1;
        self.sheet = Some(OpenSheet { sheet, given: 0, until });
        Ok(true)
    }

    /// Writes some of the rows that come next; answers how many, none where the sheet is full.
    ///
    /// A sheet has room for one row at least.
    pub fn write_rows(&mut self, table: &mut TableRows) -> io::Result<u64> {
        let Some(mut open) = self.sheet.take() else { return Ok(0) };
        let (begun, first) = (open.given, open.sheet.rows);
        while open.given - begun < AT_A_TIME && open.sheet.rows < self.bounds.sheet_rows {
            let Some(row) = table.peek()? else { break };
            let bytes = open.sheet.append(row)?;
            if open.sheet.rows > 0 && !self.has_room(&open) {
                open.sheet.take_back(bytes);
                break;
            }
            open.sheet.keep();
            table.advance();
            if open.sheet.xml.len() >= PIECE {
                self.give(&mut open)?;
            }
        }
        self.give(&mut open)?;
        let rows = open.sheet.rows - first;
        self.sheet = Some(open);
        Ok(rows)
    }

    /// Ends the sheet; answers in how many cells of which columns text was cut short.
    pub fn end_sheet(&mut self) -> io::Result<Vec<(usize, u64)>> {
        let Some(mut open) = self.sheet.take() else { return Ok(Vec::new()) };
        open.sheet.end()?;
        self.give(&mut open)?;
        Ok(open.sheet.cut())
    }

    /// Ends the workbook; answers how many bytes it has. It is not synced.
    pub fn finish(self) -> io::Result<u64> {
        let Self { given_up, zip, .. } = self;
        zip.finish().map_err(io_error)?.file.flush()?;
        if given_up.0.is_given_up.load(Ordering::Relaxed) {
            return Err(io::Error::other("the file was given up"));
        }
        Ok(given_up.0.size.load(Ordering::Relaxed))
    }

    fn start(&mut self, name: &str) -> io::Result<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            // The same bytes at any time.
            .last_modified_time(DateTime::default());
        self.zip.start_file(name, options).map_err(io_error)
    }

    /// Gives the compressor what was made of rows.
    fn give(&mut self, open: &mut OpenSheet) -> io::Result<()> {
        self.zip.write_all(&open.sheet.xml)?;
        open.given += open.sheet.xml.len() as u64;
        open.sheet.xml.clear();
        Ok(())
    }

    /// Whether there is room for all that was made of rows, and the end.
    fn has_room(&self, open: &OpenSheet) -> bool {
        let made = open.sheet.xml.len();
        open.given + (made + END) as u64 <= self.bounds.sheet_bytes
            && self.size_with(made) <= open.until
    }

    /// The size that the file has at most with so much more XML.
    fn size_with(&self, xml: usize) -> u64 {
        self.given_up.0.size.load(Ordering::Relaxed) + HELD + (xml + END) as u64
    }
}

/// What the workbook and its output know of each other.
#[derive(Default)]
struct State {
    size: AtomicU64,
    is_given_up: AtomicBool,
}

/// Gives the file up when it is dropped: a `ZipWriter` would try to end it.
struct GivenUp(Arc<State>);

impl Drop for GivenUp {
    fn drop(&mut self) {
        self.0.is_given_up.store(true, Ordering::Relaxed);
    }
}

/// The workbook's file, which tells how large it is. It is given up when something goes wrong.
struct Output {
    file: BufWriter<File>,
    position: u64,
    state: Arc<State>,
}

impl Output {
    /// Does something with the file, or nothing where it was given up, and goes to a position.
    fn moved(
        &mut self,
        work: impl FnOnce(&mut BufWriter<File>, u64) -> io::Result<u64>,
    ) -> io::Result<()> {
        if !self.state.is_given_up.load(Ordering::Relaxed) {
            let moved = work(&mut self.file, self.position);
            self.state.is_given_up.store(moved.is_err(), Ordering::Relaxed);
            self.position = moved?;
            self.state.size.fetch_max(self.position, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl Write for Output {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.moved(|file, position| {
            file.write_all(data)?;
            Ok(position + data.len() as u64)
        })?;
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.moved(|file, position| file.flush().map(|()| position))
    }
}

impl Seek for Output {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.moved(|file, _| file.seek(to))?;
        Ok(self.position)
    }
}

/// What the file system said, if it was that.
fn io_error(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        other => io::Error::other(other),
    }
}
