//! The environ of a request of our own server (PEP 3333, "environ Variables").

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, Ordering};

use http::{Method, Version};
use poorwsgi_core::headers::list::combined;
use poorwsgi_core::request::{Connection, Head, HttpHead};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::file_wrapper::FileWrapper;
use super::key::key;
use super::mounted::set_mount;
use crate::forked::Releasable;
use crate::headers::bytes_to_native;
use crate::names::Name;

/// Whether other processes serve the same application (`wsgi.multiprocess`).
static IS_MULTIPROCESS: AtomicBool = AtomicBool::new(false);

/// Called in a worker process that is one of several.
#[pyfunction]
pub(crate) fn _set_multiprocess() {
    IS_MULTIPROCESS.store(true, Ordering::Relaxed);
}

/// The environ of a request, without `wsgi.input`.
pub(crate) fn of_http<'py>(py: Python<'py>, head: &HttpHead) -> PyResult<Bound<'py, PyDict>> {
    let environ = base(py, head)?;
    let parts = head.parts();
    if parts.method != Method::GET {
        environ.set_item(intern!(py, "REQUEST_METHOD"), method(py, parts.method.as_str()))?;
    }
    let path = head.path_bytes();
    let target = head.raw_target().unwrap_or_default();
    let path_info = bytes_to_native(py, &path);
    if target.as_bytes() == &*path {
        environ.set_item(intern!(py, "REQUEST_URI"), &path_info)?;
    } else {
        environ.set_item(intern!(py, "REQUEST_URI"), bytes_to_native(py, target.as_bytes()))?;
        environ.set_item(intern!(py, "QUERY_STRING"), bytes_to_native(py, head.query().as_bytes()))?;
    }
    environ.set_item(intern!(py, "PATH_INFO"), path_info)?;
    if let Some(mount) = head.mount() {
        environ.set_item(intern!(py, "SCRIPT_NAME"), bytes_to_native(py, mount.path().as_bytes()))?;
        set_mount(&environ, &mount)?;
    }
    if parts.version != Version::HTTP_11 {
        environ.set_item(intern!(py, "SERVER_PROTOCOL"), &*head.protocol())?;
    }
    if let Some(remote) = head.connection().and_then(|connection| connection.remote) {
        environ.set_item(intern!(py, "REMOTE_ADDR"), address(py, remote.ip())?)?;
        if has_port(remote) {
            environ.set_item(intern!(py, "REMOTE_PORT"), remote.port().to_string())?;
        }
    }
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

/// The current `sys.stderr`, which may be replaced at any time. If it is None, what is written is discarded.
fn errors(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    static NOWHERE: Name = Name::new("io", "StringIO");
    static SYS: Name = Name::new("sys", "__dict__");
    let errors = SYS.get(py)?.get_item(intern!(py, "stderr"))?;
    if errors.is_none() { NOWHERE.get(py)?.call0() } else { Ok(errors) }
}

/// A new environ with the values of an ordinary request on this connection. The caller sets what differs; all
/// keys exist already, so that the dict seldom has to grow.
fn base<'py>(py: Python<'py>, head: &HttpHead) -> PyResult<Bound<'py, PyDict>> {
    thread_local! {
        static LAST: LastOf<(Connection, bool), PyDict> = const { LastOf::new() };
    }
    let connection = head.connection().copied().unwrap_or_default();
    // Connections that differ only in the client's address share it.
    let kind = (Connection { remote: None, ..connection }, connection.remote.is_some_and(has_port));
    LAST.with(|last| last.get_or(py, kind, || made_base(py, head)))?.copy()
}

/// A cache of the last value that was made, for following requests with the same key. It is thread-local, and
/// dropped when the thread ends, without the GIL.
struct LastOf<Of, T: 'static>(RefCell<Option<(Of, Releasable<Py<T>>)>>);

impl<Of: PartialEq, T> LastOf<Of, T> {
    const fn new() -> Self {
        LastOf(RefCell::new(None))
    }

