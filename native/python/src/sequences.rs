//! Sequences that Python looks into, without an object for each of their elements.

use myd_core::boundary::Span;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyIndexError;
use pyo3::prelude::*;
use pyo3::types::PySlice;

/// Where records are in a batch: a sequence of (start, end).
#[pyclass(frozen, module = "myd_grpc._native")]
pub struct Spans(pub Vec<Span>);

#[pymethods]
impl Spans {
    #[new]
    fn new(spans: Vec<Span>) -> Self {
        Self(spans)
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__<'py>(&self, index: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = index.py();
        let Ok(slice) = index.cast::<PySlice>() else {
            let span = self.0.get(index.extract::<usize>()?);
            return span
                .ok_or_else(|| PyIndexError::new_err("no such record"))?
                .into_bound_py_any(py);
        };
        let indices = slice.indices(self.0.len().try_into()?)?;
        let (start, stop) = (indices.start.max(0) as usize, indices.stop.max(0) as usize);
        if indices.step != 1 {
            return Err(PyIndexError::new_err("only consecutive records"));
        }
        let some = self.0.get(start..stop).unwrap_or_default().to_vec();
        Bound::new(py, Self(some)).map(Bound::into_any)
    }
}

/// The ends of a table's rows: a sequence of numbers.
#[pyclass(frozen, module = "myd_grpc._native")]
pub struct Ends(pub Vec<usize>);

#[pymethods]
impl Ends {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__(&self, index: usize) -> PyResult<usize> {
        self.0.get(index).copied().ok_or_else(|| PyIndexError::new_err("no such row"))
    }
}
