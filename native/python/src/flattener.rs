//! The flattener, as Python has it.

use std::sync::{Arc, Mutex, PoisonError};

use myd_core::cut::cut_whole;
use myd_core::flatten::{Batch, Bounds, Entry, FlattenerPool, Settings, TakePart, Work};
use myd_core::wanted::Wanted;
use pyo3::prelude::*;
use pyo3_bytes::PyBytes as Buffer;

use crate::columns::PyColumnRules;
use crate::fragment::{PyFragment, flattened};
use crate::read_ahead::PyPiece;
use crate::sequences::Spans;

/// See `RowRules` in `engine.py`.
#[derive(FromPyObject)]
struct PyRowRules {
    line_end: String,
    marks_text: bool,
    id_field: String,
    max_depth: usize,
    max_columns: usize,
    max_tables: usize,
    max_name_bytes: usize,
    columns: PyColumnRules,
    are_keyed: bool,
    began_keyed: bool,
}

/// Makes rows of records for a schema: see `Flattener` in `engine.py`.
#[pyclass(frozen, name = "Flattener", module = "myd_grpc._native")]
pub struct PyFlattener(pub Arc<FlattenerPool>);

#[pymethods]
impl PyFlattener {
    #[new]
    #[pyo3(signature = (
        rules, read_month, *, spare_nodes, threads, long_record, stretch_bytes, stretch_commas
    ))]
    fn new(
        rules: PyRowRules,
        read_month: Py<PyAny>,
        spare_nodes: usize,
        threads: usize,
        long_record: usize,
        stretch_bytes: usize,
        stretch_commas: usize,
    ) -> PyResult<Self> {
        let id = |are_keyed| if are_keyed { "" } else { &*rules.id_field };
        let ids = [id(rules.are_keyed), id(rules.began_keyed)];
        let columns = rules.columns.rules(ids, read_month)?;
        let settings = Settings {
            line_end: rules.line_end.into_bytes(),
            marks_text: rules.marks_text,
            id_field: Arc::new(Wanted::new(rules.id_field.as_bytes())),
            max_depth: rules.max_depth,
            bounds: Bounds {
                columns: rules.max_columns,
                tables: rules.max_tables,
                name_bytes: rules.max_name_bytes,
            },
            columns,
        };
        let work = Work { spare_nodes, threads, long_record, stretch_bytes, stretch_commas };
        Ok(Self(Arc::new(FlattenerPool::new(settings, work))))
    }

    /// Adds entries to the schema: whether each is a table, its owner, and its path.
    fn adopt(&self, entries: Vec<(bool, usize, Vec<String>)>) {
        let entry = |(is_table, owner, path)| Entry { is_table, owner, path };
        self.0.adopt(entries.into_iter().map(entry));
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
        let take = take.map(|take| taking(take, Arc::clone(&raised)));
        let fragment = py.detach(|| self.0.flatten(&batch, take));
        let error = raised.lock().unwrap_or_else(PoisonError::into_inner).take();
        error.map_or_else(|| flattened(py, fragment), Err)
    }

    /// Flattens all records of a piece, of which the text is all there is; None where they are more
    /// than a batch has, or anything else is in it, or wrong with it.
    #[pyo3(signature = (text, piece, *, batch_bytes, batch_values))]
    fn flatten_whole<'py>(
        &self,
        py: Python<'py>,
        text: &[u8],
        piece: PyPiece,
        batch_bytes: usize,
        batch_values: usize,
    ) -> PyResult<Option<PyWhole<'py>>> {
        let (layout, limits) = (piece.layout()?, piece.limits(batch_bytes, batch_values));
        let (file, first, depth) = (piece.file, piece.records + 1, piece.depth);
        let Some(cut) = cut_whole(text, layout, limits) else {
            return Ok(None);
        };
        let batch = Batch { data: text, values: &cut.values, keys: &cut.keys, file, first, depth };
        let fragment = self.0.flatten(&batch, None);
        if fragment.records < cut.values.len() || fragment.is_full {
            return Ok(None);
        }
        Ok(Some((Spans(cut.values), Spans(cut.keys), flattened(py, fragment)?)))
    }
}

/// A whole text's values, keys, and what was made of them.
type PyWhole<'py> = (Spans, Spans, PyFragment<'py>);

/// Gives fragments to a function of Python's, until that raises.
fn taking(take: Py<PyAny>, raised: Arc<Mutex<Option<PyErr>>>) -> TakePart {
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
