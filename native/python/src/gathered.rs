//! Few rows of each of many tables, as Python has them.

use std::sync::{Mutex, PoisonError};

use myd_core::flatten::{Gathered, Rows};
use myd_core::kinds::TableKinds;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::fragment::{PyKinds, PyRows, kinds_of, rows_of};

/// Rows of a batch, and kinds of the values in them, of which no object is made unless it is asked
/// for.
#[pyclass(frozen, module = "myd_grpc._native")]
pub struct FewOfMany {
    rows: Vec<Rows>,
    kinds: Vec<TableKinds>,
    /// How many rows there are, and how many bytes of text they have.
    #[pyo3(get)]
    count: usize,
    #[pyo3(get)]
    bytes: usize,
}

impl FewOfMany {
    /// Those of a batch.
    pub fn new(rows: Vec<Rows>, kinds: Vec<TableKinds>) -> Self {
        let count = rows.iter().map(|one| one.ends.len()).sum();
        let bytes = rows.iter().map(|one| one.text.len()).sum();
        Self { rows, kinds, count, bytes }
    }
}

#[pymethods]
impl FewOfMany {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    fn rows<'py>(&self, py: Python<'py>, index: usize) -> PyResult<PyRows<'py>> {
        let Rows { table, text, ends, width } =
            self.rows.get(index).ok_or_else(|| PyIndexError::new_err("no such rows"))?;
        rows_of(py, Rows { table: *table, text: text.clone(), ends: ends.clone(), width: *width })
    }

    fn kinds<'py>(&self, py: Python<'py>) -> Vec<PyKinds<'py>> {
        self.kinds.iter().map(|one| kinds_of(py, one)).collect()
    }
}

/// Such rows of several batches, put together.
#[pyclass(frozen, name = "Gathered", module = "myd_grpc._native")]
pub struct PyGathered(Mutex<Gathered>);

#[pymethods]
impl PyGathered {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// Adds those of a batch; answers about how much memory there is now.
    fn add(&self, py: Python<'_>, rows: &FewOfMany) -> usize {
        py.detach(|| {
            let mut gathered = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            gathered.add(&rows.rows, &rows.kinds);
            gathered.size()
        })
    }

    /// Takes all of them, in the order of their tables.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<(Vec<PyRows<'py>>, Vec<PyKinds<'py>>)> {
        let (rows, kinds) = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let rows = rows.into_iter().map(|one| rows_of(py, one)).collect::<PyResult<_>>()?;
        Ok((rows, kinds.iter().map(|one| kinds_of(py, one)).collect()))
    }
}
