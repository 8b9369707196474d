//! The environ of a request of our own server (PEP 3333, "environ Variables").

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderName, header};
use percent_encoding::percent_decode_str;
use poorwsgi::request::{Head, HttpHead};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::file_wrapper::FileWrapper;
use super::input::Input;
use crate::headers::value_to_native;
use crate::names::Name;

/// Whether other processes may serve the same application, since they share its socket.
static IS_MULTIPROCESS: AtomicBool = AtomicBool::new(false);

/// Called where a socket is not this process's own.
pub(crate) fn set_multiprocess() {
    IS_MULTIPROCESS.store(true, Ordering::Relaxed);
}

/// The environ of a request, but for `wsgi.input`: see [`set_input`].
pub(crate) fn of_http<'py>(py: Python<'py>, head: &HttpHead) -> PyResult<Bound<'py, PyDict>> {
    static BASE: PyOnceLock<Py<PyDict>> = PyOnceLock::new();
    let base = BASE.get_or_try_init(py, || {
        let base = PyDict::new(py);
        set_constants(&base)?;
        PyResult::Ok(base.unbind())
    })?;
    let environ = base.bind(py).copy()?;
    let parts = head.parts();
    environ.set_item(intern!(py, "REQUEST_METHOD"), method(py, parts.method.as_str()))?;
    let path: Cow<'_, [u8]> = match parts.uri.path() {
        // The target of OPTIONS that means the server itself (RFC 9112, section 3.2.4) is no path.
        "*" => Cow::Borrowed(b""),
        path => percent_decode_str(path).into(),
    };
    environ.set_item(intern!(py, "PATH_INFO"), native(py, &path))?;
    environ.set_item(intern!(py, "QUERY_STRING"), native(py, head.query().as_bytes()))?;
    if let Some(target) = head.raw_target() {
        environ.set_item(intern!(py, "REQUEST_URI"), native(py, target.as_bytes()))?;
    }
    environ.set_item(intern!(py, "SERVER_PROTOCOL"), protocol(py, &head.protocol()))?;
    environ.set_item(intern!(py, "wsgi.url_scheme"), &*head.scheme())?;
    set_addresses(&environ, head)?;
    set_fields(&environ, head)?;
    environ.set_item(intern!(py, "wsgi.errors"), errors(py)?)?;
    let mut set = Ok(());
    head.each_variable(&mut |name, value| {
        if set.is_ok() {
            set = environ.set_item(name, value);
        }
    });
    set?;
    Ok(environ)
}

/// Gives the environ the body of its request.
pub(super) fn set_input(environ: &Bound<'_, PyDict>, input: &Bound<'_, Input>) -> PyResult<()> {
    environ.set_item(intern!(environ.py(), "wsgi.input"), input)
}

/// The standard error as it is now: it may be replaced at any time. A process without one forgets what is written.
fn errors(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NOWHERE: Name = Name::new("io", "StringIO");
    static SYS: Name = Name::new("sys", "__dict__");
    let errors = SYS.get(py)?.get_item(intern!(py, "stderr"))?;
    if errors.is_none() { NOWHERE.get(py)?.call0() } else { Ok(errors) }
}

/// What is the same for all requests.
fn set_constants(environ: &Bound<'_, PyDict>) -> PyResult<()> {
    static VERSION: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let py = environ.py();
    let version = VERSION.get_or_try_init(py, || PyTuple::new(py, [1, 0]).map(Bound::unbind))?;
    environ.set_item(intern!(py, "SCRIPT_NAME"), intern!(py, ""))?;
    environ.set_item(intern!(py, "SERVER_SOFTWARE"), intern!(py, "PoorWSGI"))?;
    environ.set_item(intern!(py, "wsgi.version"), version)?;
    environ.set_item(intern!(py, "wsgi.multithread"), true)?;
    environ.set_item(intern!(py, "wsgi.multiprocess"), IS_MULTIPROCESS.load(Ordering::Relaxed))?;
    environ.set_item(intern!(py, "wsgi.run_once"), false)?;
    environ.set_item(intern!(py, "wsgi.input_terminated"), true)?;
    environ.set_item(intern!(py, "wsgi.file_wrapper"), py.get_type::<FileWrapper>())
}

/// A native string of WSGI: a character for each byte.
fn native<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => PyString::new(py, text),
        _ => PyString::new(py, &bytes.iter().copied().map(char::from).collect::<String>()),
    }
}

