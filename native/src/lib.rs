//! The native engine of `myd_grpc.convert`: what it promises is in `engine.py`.
//!
//! This file is all that knows of Python. What takes long releases the interpreter's lock while it
//! works, and never fails on bad input: it says how far it came.

#[cfg(has_avx512)]
mod avx512;
mod boundary;
mod csv;
mod flatten;
mod json;
mod lanes;
mod schema;
mod search;
mod shape;

use std::sync::{Mutex, PoisonError};

use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice, PyString, PyTuple};
// Bytes that Python lends, or is lent: not changed while one of them lives.
use pyo3_bytes::PyBytes as Buffer;

use boundary::{Layout, Limits, Span};
use csv::Output;
use flatten::{Batch, Flattener, Settings};
use search::Search;

/// Where records are in a batch: a sequence of (start, end) without an object for each.
#[pyclass(frozen, module = "myd_grpc._native")]
struct Spans(Vec<Span>);

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

/// The ends of a table's rows: a sequence of numbers without an object for each.
#[pyclass(frozen, module = "myd_grpc._native")]
struct Ends(Vec<usize>);

#[pymethods]
impl Ends {
    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __getitem__(&self, index: usize) -> PyResult<usize> {
        self.0.get(index).copied().ok_or_else(|| PyIndexError::new_err("no such row"))
    }
}

/// Cuts off whole records of `data` from `start` on: (their end, their values, their keys).
#[pyfunction]
fn cut(
    py: Python<'_>,
    data: Buffer,
    layout: &str,
    first: bool,
    limits: (usize, usize, usize, usize),
    start: usize,
) -> PyResult<(usize, Spans, Spans)> {
    let layout = match layout {
        "ARRAY" => Layout::Array,
        "KEYED" => Layout::Keyed,
        "LINES" => Layout::Lines,
        _ => return Err(PyValueError::new_err("records of this layout are not cut off")),
    };
    let (records, bytes, commas, record_bytes) = limits;
    let limits = Limits { records, bytes, commas, record_bytes };
    let cut = py.detach(|| boundary::cut(data.as_slice(), start, layout, first, limits));
    Ok((cut.end, Spans(cut.values), Spans(cut.keys)))
}

/// The first value of a text with what is nested in it emptied.
#[pyfunction]
fn outline<'py>(py: Python<'py>, head: &Bound<'_, PyBytes>) -> Bound<'py, PyBytes> {
    let head = head.as_bytes();
    PyBytes::new(py, &py.detach(|| shape::outline(head)))
}

/// Looks records over: how many from the start are sound, and which of those hold `text`.
#[pyfunction]
#[pyo3(signature = (data, values, keys, *, depth, max_depth, text))]
fn scan(
    py: Python<'_>,
    data: Buffer,
    values: &Spans,
    keys: &Spans,
    depth: usize,
    max_depth: usize,
    text: &Bound<'_, PyBytes>,
) -> (usize, Vec<usize>) {
    let (data, wanted) = (data.as_slice(), text.as_bytes());
    let search = Search { data, values: &values.0, keys: &keys.0, depth, max_depth, wanted };
    let found = py.detach(|| search::scan(&search));
    (found.sound, found.holding)
}

type NewEntry<'py> = (bool, usize, Bound<'py, PyTuple>, usize);
type TableRows<'py> = (usize, Bound<'py, PyAny>, Ends, usize);

/// Rows of fewer bytes are copied.
const LENT_BYTES: usize = 32 << 10;

/// The schema's trees and what flattens records for them.
#[pyclass(frozen, module = "myd_grpc._native")]
struct Core(Mutex<Flattener>);

impl Core {
    fn with<T>(&self, work: impl FnOnce(&mut Flattener) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl Core {
    #[new]
    fn new(line_end: &str, id_field: &str, max_depth: usize) -> Self {
        Self(Mutex::new(Flattener::new(Settings {
            line_end: line_end.into(),
            id_field: id_field.into(),
            max_depth,
        })))
    }

    /// How many keys are remembered.
    #[getter]
    fn nodes(&self) -> usize {
        self.with(|flattener| flattener.trees.len())
    }

    /// Forgets the schema.
    fn reset(&self) {
        self.with(|flattener| flattener.trees = schema::Trees::new());
    }

    /// Adds an entry to the schema.
    fn follow(&self, is_table: bool, owner: usize, path: Vec<String>) -> PyResult<()> {
        if self.with(|flattener| flattener.trees.follow(is_table, owner, &path)) {
            Ok(())
        } else {
            Err(PyIndexError::new_err("no such table"))
        }
    }

    /// Flattens the first `count` records; answers how many were good.
    #[pyo3(signature = (data, values, keys, count, *, file, first, depth))]
    #[expect(clippy::too_many_arguments, reason = "named at the call, as in the class Batch")]
    fn flatten(
        &self,
        py: Python<'_>,
        data: Buffer,
        values: &Spans,
        keys: &Spans,
        count: usize,
        file: u64,
        first: u64,
        depth: usize,
    ) -> usize {
        let values = &values.0[..count.min(values.0.len())];
        let batch = Batch { data: data.as_slice(), values, keys: &keys.0, file, first, depth };
        py.detach(|| self.with(|flattener| flattener.flatten(&batch)))
    }

    /// The entries that the last batch added: (whether a table, its table, its path, the record).
    fn entries<'py>(&self, py: Python<'py>) -> PyResult<Vec<NewEntry<'py>>> {
        self.with(|flattener| {
            let trees = &flattener.trees;
            let described = trees.entries.iter().map(|entry| {
                let keys = trees.path(entry.node);
                let keys = keys.iter().map(|key| PyString::new(py, &String::from_utf8_lossy(key)));
                let path = PyTuple::new(py, keys.collect::<Vec<_>>())?;
                Ok((entry.is_table, entry.owner, path, entry.origin))
            });
            described.collect()
        })
    }

    /// Takes the last batch's rows: (table, text, the rows' ends, columns beside links).
    fn take_rows<'py>(&self, py: Python<'py>) -> PyResult<Vec<TableRows<'py>>> {
        self.with(|flattener| {
            let tables = flattener.trees.tables.iter_mut().enumerate();
            let described = tables.filter_map(|(number, table)| {
                let ends = Ends(table.output.take_ends());
                let columns = table.cells.len();
                let text = (!ends.0.is_empty()).then(|| text_of(py, &mut table.output))?;
                Some(text.map(|text| (number, text, ends, columns)))
            });
            described.collect()
        })
    }
}

/// A table's rows as an object whose bytes Python can use.
fn text_of<'py>(py: Python<'py>, output: &mut Output) -> PyResult<Bound<'py, PyAny>> {
    // Whoever holds rows holds their buffer, and counts the rows alone.
    if output.text().len() < LENT_BYTES || output.is_mostly_room() {
        return PyBytes::new(py, output.text()).into_bound_py_any(py);
    }
    Buffer::from(output.take_text()).into_bound_py_any(py)
}

/// The module `myd_grpc._native`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(cut, module)?)?;
    module.add_function(wrap_pyfunction!(outline, module)?)?;
    module.add_function(wrap_pyfunction!(scan, module)?)?;
    module.add_class::<Spans>()?;
    module.add_class::<Ends>()?;
    module.add_class::<Core>()
}
