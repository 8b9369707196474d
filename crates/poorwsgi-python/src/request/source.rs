//! The source of a request: the environ of a WSGI server, or the built-in server.

use http::{HeaderName, HeaderValue};
use poorwsgi_core::headers::Headers;
use poorwsgi_core::headers::list::combined;
use poorwsgi_core::request::{Head, HttpHead};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::environ::{EnvironHead, of_http};
use crate::headers::bytes_to_native;

/// The head of a request, with the representations that only Python needs.
pub(crate) enum Source {
    Wsgi(EnvironHead),
    Native(Box<HttpHead>),
}

impl Source {
    pub(crate) fn head(&self) -> &dyn Head {
        match self {
            Source::Wsgi(environ) => environ,
            Source::Native(head) => &**head,
        }
    }

    /// The environ: that of the WSGI server, or a new one.
    pub(crate) fn environ<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match self {
            Source::Wsgi(environ) => Ok(environ.dict(py).clone()),
            Source::Native(head) => of_http(py, head),
        }
    }

    /// All headers; values of the same name are joined.
    pub(crate) fn headers(&self, py: Python<'_>) -> Headers {
        match self {
            Source::Wsgi(environ) => environ.headers(py),
            Source::Native(head) => {
                let (fields, mut headers) = (&head.parts().headers, Headers::new());
                for name in fields.keys() {
                    let value = combined(name, fields.get_all(name)).unwrap_or_default();
                    // Received values are valid. The client's spelling of the name is lost.
                    if let Ok(value) = HeaderValue::from_bytes(&value) {
                        headers.put(name.clone(), value);
                    }
                }
                headers
            }
        }
    }

    /// A header as a native string of WSGI, with one character for each byte (PEP 3333, "Unicode Issues").
    pub(crate) fn header<'py>(&self, py: Python<'py>, name: &HeaderName) -> Option<Bound<'py, PyAny>> {
        match self {
            Source::Wsgi(environ) => environ.native_header(py, name),
            Source::Native(head) => {
                let value = combined(name, head.parts().headers.get_all(name))?;
                Some(bytes_to_native(py, &value).into_any())
            }
        }
    }
}