fn method<'py>(py: Python<'py>, method: &str) -> Bound<'py, PyString> {
    match method {
        "GET" => intern!(py, "GET").clone(),
        "POST" => intern!(py, "POST").clone(),
        "HEAD" => intern!(py, "HEAD").clone(),
        other => PyString::new(py, other),
    }
}

fn protocol<'py>(py: Python<'py>, protocol: &str) -> Bound<'py, PyString> {
    match protocol {
        "HTTP/1.1" => intern!(py, "HTTP/1.1").clone(),
        other => PyString::new(py, other),
    }
}

fn set_addresses(environ: &Bound<'_, PyDict>, head: &HttpHead) -> PyResult<()> {
    let py = environ.py();
    environ.set_item(intern!(py, "SERVER_NAME"), &*head.server_name())?;
    environ.set_item(intern!(py, "SERVER_PORT"), head.server_port().to_string())?;
    // "" on a Unix socket, where there is no address but many applications ask for one.
    environ.set_item(intern!(py, "REMOTE_ADDR"), &*head.remote_addr().unwrap_or_default())?;
    if let Some(remote) = head.connection().and_then(|connection| connection.remote) {
        environ.set_item(intern!(py, "REMOTE_PORT"), remote.port().to_string())?;
    }
    Ok(())
}

/// The header fields; those of one name become one value (RFC 3875, section 4.1.18).
fn set_fields(environ: &Bound<'_, PyDict>, head: &HttpHead) -> PyResult<()> {
    let py = environ.py();
    let fields = &head.parts().headers;
    for name in fields.keys() {
        let mut values = fields.get_all(name).iter();
        let Some(first) = values.next() else { continue };
        let value = match values.next() {
            None => value_to_native(py, first),
            Some(_) => {
                let separator: &[u8] = if name == header::COOKIE { b"; " } else { b"," };
                let all: Vec<&[u8]> = fields.get_all(name).iter().map(http::HeaderValue::as_bytes).collect();
                native(py, &all.join(separator))
            }
        };
        environ.set_item(key(py, name), value)?;
    }
    Ok(())
}

macro_rules! known_keys {
    ($py:ident, $name:ident, { $($known:ident => $key:literal,)* }) => {
        match *$name {
            $(header::$known => intern!($py, $key).clone(),)*
            _ => made_key($py, $name),
        }
    };
}

/// The key of a field. Those of ordinary clients are made once.
fn key<'py>(py: Python<'py>, name: &HeaderName) -> Bound<'py, PyString> {
    known_keys!(py, name, {
        CONTENT_TYPE => "CONTENT_TYPE",
        CONTENT_LENGTH => "CONTENT_LENGTH",
        HOST => "HTTP_HOST",
        USER_AGENT => "HTTP_USER_AGENT",
        ACCEPT => "HTTP_ACCEPT",
        ACCEPT_ENCODING => "HTTP_ACCEPT_ENCODING",
        ACCEPT_LANGUAGE => "HTTP_ACCEPT_LANGUAGE",
        AUTHORIZATION => "HTTP_AUTHORIZATION",
        CACHE_CONTROL => "HTTP_CACHE_CONTROL",
        CONNECTION => "HTTP_CONNECTION",
        COOKIE => "HTTP_COOKIE",
        DNT => "HTTP_DNT",
        EXPECT => "HTTP_EXPECT",
        IF_MODIFIED_SINCE => "HTTP_IF_MODIFIED_SINCE",
        IF_NONE_MATCH => "HTTP_IF_NONE_MATCH",
        ORIGIN => "HTTP_ORIGIN",
        PRAGMA => "HTTP_PRAGMA",
        RANGE => "HTTP_RANGE",
        REFERER => "HTTP_REFERER",
        TRANSFER_ENCODING => "HTTP_TRANSFER_ENCODING",
        UPGRADE_INSECURE_REQUESTS => "HTTP_UPGRADE_INSECURE_REQUESTS",
    })
}

fn made_key<'py>(py: Python<'py>, name: &HeaderName) -> Bound<'py, PyString> {
    let name = name.as_str().bytes().map(|byte| match byte {
        b'-' => '_',
        other => char::from(other.to_ascii_uppercase()),
    });
    PyString::new(py, &"HTTP_".chars().chain(name).collect::<String>())
}
