//! The module `myd_grpc._native`: what of the core Python calls.
//!
//! What the engine promises is in `engine.py`. What takes long releases the interpreter's lock while
//! it works.

mod around;
mod columns;
mod failures;
mod flattener;
mod fragment;
mod gathered;
mod input;
mod read_ahead;
mod rows;
mod scanner;
mod sequences;
mod small_files;
mod xlsx;

use myd_core::simd::Level;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The first value of a text with what is nested in it emptied.
#[pyfunction]
fn outline<'py>(py: Python<'py>, head: &Bound<'_, PyBytes>) -> Bound<'py, PyBytes> {
    let head = head.as_bytes();
    PyBytes::new(py, &py.detach(|| myd_core::outline::outline(head)))
}

/// The text of bytes in CP949 up to the first that are no whole character, and how many those are.
#[pyfunction]
fn cp949_in_utf8<'py>(py: Python<'py>, data: &Bound<'_, PyBytes>) -> (Bound<'py, PyBytes>, usize) {
    let data = data.as_bytes();
    let (text, sound) = py.detach(|| myd_core::cp949::in_utf8(data));
    (PyBytes::new(py, &text), sound)
}

/// Which vectors are used, and the widest that this was compiled for: see `level.rs`.
#[pyfunction]
fn vectors() -> (&'static str, &'static str) {
    (Level::in_use().name(), Level::compiled().name())
}

/// The module itself.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(outline, module)?)?;
    module.add_function(wrap_pyfunction!(cp949_in_utf8, module)?)?;
    module.add_function(wrap_pyfunction!(vectors, module)?)?;
    module.add_class::<sequences::Spans>()?;
    module.add_class::<sequences::Ends>()?;
    module.add_class::<gathered::FewOfMany>()?;
    module.add_class::<gathered::PyGathered>()?;
    module.add_class::<gathered::PyAppends>()?;
    module.add_class::<read_ahead::Buffers>()?;
    module.add_class::<flattener::PyFlattener>()?;
    module.add_class::<rows::PyPlainRows>()?;
    module.add_class::<rows::PyCellCounter>()?;
    module.add_class::<rows::PyWidener>()?;
    module.add_class::<scanner::PyScanner>()?;
    module.add_class::<read_ahead::PyReadAhead>()?;
    module.add_class::<around::PyAroundReader>()?;
    module.add_class::<small_files::PySmallFiles>()?;
    module.add_class::<xlsx::PyTableRows>()?;
    module.add_class::<xlsx::PyWorkbook>()
}
