//! Small files that threads write, as Python has them.

use std::path::PathBuf;

use myd_core::small_files::{SmallFile, SmallFiles};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::failures::raised;

/// Writes files while Python goes on.
#[pyclass(frozen, name = "SmallFiles", module = "myd_grpc._native")]
pub struct PySmallFiles(SmallFiles);

#[pymethods]
impl PySmallFiles {
    #[new]
    fn new(most_bytes: usize, most_threads: usize) -> Self {
        Self(SmallFiles::new(most_bytes, most_threads))
    }

    /// Has files written that have these paths and texts.
    fn write(&self, py: Python<'_>, files: Vec<(PathBuf, Bound<'_, PyBytes>)>) -> PyResult<()> {
        let files = files
            .into_iter()
            .map(|(path, text)| SmallFile { path, text: text.as_bytes().to_vec() })
            .collect();
        py.detach(|| self.0.write(files)).map_err(raised)
    }

    /// Returns when all are written.
    fn drain(&self, py: Python<'_>) -> PyResult<()> {
        py.detach(|| self.0.drain()).map_err(raised)
    }

    /// Ends the threads; what still waits is not written.
    fn close(&self, py: Python<'_>) {
        py.detach(|| self.0.close());
    }
}
