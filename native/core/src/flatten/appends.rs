//! Rows that are appended to files as they are, few to each of many.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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
        let mut text = Vec::new();
        for Append { file, begin, places } in &self.files {
            text.clear();
            text.extend_from_slice(begin);
            let rows = self.places.rows(&self.batches, places.clone());
            // A system takes long over many short pieces: to copy them together takes less.
            rows.for_each(|rows| text.extend_from_slice(rows.text));
            file.append(&text)?;
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

    fn append(&self, text: &[u8]) -> io::Result<()> {
        let Some(kept) = &self.kept else { return self.opened()?.write_all(text) };
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        let file = match &mut *kept {
            Some(file) => file,
            none => none.insert(self.opened()?),
        };
        file.write_all(text)
    }

    fn opened(&self) -> io::Result<File> {
        OpenOptions::new().append(true).create(true).open(&self.path)
    }
}
