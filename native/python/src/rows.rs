//! Rows made of marked ones, as Python has them.

use myd_core::rows::{Guard, Made, Plain};
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
