//! The rules for columns, as Python has them.

use std::sync::Arc;

use myd_core::columns::{
    ColumnRules, Dates, Layer, MaskMaker, MaskRule, Method, Month, Pseudonyms,
};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use zeroize::Zeroizing;

/// See `ColumnRules` in `rules.py`.
#[derive(FromPyObject)]
pub struct PyColumnRules {
    is_plain: bool,
    layers: Vec<PyLayer>,
    maps: Vec<String>,
    key: Key,
    this_year: i64,
}

/// See `Layer` there.
#[derive(FromPyObject)]
struct PyLayer {
    include: Vec<String>,
    exclude: Vec<String>,
    rules: Vec<PyMaskRule>,
}

/// See `MaskRule` in `options.py`.
#[derive(FromPyObject)]
struct PyMaskRule {
    columns: String,
    method: String,
    domain: String,
}

/// The key of pseudonyms, which is wiped at the end.
struct Key(Zeroizing<Vec<u8>>);

impl<'py> FromPyObject<'_, 'py> for Key {
    type Error = PyErr;

    fn extract(key: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(Zeroizing::new(key.extract::<&[u8]>()?.to_vec())))
    }
}

impl PyColumnRules {
    /// The rules for records whose id is the first of these members, and where that of a set's first
    /// records is the other, "" where it is their key; none where nothing is done. `read_month` reads
    /// the times that take longer.
    pub fn rules(
        &self,
        ids: [&str; 2],
        read_month: Py<PyAny>,
    ) -> PyResult<Option<Arc<ColumnRules>>> {
        if self.is_plain {
            return Ok(None);
        }
        let layers = self.layers.iter().map(PyLayer::layer).collect::<PyResult<_>>()?;
        let key = &self.key.0;
        let masks = MaskMaker {
            pseudonyms: (!key.is_empty()).then(|| Pseudonyms::new(key)),
            dates: Arc::new(Dates::new(self.this_year, Box::new(reading(read_month)))),
        };
        let ids = ids.map(str::to_owned);
        Ok(Some(Arc::new(ColumnRules::new(layers, &self.maps, masks, ids))))
    }
}

/// Reads the months of times with a function of Python's.
fn reading(read_month: Py<PyAny>) -> impl Fn(&str) -> Option<Month> + Send + Sync {
    move |text| {
        Python::attach(|py| match read_month.call1(py, (text,)) {
            Ok(month) => month.extract(py).ok(),
            Err(error) => {
                error.write_unraisable(py, None);
                None
            }
        })
    }
}

impl PyLayer {
    fn layer(&self) -> PyResult<Layer> {
        let rules = self.rules.iter().map(PyMaskRule::rule).collect::<PyResult<_>>()?;
        Ok(Layer::new(&self.include, &self.exclude, rules))
    }
}

impl PyMaskRule {
    fn rule(&self) -> PyResult<MaskRule> {
        let method = Method::named(&self.method);
        let method = method.ok_or_else(|| PyValueError::new_err("no such method"))?;
        Ok(MaskRule::new(&self.columns, method, &self.domain))
    }
}
