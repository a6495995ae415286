//! The rules for columns, as Python has them.

use std::sync::Arc;

use myd_core::columns::{ColumnRules, Layer, MaskRule, Method};
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
    /// The rules for records whose id is the member `id_field`; none where nothing is done.
    pub fn rules(&self, id_field: &str) -> PyResult<Option<Arc<ColumnRules>>> {
        if self.is_plain {
            return Ok(None);
        }
        let layers = self.layers.iter().map(PyLayer::layer).collect::<PyResult<_>>()?;
        let ids = [id_field.to_owned(), id_field.to_owned()];
        Ok(Some(Arc::new(ColumnRules::new(layers, &self.maps, &self.key.0, ids))))
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
