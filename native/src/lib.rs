//! The native engine of `myd_grpc.convert`: what it promises is in `engine.py`.
//!
//! This file is all that knows of Python, but for the one input that calls it. What takes long
//! releases the interpreter's lock while it works, and never fails on bad input: it says how far it
//! came.

#[cfg(has_avx512)]
mod avx512;
mod bare;
mod batches;
mod boundary;
mod cell;
mod csv;
mod engine;
mod flatten;
mod input;
mod json;
mod lanes;
mod line;
mod schema;
mod search;
mod shape;
mod shelf;
mod turns;
mod wanted;

use std::fs::File;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PySlice, PyTuple};
// Bytes that Python lends, or is lent: not changed while one of them lives.
use pyo3_bytes::PyBytes as Buffer;

use batches::{Batches, Records, Start};
use boundary::{Layout, Limits, Span};
use csv::{FEW_BYTES, Rows};
use engine::{Engine, Entry, Fragment};
use flatten::{Batch, Settings, Sink};
use input::{Calls, Failure, FileText};
use line::{Line, Outcome, Task};
use schema::Bounds;
use search::{Found, Search};
use shelf::{Shelf, Text};
use wanted::Wanted;

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

/// The first value of a text with what is nested in it emptied.
#[pyfunction]
fn outline<'py>(py: Python<'py>, head: &Bound<'_, PyBytes>) -> Bound<'py, PyBytes> {
    let head = head.as_bytes();
    PyBytes::new(py, &py.detach(|| shape::outline(head)))
}

type PyScanned = (usize, Vec<usize>);
type PyRecords<'py> = (Buffer, Spans, Spans, u64, u64);
type PyEntry<'py> = (bool, usize, Bound<'py, PyTuple>);
type PyRows<'py> = (usize, Bound<'py, PyAny>, Ends, usize);
type PyFragment<'py> = (usize, Vec<PyEntry<'py>>, Vec<usize>, Vec<PyRows<'py>>, usize, bool);

fn scanned(found: Found) -> PyScanned {
    (found.sound, found.holding)
}

/// Where they are, their offset in the file, and the first one's number.
fn described<'py>(records: Records) -> PyRecords<'py> {
    let Records { text, offset, values, keys, first } = records;
    (Buffer::new(Bytes::from_owner(Lent(text))), Spans(values), Spans(keys), offset, first)
}

/// Text that Python looks at.
struct Lent(Arc<Text>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// See `Fragment` in `batch.py`.
fn flattened<'py>(py: Python<'py>, fragment: Fragment) -> PyResult<PyFragment<'py>> {
    let Fragment { base, entries, origins, rows, records, is_full } = fragment;
    let entries = entries
        .into_iter()
        .map(|Entry { is_table, owner, path }| Ok((is_table, owner, PyTuple::new(py, path)?)));
    let rows = rows.into_iter().map(|Rows { table, text, ends, columns }| {
        Ok((table, text_of(py, text)?, Ends(ends), columns))
    });
    let (entries, rows) = (entries.collect::<PyResult<_>>()?, rows.collect::<PyResult<_>>()?);
    Ok((base, entries, origins, rows, records, is_full))
}

/// A table's rows as an object whose bytes Python can use.
fn text_of<'py>(py: Python<'py>, text: Vec<u8>) -> PyResult<Bound<'py, PyAny>> {
    if text.len() < FEW_BYTES {
        return PyBytes::new(py, &text).into_bound_py_any(py);
    }
    Buffer::from(text).into_bound_py_any(py)
}

/// Gives fragments to a function of Python's, until that raises.
fn sink(take: Py<PyAny>, raised: Arc<Mutex<Option<PyErr>>>) -> Sink {
    Box::new(move |fragment| {
        let taken = Python::attach(|py| {
            let fragment = flattened(py, fragment)?.into_pyobject(py)?;
            take.call1(py, fragment)
        });
        let error = taken.err();
        let is_wanted = error.is_none();
        *raised.lock().unwrap_or_else(PoisonError::into_inner) = error;
        is_wanted
    })
}

/// Memory for text that readings use one after another.
#[pyclass(frozen, module = "myd_grpc._native")]
struct Buffers(Arc<Shelf>);

#[pymethods]
impl Buffers {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }
}

/// Makes rows of records for a schema: see `Flattener` in `engine.py`.
#[pyclass(frozen, name = "Flattener", module = "myd_grpc._native")]
struct PyFlattener(Arc<Engine>);

