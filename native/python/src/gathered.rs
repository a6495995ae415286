//! Few rows of each of many tables, as Python has them.

use std::sync::{Mutex, PoisonError};

use myd_core::flatten::{FewRows, Gathered, RowsIn};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::fragment::{PyKinds, PyRows, kinds_of, rows_of};

/// Rows of a batch, and kinds of the values in them, of which no object is made unless it is asked
/// for.
#[pyclass(frozen, module = "myd_grpc._native")]
pub struct FewOfMany(pub FewRows);

#[pymethods]
impl FewOfMany {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    /// How many rows there are.
    #[getter]
    fn count(&self) -> usize {
        self.0.rows()
    }

    /// How many bytes of text they have.
    #[getter]
    fn bytes(&self) -> usize {
        self.0.bytes()
    }

    fn rows<'py>(&self, py: Python<'py>, index: usize) -> PyResult<PyRows<'py>> {
        let rows = self.0.get(index).map(RowsIn::to_rows);
        rows_of(py, rows.ok_or_else(|| PyIndexError::new_err("no such rows"))?)
    }

    fn kinds<'py>(&self, py: Python<'py>) -> Vec<PyKinds<'py>> {
        self.0.table_kinds().iter().map(|one| kinds_of(py, one)).collect()
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
            gathered.add(&rows.0);
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
