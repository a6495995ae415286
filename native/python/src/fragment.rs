//! What comes of batches, as objects of Python.

use std::sync::Arc;

use bytes::Bytes;
use myd_core::buffers::SharedText;
use myd_core::flatten::{Entry, FEW_BYTES, Fragment, Rows};
use myd_core::input::Place;
use myd_core::kinds::TableKinds;
use myd_core::records::Records;
use myd_core::search::Found;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyTuple};
// Bytes that Python lends, or is lent: not changed while one of them lives.
use pyo3_bytes::PyBytes as Buffer;

use crate::gathered::FewOfMany;
use crate::sequences::{Ends, Spans};

/// What a scan found: how many records are sound, and which of those hold the text.
pub type PyScanned = (usize, Vec<usize>);
/// A batch: its text, values and keys, the offset of the text in the file, the first one's number,
/// and a place before that text, if the file is base64 or hex text.
pub type PyRecords = (Buffer, Spans, Spans, u64, u64, Option<PyPlace>);
/// See `TextPlace` in `cipher.py`.
pub type PyPlace = (u64, u64);
/// A table or column: whether it is a table, the table that it is in, and its path.
pub type PyEntry<'py> = (bool, usize, Bound<'py, PyTuple>);
/// Rows of a table: its number, their text and ends, and how many cells they have.
pub type PyRows<'py> = (usize, Bound<'py, PyAny>, Ends, usize);
/// A fragment, in the order of the fields of `Fragment` in `batch.py`, but for the
/// last of those, which is with the kinds. Its rows are a list, or `FewOfMany`, with the kinds in it.
pub type PyFragment<'py> = (
    usize,
    Vec<PyEntry<'py>>,
    Vec<usize>,
    Bound<'py, PyAny>,
    (Vec<PyKinds<'py>>, Vec<PyMasked>),
    usize,
    bool,
);
/// Which kinds of values a table's columns have: its number, and sixteen bytes for each column.
pub type PyKinds<'py> = (usize, Bound<'py, PyBytes>);
/// How many cells of a column were masked: its table, its number, and those.
pub type PyMasked = (usize, i64, u64);

/// What a scan found.
pub fn scanned(found: Found) -> PyScanned {
    (found.sound, found.holding)
}

/// A batch.
pub fn described(records: Records) -> PyRecords {
    let Records { text, offset, values, keys, first, place, .. } = records;
    let text = Buffer::new(Bytes::from_owner(Lent(text)));
    (text, Spans(values), Spans(keys), offset, first, place.map(place_of))
}

/// A place.
pub fn place_of(place: Place) -> PyPlace {
    (place.position, place.letters)
}

/// Text that Python looks at.
struct Lent(Arc<SharedText>);

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// A fragment.
pub fn flattened<'py>(py: Python<'py>, fragment: Fragment) -> PyResult<PyFragment<'py>> {
    let Fragment { base, entries, origins, rows, kinds, few, masked, records, is_full } = fragment;
    let entries = entries
        .into_iter()
        .map(|Entry { is_table, owner, path }| Ok((is_table, owner, PyTuple::new(py, path)?)));
    let entries = entries.collect::<PyResult<_>>()?;
    let (rows, kinds) = if !few.is_empty() {
        (FewOfMany::from(few).into_bound_py_any(py)?, Vec::new())
    } else {
        let rows = rows.into_iter().map(|one| rows_of(py, one)).collect::<PyResult<Vec<_>>>()?;
        let kinds = kinds.iter().map(|one| kinds_of(py, one)).collect();
        (rows.into_bound_py_any(py)?, kinds)
    };
    let masked = masked.into_iter().map(|it| (it.table, it.column, it.cells)).collect();
    Ok((base, entries, origins, rows, (kinds, masked), records, is_full))
}

/// Rows of a table.
pub fn rows_of<'py>(py: Python<'py>, rows: Rows) -> PyResult<PyRows<'py>> {
    let Rows { table, text, ends, width } = rows;
    Ok((table, text_of(py, text)?, Ends(ends), width))
}

/// Which kinds of values a table's columns have.
pub fn kinds_of<'py>(py: Python<'py>, kinds: &TableKinds) -> PyKinds<'py> {
    (kinds.table, PyBytes::new(py, &kinds.bits))
}

/// A table's rows as an object whose bytes Python can use.
pub fn text_of<'py>(py: Python<'py>, text: Vec<u8>) -> PyResult<Bound<'py, PyAny>> {
    if text.len() < FEW_BYTES {
        return PyBytes::new(py, &text).into_bound_py_any(py);
    }
    Buffer::from(text).into_bound_py_any(py)
}