#[pymethods]
impl PyFlattener {
    #[new]
    fn new(rules: PyRowRules, spare_nodes: usize) -> Self {
        let settings = Settings {
            line_end: rules.line_end.into_bytes(),
            id_field: rules.id_field.into_bytes(),
            max_depth: rules.max_depth,
            bounds: Bounds {
                columns: rules.max_columns,
                tables: rules.max_tables,
                name_bytes: rules.max_name_bytes,
            },
        };
        Self(Arc::new(Engine::new(settings, spare_nodes)))
    }

    /// Adds an entry to the schema.
    fn adopt(&self, is_table: bool, owner: usize, path: Vec<String>) {
        self.0.adopt(Entry { is_table, owner, path });
    }

    /// Flattens records for the schema as it is now; what is too much at once is given to `take`.
    #[pyo3(signature = (data, values, keys, take, *, file, first, depth))]
    #[expect(clippy::too_many_arguments, reason = "named at the call, as in the class Batch")]
    fn flatten<'py>(
        &self,
        py: Python<'py>,
        data: Buffer,
        values: &Spans,
        keys: &Spans,
        take: Option<Py<PyAny>>,
        file: u64,
        first: u64,
        depth: usize,
    ) -> PyResult<PyFragment<'py>> {
        let (data, values, keys) = (data.as_slice(), &*values.0, &*keys.0);
        let batch = Batch { data, values, keys, file, first, depth };
        let raised = Arc::<Mutex<Option<PyErr>>>::default();
        let sink = take.map(|take| sink(take, Arc::clone(&raised)));
        let fragment = py.detach(|| self.0.flatten(&batch, sink));
        let error = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or_else(|| flattened(py, fragment), Err)
    }
}

/// Finds the records that hold a text: see `Scanner` in `engine.py`.
#[pyclass(frozen, name = "Scanner", module = "myd_grpc._native")]
struct PyScanner {
    wanted: Arc<Wanted>,
    max_depth: usize,
}

#[pymethods]
impl PyScanner {
    #[new]
    fn new(text: &[u8], max_depth: usize) -> Self {
        Self { wanted: Arc::new(Wanted::new(text)), max_depth }
    }

    /// Looks records over: how many from the start are sound, and which of those hold the text.
    #[pyo3(signature = (data, values, keys, *, depth))]
    fn scan(
        &self,
        py: Python<'_>,
        data: Buffer,
        values: &Spans,
        keys: &Spans,
        depth: usize,
    ) -> PyScanned {
        let (data, wanted, max_depth) = (data.as_slice(), &*self.wanted, self.max_depth);
        let search = Search { data, values: &values.0, keys: &keys.0, depth, max_depth, wanted };
        scanned(py.detach(|| search::scan(&search)))
    }
}

/// What is done to batches.
#[derive(FromPyObject)]
enum PyTask<'py> {
    Flatten(PyRef<'py, PyFlattener>),
    Scan(PyRef<'py, PyScanner>),
}

impl PyTask<'_> {
    fn task(&self, file: u64) -> Task {
        match self {
            Self::Flatten(it) => Task::Flatten { engine: Arc::clone(&it.0), file },
            Self::Scan(it) => {
                Task::Scan { wanted: Arc::clone(&it.wanted), max_depth: it.max_depth }
            }
        }
    }
}

/// See `RowRules` in `engine.py`.
#[derive(FromPyObject)]
struct PyRowRules {
    line_end: String,
    id_field: String,
    max_depth: usize,
    max_columns: usize,
    max_tables: usize,
    max_name_bytes: usize,
}

/// See `Piece` in `piece.py`.
#[derive(FromPyObject)]
struct PyPiece {
    file: u64,
    offset: u64,
    records: u64,
    layout: String,
    depth: usize,
    limits: PyLimits,
}

/// See `Limits` in `model.py`.
#[derive(FromPyObject)]
struct PyLimits {
    batch_records: usize,
    max_record_bytes: usize,
}

impl PyPiece {
    fn layout(&self) -> PyResult<Layout> {
        match &*self.layout {
            "ARRAY" => Ok(Layout::Array),
            "KEYED" => Ok(Layout::Keyed),
            "LINES" => Ok(Layout::Lines),
            _ => Err(PyValueError::new_err("records of this layout are not cut off")),
        }
    }
}

