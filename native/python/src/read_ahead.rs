//! Reading ahead, as Python has it.

use std::sync::Arc;

use myd_core::buffers::BufferPool;
use myd_core::cut::{Layout, Limits};
use myd_core::input::{Failure, Input, PulledText};
use myd_core::read_ahead::{Outcome, ReadAhead, Task};
use myd_core::records::{Piece, RecordCutter};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::flattener::PyFlattener;
use crate::fragment::{PyPlace, PyRecords, described, flattened, place_of, scanned};
use crate::input::{Callback, PyFile, raised};
use crate::scanner::PyScanner;

/// Memory for text that readings use one after another.
#[pyclass(frozen, module = "myd_grpc._native")]
pub struct Buffers(Arc<BufferPool>);

#[pymethods]
impl Buffers {
    #[new]
    fn new() -> Self {
        Self(Arc::default())
    }
}

/// What is done to batches.
#[derive(FromPyObject)]
pub enum PyTask<'py> {
    Flatten(PyRef<'py, PyFlattener>),
    Scan(PyRef<'py, PyScanner>),
}

impl PyTask<'_> {
    fn task(&self, file: u64) -> Task {
        match self {
            Self::Flatten(it) => Task::Flatten { flatteners: Arc::clone(&it.0), file },
            Self::Scan(it) => {
                Task::Scan { wanted: Arc::clone(&it.wanted), max_depth: it.max_depth }
            }
        }
    }
}

/// See `Piece` in `piece.py`.
#[derive(FromPyObject)]
pub struct PyPiece {
    pub file: u64,
    offset: u64,
    pub records: u64,
    layout: String,
    pub depth: usize,
    limits: PyLimits,
}

/// See `Limits` in `model.py`.
#[derive(FromPyObject)]
pub struct PyLimits {
    batch_records: usize,
    max_record_bytes: usize,
}

impl PyPiece {
    pub fn layout(&self) -> PyResult<Layout> {
        match &*self.layout {
            "ARRAY" => Ok(Layout::Array),
            "KEYED" => Ok(Layout::Keyed),
            "LINES" => Ok(Layout::Lines),
            "SINGLE" => Ok(Layout::Single),
            _ => Err(PyValueError::new_err("records of this layout are not cut off")),
        }
    }

    /// What a batch may have at most.
    pub fn limits(&self, bytes: usize, commas: usize) -> Limits {
        let PyLimits { batch_records, max_record_bytes } = self.limits;
        Limits { records: batch_records, bytes, commas, record_bytes: max_record_bytes }
    }
}

/// Reads ahead in one piece of a file: threads call `work`, somebody takes what comes of it.
#[pyclass(frozen, name = "ReadAhead", module = "myd_grpc._native")]
pub struct PyReadAhead(ReadAhead);

#[pymethods]
impl PyReadAhead {
    /// `head` is the piece's first text; what comes after it is read from `file`, or from calls of
    /// `read` where there is none, `chunk` bytes at a time.
    #[new]
    #[pyo3(signature = (
        work, buffers, piece, head, file, read, *,
        chunk, batch_bytes, batch_values, long_gap, threads, most, most_bytes
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
        long_gap: usize,
        threads: usize,
        most: usize,
        most_bytes: usize,
    ) -> PyResult<Self> {
        let start = Piece {
            head,
            offset: piece.offset,
            records: piece.records,
            layout: piece.layout()?,
            limits: piece.limits(batch_bytes, batch_values),
            chunk,
            long_gap,
        };
        let input = match file {
            Some(file) => Input::File(Box::new(file.open()?)),
            None => Input::Pulled(PulledText::new(Callback(read))),
        };
        let cutter = RecordCutter::new(input, Arc::clone(&buffers.0), &start);
        let task = work.task(piece.file);
        Ok(Self(ReadAhead::new(task, piece.depth, cutter, threads, most, most_bytes)))
    }

    /// Works until there is nothing to do.
    fn work(&self, py: Python<'_>) {
        py.detach(|| self.0.work());
    }

    /// What came of the next batch: its records, and a fragment or what a scan found.
    ///
    /// It is made here and now where `alone`, when no thread works. A fragment that is to be made
    /// again, as the schema has so many entries by now, has but one of its own. None where no other
    /// record can be cut off; raises what reading raised.
    #[pyo3(signature = (*, alone, entries))]
    fn take<'py>(
        &self,
        py: Python<'py>,
        alone: bool,
        entries: usize,
    ) -> PyResult<Option<(PyRecords, Bound<'py, PyAny>)>> {
        let take = || if alone { self.0.take_alone() } else { self.0.take() };
        let outcome = py.detach(take);
        match outcome.map_err(|_| PyRuntimeError::new_err("a thread of the engine died"))? {
            Outcome::Flattened(records, fragment) => {
                let fragment = fragment.unless_outgrown(entries);
                let fragment = flattened(py, fragment)?.into_bound_py_any(py)?;
                Ok(Some((described(records), fragment)))
            }
            Outcome::Scanned(records, found) => {
                Ok(Some((described(records), scanned(found).into_bound_py_any(py)?)))
            }
            Outcome::Over(Some(Failure::Raised(cause))) => Err(raised(cause)),
            Outcome::Over(_) => Ok(None),
        }
    }

    /// Begins no other batch.
    fn stop(&self) {
        self.0.stop();
    }

    /// When no thread works: the text that was read and not cut off, its offset in the file, and a
    /// place before what comes after it, if the file is base64 or hex text.
    fn rest<'py>(&self, py: Python<'py>) -> PyResult<(Bound<'py, PyBytes>, u64, Option<PyPlace>)> {
        let rest = self.0.rest().ok_or_else(|| PyRuntimeError::new_err("a thread is reading"))?;
        Ok((PyBytes::new(py, &rest.0), rest.1, rest.2.map(place_of)))
    }
}
