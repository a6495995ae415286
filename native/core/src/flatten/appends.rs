//! Rows that are appended to files as they are, few to each of many.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use super::few::FewRows;

/// Rows of batches, and the files that they are to be appended to.
pub struct Appends {
    /// The rows.
    pub batches: Vec<Arc<FewRows>>,
    /// What comes next in each file.
    pub files: Vec<Append>,
}

/// The number of a batch, and of a stretch of rows in that.
pub type Place = (usize, usize);

/// What comes next in a file.
pub struct Append {
    /// The file, which is made if it is not there.
    pub path: PathBuf,
    /// What comes before the rows.
    pub begin: Vec<u8>,
    /// Where the rows are.
    pub places: Vec<Place>,
}

impl Appends {
    /// Writes all, one file after another, up to the first that fails.
    pub fn write(&self) -> io::Result<()> {
        let mut text = Vec::new();
        for Append { path, begin, places } in &self.files {
            text.clear();
            text.extend_from_slice(begin);
            for &(batch, index) in places {
                let rows = self.batches.get(batch).and_then(|few| few.get(index));
                text.extend_from_slice(rows.map_or(&[], |rows| rows.text));
            }
            OpenOptions::new().append(true).create(true).open(path)?.write_all(&text)?;
        }
        Ok(())
    }
}
