//! The scanner, as Python has it.

use std::sync::Arc;

use myd_core::search::{self, Search};
use myd_core::wanted::Wanted;
use pyo3::prelude::*;
use pyo3_bytes::PyBytes as Buffer;

use crate::fragment::{PyScanned, scanned};
use crate::sequences::Spans;

/// Finds the records that hold a text: see `Scanner` in `engine.py`.
#[pyclass(frozen, name = "Scanner", module = "myd_grpc._native")]
pub struct PyScanner {
    /// The text, in any form.
    pub wanted: Arc<Wanted>,
    /// How many containers may be nested.
    pub max_depth: usize,
}

#[pymethods]
impl PyScanner {
    #[new]
    fn new(text: &[u8], max_depth: usize) -> Self {
        Self { wanted: Arc::new(Wanted::new(text)), max_depth }
    }

    /// Looks records over: how many from the start are sound, and which of those hold the text.
    #[pyo3(signature = (data, values, keys, *, depth))]
    fn scan(
        &self,
        py: Python<'_>,
        data: Buffer,
        values: &Spans,
        keys: &Spans,
        depth: usize,
    ) -> PyScanned {
        let (data, wanted, max_depth) = (data.as_slice(), &*self.wanted, self.max_depth);
        let search = Search { data, values: &values.0, keys: &keys.0, depth, max_depth, wanted };
        scanned(py.detach(|| search::scan(&search)))
    }
}