    fn get_or<'py>(
        &self,
        py: Python<'py>,
        of: Of,
        make: impl FnOnce() -> PyResult<Bound<'py, T>>,
    ) -> PyResult<Bound<'py, T>> {
        if let Some((last, made)) = &*self.0.borrow()
            && *last == of
            && let Some(made) = made.get()
        {
            return Ok(made.bind(py).clone());
        }
        // Not borrowed while Python code may run.
        let made = make()?;
        drop(self.0.replace(Some((of, Releasable::new(made.clone().unbind())))));
        Ok(made)
    }
}

fn made_base<'py>(py: Python<'py>, head: &HttpHead) -> PyResult<Bound<'py, PyDict>> {
    static VERSION: PyOnceLock<Py<PyTuple>> = PyOnceLock::new();
    let version = VERSION.get_or_try_init(py, || PyTuple::new(py, [1, 0]).map(Bound::unbind))?;
    let environ = PyDict::new(py);
    environ.set_item(intern!(py, "REQUEST_METHOD"), intern!(py, "GET"))?;
    environ.set_item(intern!(py, "SCRIPT_NAME"), intern!(py, ""))?;
    environ.set_item(intern!(py, "PATH_INFO"), intern!(py, ""))?;
    environ.set_item(intern!(py, "QUERY_STRING"), intern!(py, ""))?;
    environ.set_item(intern!(py, "REQUEST_URI"), intern!(py, ""))?;
    environ.set_item(intern!(py, "SERVER_PROTOCOL"), intern!(py, "HTTP/1.1"))?;
    environ.set_item(intern!(py, "SERVER_SOFTWARE"), intern!(py, super::SERVER_SOFTWARE))?;
    environ.set_item(intern!(py, "SERVER_NAME"), &*head.server_name())?;
    environ.set_item(intern!(py, "SERVER_PORT"), head.server_port().to_string())?;
    // "" on a Unix socket: there is no address, but many applications expect one.
    environ.set_item(intern!(py, "REMOTE_ADDR"), intern!(py, ""))?;
    if head.connection().and_then(|connection| connection.remote).is_some_and(has_port) {
        environ.set_item(intern!(py, "REMOTE_PORT"), intern!(py, ""))?;
    }
    environ.set_item(intern!(py, "wsgi.version"), version)?;
    environ.set_item(intern!(py, "wsgi.url_scheme"), &*head.scheme())?;
    if head.connection().is_some_and(|connection| connection.secure) {
        environ.set_item(intern!(py, "HTTPS"), intern!(py, "on"))?;
    }
    environ.set_item(intern!(py, "wsgi.errors"), py.None())?;
    environ.set_item(intern!(py, "wsgi.multithread"), true)?;
    environ.set_item(intern!(py, "wsgi.multiprocess"), IS_MULTIPROCESS.load(Ordering::Relaxed))?;
    environ.set_item(intern!(py, "wsgi.run_once"), false)?;
    environ.set_item(intern!(py, "wsgi.input_terminated"), true)?;
    environ.set_item(intern!(py, "wsgi.file_wrapper"), py.get_type::<FileWrapper>())?;
    Ok(environ)
}

/// Whether the port of a client is known: a proxy may name its address alone.
const fn has_port(remote: SocketAddr) -> bool {
    remote.port() != 0
}

/// An address as text. Cached, because behind a proxy all requests have the same address.
fn address(py: Python<'_>, address: IpAddr) -> PyResult<Bound<'_, PyString>> {
    thread_local! {
        static LAST: LastOf<IpAddr, PyString> = const { LastOf::new() };
    }
    LAST.with(|last| last.get_or(py, address, || Ok(PyString::new(py, &address.to_string()))))
}

fn method<'py>(py: Python<'py>, method: &str) -> Bound<'py, PyString> {
    match method {
        "POST" => intern!(py, "POST").clone(),
        "HEAD" => intern!(py, "HEAD").clone(),
        other => PyString::new(py, other),
    }
}

/// Sets the header fields; values of the same name are joined (RFC 3875, section 4.1.18).
fn set_fields(environ: &Bound<'_, PyDict>, head: &HttpHead) -> PyResult<()> {
    let py = environ.py();
    let fields = &head.parts().headers;
    for name in fields.keys() {
        if let Some(value) = combined(name, fields.get_all(name)) {
            environ.set_item(key(py, name), bytes_to_native(py, &value))?;
        }
    }
    Ok(())
}
