//! A listening socket as Python sees it.

use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use poorwsgi_server::Bound as BoundServer;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::config::Settings;
use crate::forked;

/// A socket that listens at "host:port", where port 0 is one that the system chooses, or at "unix:/path";
/// "inherited" is the one that another process has bound and handed over, as systemd does (sd_listen_fds(3)).
///
/// Connections wait until a Server serves them. Several servers may serve on it, one after the other.
///
/// Settings, by keyword, are limits and times in seconds: max_body (bytes of a request body, 16 MiB),
/// max_head (64 KiB), max_request_line (16 KiB), max_fields (100), first_byte_timeout (10), head_timeout
/// (10), idle_timeout (75), body_timeout (30), min_body_rate (bytes a second, 240), write_timeout (60),
/// stop_timeout (30), max_connections (10000), queue (bytes for a connection, 128 KiB), backlog (1024),
/// unix_mode (of the socket's file), trusted_proxies (networks whose X-Forwarded fields are believed, none),
/// trust_unix_peers (False), server_header ("PoorWSGI", None for none); and how the application is called:
/// inline ("auto": on the thread of the connections where the calls of a route have proved short; "always",
/// "never"), inline_limit (a call is short up to this time, of which computing counts a fifth, 0.0002),
/// inline_long (one inline call that takes so long sends its route back to other threads, 0.02, and at least
/// inline_limit), loops (threads that drive connections, each with a share of them: 1, or one for each
/// processor where Python is free-threaded), threads (that make the other calls, 256; no more than a quarter
/// of them read a body that is still coming, and no more than half wait for clients that read slowly),
/// max_spool (bytes that wait in temporary files at a time, of bodies that come slowly and of answers that
/// are read slowly: 1 GiB, and at least max_body), chunked_bodies (of a WSGI callable: "gather", which calls
/// it once such a body has come, with its CONTENT_LENGTH, or "stream", which calls it at once and without
/// one), request_timeout (how long a client waits for the beginning of an answer until it gets 503; the time
/// in which its body comes does not count; without a limit).
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Listener {
    address: String,
    pub(super) socket: Mutex<Option<BoundServer<()>>>,
    pub(super) settings: Settings,
}

#[pymethods]
impl Listener {
    #[new]
    #[pyo3(signature = (address, **settings))]
    pub(super) fn new(py: Python<'_>, address: &str, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        forked::watch(py)?;
        let settings = crate::config::settings(settings)?;
        let config = settings.config.clone().stop_timeout(settings.stop_timeout);
        let server = poorwsgi_server::Server::new(()).config(config);
        let bound = py.detach(|| server.bind_blocking(address));
        let bound = bound.map_err(|error| os_error(address, &error))?;
        Ok(Listener { address: bound.address().to_string(), socket: Mutex::new(Some(bound)), settings })
    }

    /// Where it listens, such as "http://127.0.0.1:8080".
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// The file descriptor, which can be waited for. ValueError when it is closed.
    fn fileno(&self) -> PyResult<i32> {
        let socket = self.socket();
        socket.as_ref().map(|bound| bound.as_fd().as_raw_fd()).ok_or_else(closed)
    }

    /// Has the system take no new connections, where this process has bound the socket and no server serves
    /// on it here. Other processes accept those that wait. For a supervisor whose workers are to end. Whether
    /// it is so; elsewhere than on Linux, and for a Unix socket, which nobody finds any more, it is not.
    #[pyo3(name = "_refuse")]
    fn refuse(&self) -> bool {
        self.socket().as_mut().is_some_and(BoundServer::refuse)
    }

    /// Ends the listening of this socket in every process that has it, where this one has bound it and no
    /// server serves on it here: who connects is refused from now on, and the system resets those that wait.
    #[pyo3(name = "_shut")]
    fn shut(&self) {
        if let Some(bound) = self.socket().as_ref() {
            bound.shut();
        }
    }

    /// Stops listening, once no server serves on it any more.
    fn close(&self) {
        let socket = self.socket().take();
        drop(socket);
    }
}

impl Listener {
    fn socket(&self) -> MutexGuard<'_, Option<BoundServer<()>>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn server(&self) -> PyResult<BoundServer<()>> {
        Ok(self.socket().as_ref().ok_or_else(closed)?.try_clone()?)
    }
}

pub(super) fn closed() -> PyErr {
    PyValueError::new_err("the listening socket is closed")
}

/// The error that Python raises for this number, with the address in its text.
fn os_error(address: &str, error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, format!("{address}: {error}"))),
        None => PyOSError::new_err(format!("{address}: {error}")),
    }
}
