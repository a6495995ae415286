//! Where text comes from: an open file of Python's, or a function of Python's.

use std::fs::File;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use myd_core::input::{Cause, Encoding, FileText, Given, PullBytes, PullText, PulledBytes};
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use zeroize::Zeroizing;

/// Where the bytes of a file are: behind a descriptor, or a function that gives so many at an offset.
#[derive(FromPyObject)]
enum PyBytesAt {
    Descriptor(RawFd),
    Function(Py<PyAny>),
}

/// A file to read: see `Stored` in `source.py`.
#[derive(FromPyObject)]
pub struct PyFile {
    file: PyBytesAt,
    position: u64,
    size: u64,
    skip: usize,
    key: Option<(Vec<u8>, Vec<u8>)>,
    encoded: Option<PyEncoded>,
}

/// How its ciphertext is written as text: see `EncodedFrom` in `cipher.py`.
#[derive(FromPyObject)]
struct PyEncoded {
    name: String,
    letters: u64,
    first: u64,
}

impl PyEncoded {
    fn encoding(&self) -> PyResult<Encoding> {
        match &*self.name {
            "base64" => Ok(Encoding::Base64),
            "hex" => Ok(Encoding::Hex),
            _ => Err(PyValueError::new_err("text of this encoding is not decoded")),
        }
    }
}

impl PyFile {
    /// Takes the descriptor over, if there is one.
    pub fn open(self) -> PyResult<FileText> {
        let (position, size, skip) = (self.position, self.size, self.skip);
        let text = match self.file {
            PyBytesAt::Descriptor(fd) => {
                // SAFETY: the descriptor was duplicated for this, and is nobody else's.
                #[expect(unsafe_code, reason = "Python has no other form of an open file")]
                let fd = unsafe { OwnedFd::from_raw_fd(fd) };
                FileText::new(File::from(fd), position, size, skip)
            }
            PyBytesAt::Function(read) => {
                FileText::new(PulledBytes::new(Callback(read), size), position, size, skip)
            }
        };
        let Some((key, iv)) = self.key else {
            return Ok(text);
        };
        // Freed memory keeps what was in it.
        let (key, iv) = (Zeroizing::new(key), Zeroizing::new(iv));
        let wrong = |_| PyValueError::new_err("no AES-256 key and iv");
        let key = key.as_slice().try_into().map_err(wrong)?;
        let text = text.decrypted(key, iv.as_slice().try_into().map_err(wrong)?);
        match self.encoded {
            Some(encoded) => Ok(text.decoded(encoded.encoding()?, encoded.letters, encoded.first)),
            None => Ok(text),
        }
    }
}

/// A function of Python's that gives the next bytes, none at the end; or so many at an offset.
pub struct Callback(pub Py<PyAny>);

impl PullText for Callback {
    fn pull(&mut self) -> Result<Vec<u8>, Cause> {
        let text = Python::attach(|py| {
            let text = self.0.bind(py).call0()?;
            Ok::<_, PyErr>(text.cast::<PyBytes>()?.as_bytes().to_vec())
        });
        text.map_err(Cause::from)
    }
}

impl PullBytes for Callback {
    fn pull(&mut self, offset: u64, size: usize) -> Result<Given, Cause> {
        let bytes = Python::attach(|py| {
            self.0.bind(py).call1((offset, size))?.extract::<PyBackedBytes>().map_err(PyErr::from)
        });
        Ok(Box::new(bytes?))
    }
}

/// What a callback raised.
pub fn raised(cause: Cause) -> PyErr {
    match cause.downcast::<PyErr>() {
        Ok(error) => *error,
        Err(other) => PyRuntimeError::new_err(other.to_string()),
    }
}
