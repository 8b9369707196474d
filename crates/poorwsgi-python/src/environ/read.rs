//! The head of a request of a WSGI server, read from the environ (PEP 3333).

use std::borrow::Cow;

use http::HeaderName;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use poorwsgi_core::HttpError;
use poorwsgi_core::headers::Headers;
use poorwsgi_core::headers::framing::gives_length;
use poorwsgi_core::request::{Head, Mount, path_text};
use poorwsgi_core::state::Method;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyMapping, PyString};

use super::SERVER_SOFTWARE;
use super::key::{field_name, key};
use super::mounted::mount_of;
use crate::names::Name;

/// The environment variables of the process, with the changes that Python code has made.
static PROCESS: Name = Name::new("os", "environ");

/// An environ as the head of a request. Values are read at each access.
pub(crate) struct EnvironHead {
    environ: Py<PyDict>,
    method: Cow<'static, str>,
    /// Whether a length of the body is announced. Stored because it is often needed.
    has_length: bool,
}

impl EnvironHead {
    pub(crate) fn new(environ: &Bound<'_, PyDict>) -> Self {
        let py = environ.py();
        let method = environ.get_item(intern!(py, "REQUEST_METHOD")).ok().flatten();
        let method = method.as_ref().and_then(|method| method.cast::<PyString>().ok()?.to_str().ok());
        let method = method.map_or(Cow::Borrowed(""), |name| match name.parse::<Method>() {
            Ok(method) => Cow::Borrowed(method.as_str()),
            Err(_) => Cow::Owned(name.to_owned()),
        });
        let length = environ.get_item(intern!(py, "CONTENT_LENGTH")).ok().flatten();
        let length = length.as_ref().and_then(|length| length.cast::<PyString>().ok()?.to_str().ok());
        let has_length = length.is_some_and(|length| gives_length(length.as_bytes()));
        EnvironHead { environ: environ.clone().unbind(), method, has_length }
    }

    pub(crate) const fn has_length(&self) -> bool {
        self.has_length
    }

    pub(crate) fn dict<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.environ.bind(py)
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.environ)
    }

    pub(crate) fn is_uwsgi(&self, py: Python<'_>) -> bool {
        self.dict(py).contains(intern!(py, "uwsgi.version")).unwrap_or(false)
    }

    /// Whether the variables of the application are those of the process instead of the environ: under uWSGI,
    /// and if `poor.Version` is set in the process.
    pub(crate) fn asks_process(&self, py: Python<'_>) -> bool {
        self.is_uwsgi(py)
            || PROCESS.get(py).is_ok_and(|process| process.contains("poor.Version").unwrap_or(false))
    }

    /// A field as the native string that the server set.
    pub(crate) fn native_header<'py>(&self, py: Python<'py>, name: &HeaderName) -> Option<Bound<'py, PyAny>> {
        match self.dict(py).get_item(key(py, name)).ok()? {
            // Some gateways name it like any other field.
            None if *name == CONTENT_TYPE => self.dict(py).get_item(intern!(py, "HTTP_CONTENT_TYPE")).ok()?,
            value => value,
        }
    }

    /// All fields, with their names in Title-Case.
    pub(crate) fn headers(&self, py: Python<'_>) -> Headers {
        let mut headers = Headers::new();
        each(self.dict(py), &mut |key, value| {
            let Some(name) = field_name(key) else { return };
            let Ok(value) = value.cast::<PyString>() else { return };
            let Ok(value) = value.to_cow() else { return };
            if is_unsent(key, &value) {
                return;
            }
            let bytes = bytes(&value).unwrap_or_else(|| value.as_bytes().to_vec());
            // A field that is not valid in HTTP is left out.
            let _ = headers.append(name, bytes);
        });
        headers
    }

    /// A value as text; `None` if it is missing or no str.
    fn get(&self, name: &str) -> Option<String> {
        Python::attach(|py| text(&self.environ.bind(py).get_item(name).ok()??))
    }

    fn get_or(&self, name: &str, default: &'static str) -> Cow<'_, str> {
        self.get(name).filter(|value| !value.is_empty()).map_or(Cow::Borrowed(default), Cow::Owned)
    }
}

/// Servers set `CONTENT_TYPE` and `CONTENT_LENGTH` to `""` if the client did not send the field (RFC 3875,
/// section 4.1).
fn is_unsent(key: &str, value: &str) -> bool {
    value.is_empty() && !key.starts_with("HTTP_")
}

