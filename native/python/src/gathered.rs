//! Few rows of each of many tables, as Python has them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use myd_core::flatten::{
    Added, Appended, Appends, FewKinds, FewRows, Gathered, NewPart, PackedRows, Rows,
};
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;

use crate::failures::raised;
use crate::fragment::{PyKinds, PyRows, kinds_of, rows_of};

/// Rows of a batch, and kinds of the values in them, of which no object is made unless it is asked
/// for.
#[pyclass(frozen, module = "myd_grpc._native")]
pub struct FewOfMany {
    rows: Arc<FewRows>,
    kinds: FewKinds,
}

impl From<FewRows> for FewOfMany {
    fn from(mut rows: FewRows) -> Self {
        let kinds = rows.take_kinds();
        Self { rows: rows.into(), kinds }
    }
}

#[pymethods]
impl FewOfMany {
    fn __len__(&self) -> usize {
        self.rows.len()
    }

    /// How many rows there are.
    #[getter]
    fn count(&self) -> usize {
        self.rows.rows()
    }

    /// How many bytes of text they have.
    #[getter]
    fn bytes(&self) -> usize {
        self.rows.bytes()
    }

    fn rows<'py>(&self, py: Python<'py>, index: usize) -> PyResult<PyRows<'py>> {
        let rows = self.rows.get(index).map(PackedRows::to_rows);
        rows_of(py, rows.ok_or_else(|| PyIndexError::new_err("no such rows"))?)
    }

    fn kinds<'py>(&self, py: Python<'py>) -> Vec<PyKinds<'py>> {
        self.kinds.table_kinds().iter().map(|one| kinds_of(py, one)).collect()
    }
}

/// What was appended to the part of a table: its number, rows, and their bytes.
type PyAdded = (usize, usize, usize);

/// Such rows of several batches.
#[pyclass(frozen, name = "Gathered", module = "myd_grpc._native")]
pub struct PyGathered(Mutex<Gathered>);

#[pymethods]
impl PyGathered {
    /// So many files of parts may stay open from one time that rows are appended to the next.
    #[new]
    fn new(most_kept: usize) -> Self {
        Self(Gathered::new(most_kept).into())
    }

    /// Adds those of a batch; answers about how much memory there is now.
    fn add(&self, rows: &FewOfMany) -> usize {
        let mut gathered = self.lock();
        gathered.add(Arc::clone(&rows.rows), &rows.kinds);
        gathered.size()
    }

    /// Takes all rows, in the order of their tables.
    fn take_rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<PyRows<'py>>> {
        let rows = py.detach(|| self.lock().take_rows());
        objects(py, rows)
    }

    /// Takes the kinds of values in all rows since the last time.
    fn take_kinds<'py>(&self, py: Python<'py>) -> Vec<PyKinds<'py>> {
        self.lock().take_kinds().iter().map(|one| kinds_of(py, one)).collect()
    }

    /// The tables without an open part, with fewer bytes of rows: see `Gathered` in the core.
    fn unopened(&self, most_bytes: usize) -> Vec<(usize, usize, usize)> {
        self.lock().unopened(most_bytes)
    }

    /// Has the rows of a table appended to a file from now on, `begin` before them.
    fn open(&self, table: usize, path: PathBuf, width: usize, room: usize, begin: Vec<u8>) {
        self.lock().open(table, path, NewPart { width, room, begin });
    }

    /// Takes all rows: what is to be appended, the others, and what was to the parts that are closed.
    fn append<'py>(
        &self,
        py: Python<'py>,
        most_bytes: usize,
    ) -> PyResult<(PyAppends, Vec<PyRows<'py>>, Vec<PyAdded>)> {
        let Appended { appends, others, closed } = py.detach(|| self.lock().append(most_bytes));
        Ok((PyAppends(Mutex::new(Some(appends))), objects(py, others)?, told(closed)))
    }

    /// Closes all parts; what was appended to each.
    fn close_all(&self) -> Vec<PyAdded> {
        told(self.lock().close_all())
    }
}

impl PyGathered {
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is to be appended to files.
#[pyclass(frozen, name = "Appends", module = "myd_grpc._native")]
pub struct PyAppends(Mutex<Option<Appends>>);

#[pymethods]
impl PyAppends {
    /// Writes all of it, once, and lets go of the rows.
    fn write(&self, py: Python<'_>) -> PyResult<()> {
        let appends = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        py.detach(|| appends.map_or(Ok(()), |appends| appends.write())).map_err(raised)
    }
}

fn objects<'py>(py: Python<'py>, rows: Vec<Rows>) -> PyResult<Vec<PyRows<'py>>> {
    rows.into_iter().map(|one| rows_of(py, one)).collect()
}

fn told(added: Vec<(usize, Added)>) -> Vec<PyAdded> {
    added.into_iter().map(|(table, Added { rows, bytes })| (table, rows, bytes)).collect()
}