/// A file to read: see `Stored` in `source.py`.
#[derive(FromPyObject)]
struct PyFile {
    fd: RawFd,
    position: u64,
    size: u64,
    skip: usize,
    key: Option<(Vec<u8>, Vec<u8>)>,
}

impl PyFile {
    /// Takes the descriptor over.
    fn open(self) -> PyResult<FileText> {
        // SAFETY: the descriptor was duplicated for this, and is nobody else's.
        #[expect(unsafe_code, reason = "Python has no other form of an open file")]
        let fd = unsafe { OwnedFd::from_raw_fd(self.fd) };
        let text = FileText::new(File::from(fd), self.position, self.size, self.skip);
        let Some((key, iv)) = self.key else {
            return Ok(text);
        };
        let wrong = |_| PyValueError::new_err("no AES-256 key and iv");
        let key = key.as_slice().try_into().map_err(wrong)?;
        Ok(text.decrypted(key, iv.as_slice().try_into().map_err(wrong)?))
    }
}

/// Reads ahead in one piece of a file: threads call `work`, somebody takes what comes of it.
#[pyclass(frozen, name = "ReadAhead", module = "myd_grpc._native")]
struct PyReadAhead(Line);

#[pymethods]
impl PyReadAhead {
    /// `head` is the piece's first text; what comes after it is read from `file`, or from calls of
    /// `read` where there is none, `chunk` bytes at a time.
    #[new]
    #[pyo3(signature = (
        work, buffers, piece, head, file, read, *,
        chunk, batch_bytes, batch_values, threads, most, most_bytes
    ))]
    #[expect(clippy::too_many_arguments, reason = "named at the call")]
    fn new(
        work: PyTask<'_>,
        buffers: &Buffers,
        piece: PyPiece,
        head: &[u8],
        file: Option<PyFile>,
        read: Py<PyAny>,
        chunk: usize,
        batch_bytes: usize,
        batch_values: usize,
        threads: usize,
        most: usize,
        most_bytes: usize,
    ) -> PyResult<Self> {
        let start = Start {
            head,
            offset: piece.offset,
            records: piece.records,
            layout: piece.layout()?,
            limits: Limits {
                records: piece.limits.batch_records,
                bytes: batch_bytes,
                commas: batch_values,
                record_bytes: piece.limits.max_record_bytes,
            },
            chunk,
        };
        let input = match file {
            Some(file) => input::Input::File(Box::new(file.open()?)),
            None => input::Input::Calls(Calls::new(read)),
        };
        let batches = Batches::new(input, Arc::clone(&buffers.0), &start);
        Ok(Self(Line::new(work.task(piece.file), piece.depth, batches, threads, most, most_bytes)))
    }

    /// Works until there is nothing to do.
    fn work(&self, py: Python<'_>) {
        py.detach(|| self.0.work());
    }

    /// What came of the next batch: its records, and a fragment or what a scan found.
    ///
    /// None where no other record can be cut off; raises what reading raised.
    fn take<'py>(&self, py: Python<'py>) -> PyResult<Option<(PyRecords<'py>, Bound<'py, PyAny>)>> {
        let outcome = py.detach(|| self.0.take());
        match outcome.map_err(|_| PyRuntimeError::new_err("a thread of the engine died"))? {
            Outcome::Flattened(records, fragment) => {
                let fragment = flattened(py, fragment)?.into_bound_py_any(py)?;
                Ok(Some((described(records), fragment)))
            }
            Outcome::Scanned(records, found) => {
                Ok(Some((described(records), scanned(found).into_bound_py_any(py)?)))
            }
            Outcome::Over(Some(Failure::Raised(error))) => Err(error),
            Outcome::Over(_) => Ok(None),
        }
    }

    /// Begins no other batch.
    fn stop(&self) {
        self.0.stop();
    }

    /// When no thread works: the text that was read and not cut off, and its offset in the file.
    fn rest<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, u64)> {
        let rest = self.0.rest().ok_or_else(|| PyRuntimeError::new_err("a thread is reading"))?;
        Ok((PyBytes::new(py, &rest.0), rest.1))
    }
}

/// The module `myd_grpc._native`.
#[pymodule(gil_used = true)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(outline, module)?)?;
    module.add_class::<Spans>()?;
    module.add_class::<Ends>()?;
    module.add_class::<Buffers>()?;
    module.add_class::<PyFlattener>()?;
    module.add_class::<PyScanner>()?;
    module.add_class::<PyReadAhead>()
}
