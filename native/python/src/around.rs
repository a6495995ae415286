//! Reading text around records, as Python has it.

use std::sync::{Mutex, PoisonError};

use myd_core::around::AroundReader;
use myd_core::input::{Failure, Input, PulledText};
use myd_core::strict::{Expect, Juncture, StrictText};
use myd_core::wanted::Wanted;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::fragment::{PyPlace, place_of};
use crate::input::{Callback, PyFile, raised};

/// What may come next, by the names in `strict.py`.
const EXPECTED: [(&str, Expect); 7] = [
    ("VALUE", Expect::Value),
    ("VALUE_OR_CLOSE", Expect::ValueOrClose),
    ("KEY", Expect::Key),
    ("KEY_OR_CLOSE", Expect::KeyOrClose),
    ("COLON", Expect::Colon),
    ("COMMA_OR_CLOSE", Expect::CommaOrClose),
    ("NOTHING", Expect::Nothing),
];

/// See `Expect` in `strict.py`.
#[derive(FromPyObject)]
struct PyExpect {
    name: String,
}

/// See `Juncture` in `piece.py`.
#[derive(FromPyObject)]
pub struct PyJuncture {
    offset: u64,
    around: String,
    expect: PyExpect,
    names: Vec<String>,
}

impl PyJuncture {
    fn juncture(&self) -> PyResult<Juncture> {
        let found = EXPECTED.iter().find(|(name, _)| *name == self.expect.name);
        let &(_, expect) = found.ok_or_else(|| PyValueError::new_err("expects nothing known"))?;
        Ok(Juncture { open: self.around.clone().into_bytes(), expect, entered: 0 })
    }
}

/// Reads text around records, from a juncture on: see `PassOver` in `engine.py`.
#[pyclass(frozen, name = "AroundReader", module = "myd_grpc._native")]
pub struct PyAroundReader(Mutex<AroundReader>);

impl PyAroundReader {
    fn with<T>(&self, call: impl FnOnce(&mut AroundReader) -> T) -> T {
        call(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[pymethods]
impl PyAroundReader {
    /// `head` is the first text; what comes after it is read from `file`, or from calls of `read`
    /// where there is none, `chunk` bytes at a time.
    #[new]
    #[pyo3(signature = (juncture, head, file, read, *, chunk, max_depth, max_bytes))]
    fn new(
        juncture: PyJuncture,
        head: &[u8],
        file: Option<PyFile>,
        read: Py<PyAny>,
        chunk: usize,
        max_depth: usize,
        max_bytes: usize,
    ) -> PyResult<Self> {
        let path = juncture.names.iter().map(|name| Wanted::new(name.as_bytes())).collect();
        let strict = StrictText::new(juncture.juncture()?, path, max_depth, max_bytes);
        let input = match file {
            Some(file) => Input::File(Box::new(file.open()?)),
            None => Input::Pulled(PulledText::new(Callback(read))),
        };
        let reader = AroundReader::new(input, strict, head, juncture.offset, chunk, max_bytes);
        Ok(Self(Mutex::new(reader)))
    }

    /// Reads on for about so many bytes; whether there is more to read on. Raises what reading
    /// raised.
    fn read_on(&self, py: Python<'_>, most: usize) -> PyResult<bool> {
        let read = py.detach(|| self.with(|reader| reader.read_on(most)));
        read.map_err(|failure| match failure {
            Failure::Raised(cause) => raised(cause),
            Failure::Unreadable => PyOSError::new_err("cannot be read"),
        })
    }

    /// The offset up to which the text was checked, and a place before what comes after it, if the
    /// file is base64 or hex text.
    fn reached(&self) -> (u64, Option<PyPlace>) {
        self.with(|reader| (reader.reached(), reader.next_place().map(place_of)))
    }

    /// Where it stopped: the offset, the brackets that are open, what may come next, how many names
    /// were entered, and what was read after that.
    fn juncture<'py>(
        &self,
        py: Python<'py>,
    ) -> (u64, String, &'static str, usize, Bound<'py, PyBytes>) {
        self.with(|reader| {
            let (offset, rest) = reader.rest();
            let Juncture { open, expect, entered } = reader.juncture();
            let around = String::from_utf8_lossy(open).into_owned();
            let known = EXPECTED.iter().find(|(_, one)| one == expect);
            let expected = known.map_or("", |(name, _)| name);
            (offset, around, expected, *entered, PyBytes::new(py, &rest))
        })
    }
}
