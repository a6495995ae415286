//! Workbooks, as Python has them.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use myd_core::xlsx::rows::TableRows;
use myd_core::xlsx::workbook::{Bounds, Workbook};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::failures::raised;

/// The rows of a table's files, one after another: all text in them is in quotes.
#[pyclass(frozen, name = "TableRows", module = "myd_grpc._native")]
pub struct PyTableRows(Mutex<TableRows>);

#[pymethods]
impl PyTableRows {
    #[new]
    fn new(py: Python<'_>, files: Vec<PathBuf>) -> PyResult<Self> {
        let rows = py.detach(|| TableRows::open(files)).map_err(raised)?;
        Ok(Self(Mutex::new(rows)))
    }

    /// Takes so many rows.
    fn skip(&self, py: Python<'_>, rows: u64) -> PyResult<()> {
        py.detach(|| locked(&self.0).skip(rows)).map_err(raised)
    }
}

/// A workbook that is written to a file.
#[pyclass(frozen, name = "Workbook", module = "myd_grpc._native")]
pub struct PyWorkbook(Mutex<Option<Workbook>>);

#[pymethods]
impl PyWorkbook {
    #[new]
    #[pyo3(signature = (path, *, sheet_rows, sheet_bytes))]
    fn new(path: PathBuf, sheet_rows: u64, sheet_bytes: u64) -> PyResult<Self> {
        let workbook = Workbook::create(&path, Bounds { sheet_rows, sheet_bytes });
        Ok(Self(Mutex::new(Some(workbook.map_err(raised)?))))
    }

    /// Adds a part.
    fn add(&self, py: Python<'_>, name: &str, content: &[u8]) -> PyResult<()> {
        self.with(py, |workbook| workbook.add(name, content))
    }

    /// Begins a sheet, unless the file would pass `until` bytes with its header and next row.
    fn begin_sheet(
        &self,
        py: Python<'_>,
        name: &str,
        rows: &PyTableRows,
        until: u64,
    ) -> PyResult<bool> {
        self.with(py, |workbook| workbook.begin_sheet(name, &mut locked(&rows.0), until))
    }

    /// Writes some of the next rows; answers how many, none where the sheet takes no more.
    fn write_rows(&self, py: Python<'_>, rows: &PyTableRows) -> PyResult<u64> {
        self.with(py, |workbook| workbook.write_rows(&mut locked(&rows.0)))
    }

    /// Ends the sheet; answers which columns have cells that were cut short, and how many.
    fn end_sheet(&self, py: Python<'_>) -> PyResult<Vec<(usize, u64)>> {
        self.with(py, Workbook::end_sheet)
    }

    /// Ends the workbook; answers how many bytes it has. It is not synced.
    fn finish(&self, py: Python<'_>) -> PyResult<u64> {
        let workbook = locked(&self.0).take().ok_or_else(over)?;
        py.detach(|| workbook.finish()).map_err(raised)
    }

    /// Closes the file, finished or not.
    fn close(&self) {
        locked(&self.0).take();
    }
}

impl PyWorkbook {
    /// Does something with the workbook, without the interpreter's lock.
    fn with<T: Send>(
        &self,
        py: Python<'_>,
        work: impl FnOnce(&mut Workbook) -> io::Result<T> + Send,
    ) -> PyResult<T> {
        py.detach(|| locked(&self.0).as_mut().map(work)).ok_or_else(over)?.map_err(raised)
    }
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn over() -> PyErr {
    PyValueError::new_err("the workbook is closed")
}