fn each(environ: &Bound<'_, PyDict>, call: &mut dyn FnMut(&str, &Bound<'_, PyAny>)) {
    // A copy: the server owns the dict, and may change it during the iteration.
    for (key, value) in environ.items().iter().filter_map(|item| item.extract().ok()) {
        let (key, value): (String, Bound<'_, PyAny>) = (key, value);
        call(&key, &value);
    }
}

/// A copy of `os.environ`.
pub(crate) fn of_process(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let copy = PyDict::new(py);
    copy.update(PROCESS.get(py)?.cast::<PyMapping>()?)?;
    Ok(copy)
}

/// Decodes a native string of WSGI, in which each character is one byte of the request: as UTF-8, otherwise
/// as Latin-1. `None` for what is no str.
pub(crate) fn text(value: &Bound<'_, PyAny>) -> Option<String> {
    let text = value.cast::<PyString>().ok()?.to_cow().ok()?;
    if text.is_ascii() {
        return Some(text.into_owned());
    }
    Some(match bytes(&text).map(String::from_utf8) {
        Some(Ok(decoded)) => decoded,
        _ => text.into_owned(),
    })
}

/// The bytes of a native string; `None` if it contains a character beyond Latin-1.
fn bytes(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

impl Head for EnvironHead {
    fn method(&self) -> &str {
        &self.method
    }

    fn path(&self) -> Result<Cow<'_, str>, HttpError> {
        let raw = Python::attach(|py| {
            let value = self.environ.bind(py).get_item(intern!(py, "PATH_INFO")).ok()??;
            let text = value.cast::<PyString>().ok()?.to_cow().ok()?;
            if text.is_ascii() { Some(text.into_owned().into_bytes()) } else { bytes(&text) }
        });
        let raw = raw.ok_or_else(|| {
            HttpError::bad_request("PATH_INFO is missing or not a native string of WSGI (PEP 3333)")
        })?;
        if raw.is_empty() && self.mount().is_some() {
            return Ok(Cow::Borrowed("/"));
        }
        // PoorWSGI's words, which its tests look for.
        path_text(raw.into()).map_err(|error| {
            let why = error.detail().unwrap_or_default().to_owned();
            error.with_detail(format!("Invalid PATH_INFO encoding: {why}"))
        })
    }

    fn mount(&self) -> Option<Cow<'_, Mount>> {
        Python::attach(|py| mount_of(self.dict(py))).map(Cow::Owned)
    }

    fn query(&self) -> Cow<'_, str> {
        self.get_or("QUERY_STRING", "")
    }

    fn raw_target(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn protocol(&self) -> Cow<'_, str> {
        self.get_or("SERVER_PROTOCOL", "HTTP/1.0")
    }

    fn scheme(&self) -> Cow<'_, str> {
        self.get_or("wsgi.url_scheme", "http")
    }

    fn knows_client(&self) -> bool {
        self.get("SERVER_SOFTWARE").is_some_and(|name| name == SERVER_SOFTWARE)
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        if *name == CONTENT_LENGTH && !self.has_length {
            return None;
        }
        Python::attach(|py| text(&self.native_header(py, name)?)).map(Cow::Owned)
    }

    fn each_header(&self, call: &mut dyn FnMut(&str, &str)) {
        Python::attach(|py| {
            each(self.dict(py), &mut |key, value| {
                if let (Some(name), Some(value)) = (field_name(key), text(value))
                    && !is_unsent(key, &value)
                {
                    call(&name, &value);
                }
            });
        });
    }

    fn remote_addr(&self) -> Option<Cow<'_, str>> {
        self.get("REMOTE_ADDR").map(Cow::Owned)
    }

    fn remote_host(&self) -> Cow<'_, str> {
        self.get_or("REMOTE_HOST", "")
    }

    fn server_name(&self) -> Cow<'_, str> {
        self.get_or("SERVER_NAME", "localhost")
    }

    fn server_port(&self) -> u16 {
        self.get("SERVER_PORT").and_then(|port| port.parse().ok()).unwrap_or(80)
    }

    fn server_software(&self) -> Cow<'_, str> {
        self.get_or("SERVER_SOFTWARE", "Unknown")
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        Python::attach(|py| match self.asks_process(py) {
            true => text(&PROCESS.get(py).ok()?.get_item(name).ok()?),
            false => text(&self.dict(py).get_item(name).ok()??),
        })
        .map(Cow::Owned)
    }

    fn each_variable(&self, call: &mut dyn FnMut(&str, &str)) {
        let call = &mut |key: &str, value: &Bound<'_, PyAny>| {
            if field_name(key).is_none()
                && let Some(value) = text(value)
            {
                call(key, &value);
            }
        };
        Python::attach(|py| match self.asks_process(py) {
            true => of_process(py).iter().for_each(|process| each(process, call)),
            false => each(self.dict(py), call),
        });
    }
}
