//! Rows that are appended to files as they are, few to each of many.

use std::fs::{File, OpenOptions};
use std::io::{self, IoSlice, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::few::FewRows;
use super::places::Places;

/// Rows of batches, and the files that they are to be appended to.
pub struct Appends {
    /// The rows.
    pub batches: Vec<Arc<FewRows>>,
    /// Where they are.
    pub places: Places,
    /// What comes next in each file.
    pub files: Vec<Append>,
}

/// What comes next in a file.
pub struct Append {
    /// The file.
    pub file: Arc<AppendFile>,
    /// What comes before the rows.
    pub begin: Vec<u8>,
    /// Which of all places its rows are at.
    pub places: Range<usize>,
}

/// A file that is appended to, which is made if it is not there.
pub struct AppendFile {
    path: PathBuf,
    /// The file once it was opened, if it stays so.
    kept: Option<Mutex<Option<File>>>,
}

impl Appends {
    /// Writes all, one file after another, up to the first that fails.
    pub fn write(&self) -> io::Result<()> {
        let mut pieces = Vec::new();
        for Append { file, begin, places } in &self.files {
            pieces.clear();
            pieces.push(IoSlice::new(begin));
            let rows = self.places.rows(&self.batches, places.clone());
            pieces.extend(rows.map(|rows| IoSlice::new(rows.text)));
            let first = usize::from(begin.is_empty());
            file.append(&mut pieces[first..])?;
        }
        Ok(())
    }
}

impl AppendFile {
    /// One that stays open once it was opened, if it is kept.
    pub fn new(path: PathBuf, is_kept: bool) -> Self {
        Self { path, kept: is_kept.then(Mutex::default) }
    }

    /// Whether it stays open.
    pub fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    fn append(&self, pieces: &mut [IoSlice]) -> io::Result<()> {
        let Some(kept) = &self.kept else { return write_all(&self.opened()?, pieces) };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *kept {
            Some(file) => file,
            none => none.insert(self.opened()?),
        };
        write_all(file, pieces)
    }

    fn opened(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(&self.path)
    }
}

/// Writes all of that, mostly at once.
fn write_all(mut file: &File, mut pieces: &mut [IoSlice]) -> io::Result<()> {
    while !pieces.is_empty() {
        match file.write_vectored(pieces) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut pieces, written),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
