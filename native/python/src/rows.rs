//! Rows made of marked ones, as Python has them.

use myd_core::rows::{Made, Plain};
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
    fn new(line_end: String) -> Self {
        Self(Plain { line_end: line_end.into_bytes() })
    }

    /// The text and the ends of the rows that are made of these.
    fn rows<'py>(
        &self,
        py: Python<'py>,
        data: Buffer,
        ends: &Ends,
    ) -> PyResult<(Bound<'py, PyAny>, Ends)> {
        let (data, old) = (data.as_slice(), &ends.0);
        let Made { text, ends } = py.detach(|| self.0.rows(data, old));
        Ok((text_of(py, text)?, Ends(ends)))
    }
}
