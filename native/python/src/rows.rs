//! Rows as text, as Python has them.

use myd_core::rows::{CellCounter, Guard, Made, Plain, Ragged, Widener};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3_bytes::PyBytes as Buffer;

use crate::fragment::text_of;
use crate::sequences::Ends;

/// Makes rows as a profile has them of marked ones: see `plain.py`.
#[pyclass(frozen, name = "PlainRows", module = "myd_grpc._native")]
pub struct PyPlainRows(Plain);

#[pymethods]
impl PyPlainRows {
    #[new]
    #[pyo3(signature = (line_end, forms))]
    fn new(line_end: String, forms: Option<Vec<String>>) -> PyResult<Self> {
        let guard = forms.as_deref().map(Guard::new).transpose();
        let guard = guard.map_err(|error| PyValueError::new_err(error.to_string()))?;
        Ok(Self(Plain { line_end: line_end.into_bytes(), guard }))
    }

    /// The text and the ends of the rows that are made of these, and how many cells are guarded.
    fn rows<'py>(
        &self,
        py: Python<'py>,
        data: Buffer,
        ends: &Ends,
        width: usize,
    ) -> PyResult<(Bound<'py, PyAny>, Ends, Vec<u64>)> {
        let (data, old) = (data.as_slice(), &ends.0);
        let Made { text, ends, guards } = py.detach(|| self.0.rows(data, old, width));
        Ok((text_of(py, text)?, Ends(ends), guards))
    }
}

/// Makes rows longer: see `widening.py`.
#[pyclass(name = "Widener", module = "myd_grpc._native")]
pub struct PyWidener(Widener);

#[pymethods]
impl PyWidener {
    #[new]
    fn new(cells: usize, line_end: &[u8]) -> Self {
        Self(Widener::new(cells, line_end.to_vec()))
    }

    /// Longer rows of the text from `start` on, some `most` bytes of them, and where it was not
    /// looked at any more.
    fn widen<'py>(
        &mut self,
        py: Python<'py>,
        text: Buffer,
        start: usize,
        most: usize,
    ) -> PyResult<(Bound<'py, PyAny>, usize)> {
        let text = text.as_slice().get(start..).unwrap_or_default();
        let (made, taken) = py.detach(|| {
            let mut made = Vec::with_capacity(most.min(2 * text.len()));
            let taken = self.0.widen(text, most, &mut made);
            (made, taken)
        });
        Ok((text_of(py, made)?, start + taken))
    }
}

/// How many rows there are, and how many values, nulls and empty strings each column has in them.
type Counted = (u64, Vec<(u64, u64, u64)>);

/// Counts what the columns of a CSV file have: see `counting.py`.
#[pyclass(name = "CellCounter", module = "myd_grpc._native")]
pub struct PyCellCounter(Option<CellCounter>);

#[pymethods]
impl PyCellCounter {
    #[new]
    fn new(columns: usize) -> Self {
        Self(Some(CellCounter::new(columns)))
    }

    /// Counts what comes next in the file.
    fn add(&mut self, py: Python<'_>, text: Buffer) -> PyResult<()> {
        let counter = self.0.as_mut().ok_or_else(finished)?;
        let text = text.as_slice();
        py.detach(|| counter.add(text)).map_err(|ragged| ragged_row(&ragged))
    }

    /// What there is in all of the file.
    fn finish(&mut self) -> PyResult<Counted> {
        let counter = self.0.take().ok_or_else(finished)?;
        let (rows, counts) = counter.finish().map_err(|ragged| ragged_row(&ragged))?;
        Ok((rows, counts.iter().map(|one| (one.values, one.nulls, one.empty)).collect()))
    }
}

fn finished() -> PyErr {
    PyValueError::new_err("the file has ended")
}

fn ragged_row(ragged: &Ragged) -> PyErr {
    PyValueError::new_err(format!("row {} has another number of cells", ragged.0))
}
