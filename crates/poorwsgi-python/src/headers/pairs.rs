//! The fields of a response for `start_response`.

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use poorwsgi_core::headers::{Headers, fields, usual_spelling};
use poorwsgi_core::response::{HTML_TYPE, JSON_TYPE};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyList, PyString, PyTuple};
use smallvec::SmallVec;

use super::native::value_to_native;

/// The fields as a list of pairs of native strings (PEP 3333).
pub(crate) fn native_pairs<'py>(py: Python<'py>, headers: &Headers) -> PyResult<Bound<'py, PyList>> {
    let pairs = fields(headers).map(|(name, spelling, value)| match usual_pair(py, name, spelling, value) {
        Some(pair) => Ok(pair.clone()),
        None => {
            let name = match (name, spelling) {
                (_, Some(spelling)) => PyString::new(py, spelling),
                (&CONTENT_TYPE, None) => intern!(py, "Content-Type").clone(),
                (&CONTENT_LENGTH, None) => intern!(py, "Content-Length").clone(),
                (name, None) => PyString::new(py, &usual_spelling(name)),
            };
            PyTuple::new(py, [name, value_to_native(py, value)])
        }
    });
    PyList::new(py, pairs.collect::<PyResult<SmallVec<[_; 8]>>>()?)
}

/// The pairs that nearly every response has, created once.
fn usual_pair<'py>(
    py: Python<'py>,
    name: &HeaderName,
    spelling: Option<&str>,
    value: &HeaderValue,
) -> Option<&'py Bound<'py, PyTuple>> {
    static HTML: HeaderPair = HeaderPair::new("Content-Type", HTML_TYPE);
    static JSON: HeaderPair = HeaderPair::new("Content-Type", JSON_TYPE);
    static POWERED_BY: HeaderPair = HeaderPair::new("X-Powered-By", "PoorWSGI");
    if spelling.is_some() {
        return None;
    }
    if *name == CONTENT_TYPE {
        return [&HTML, &JSON].into_iter().find(|pair| value == pair.value)?.get(py);
    }
    (value == POWERED_BY.value && name.as_str() == "x-powered-by").then(|| POWERED_BY.get(py))?
}

struct HeaderPair {
    name: &'static str,
    value: &'static str,
    made: PyOnceLock<Py<PyTuple>>,
}

impl HeaderPair {
    const fn new(name: &'static str, value: &'static str) -> Self {
        HeaderPair { name, value, made: PyOnceLock::new() }
    }

    fn get<'py>(&'static self, py: Python<'py>) -> Option<&'py Bound<'py, PyTuple>> {
        let make = || PyTuple::new(py, [self.name, self.value]).map(Bound::unbind);
        Some(self.made.get_or_try_init(py, make).ok()?.bind(py))
    }
}
