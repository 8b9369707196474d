//! A listening socket as Python sees it.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};

use poorwsgi_server::{Address, Bound as BoundServer};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::config::ServerSettings;
use crate::forked;

/// A socket that listens at "host:port", where port 0 is one that the system chooses, or at "unix:/path";
/// "inherited" are the sockets that another process has bound and handed over, as systemd does
/// (sd_listen_fds(3)). A list of addresses makes one Listener with several sockets.
///
/// Connections wait until a Server serves them. Several servers may serve on it, one after the other.
///
/// Settings, by keyword, are limits, timeouts and how the application is called: see poorwsgi.server.run.
#[pyclass(frozen, module = "poorwsgi.server", name = "Listener")]
pub(crate) struct ListeningSocket {
    address: String,
    pub(super) socket: Mutex<Option<BoundServer<()>>>,
    pub(super) settings: ServerSettings,
}

#[pymethods]
impl ListeningSocket {
    #[new]
    #[pyo3(signature = (address, **settings))]
    pub(super) fn new(
        py: Python<'_>,
        address: Addresses,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        forked::watch(py)?;
        let addresses = address.into_list();
        let (first, others) = addresses
            .split_first()
            .ok_or_else(|| PyValueError::new_err("no address; expected one or more"))?;
        addresses.iter().try_for_each(|address| _check_address(address))?;
        let settings = crate::config::settings(settings)?;
        let server = poorwsgi_server::Server::new(()).config(settings.config.clone());
        let bound = py.detach(|| {
            let bound = server.bind_blocking(first).map_err(|error| (first, error))?;
            others
                .iter()
                .try_fold(bound, |bound, other| bound.also_blocking(other).map_err(|error| (other, error)))
        });
        let bound = bound.map_err(|(address, error): (&String, _)| os_error(address, &error))?;
        Ok(ListeningSocket { address: place(&bound), socket: Mutex::new(Some(bound)), settings })
    }

    /// Where it listens, such as "http://127.0.0.1:8080"; several addresses are joined by " and ".
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// The file descriptor, for select and the like: of several sockets, that of the first. ValueError when it is
    /// closed.
    fn fileno(&self) -> PyResult<i32> {
        self.filenos()?.first().copied().ok_or_else(closed)
    }

    /// The file descriptors of all sockets.
    #[pyo3(name = "_filenos")]
    fn filenos(&self) -> PyResult<Vec<i32>> {
        let socket = self.socket();
        let bound = socket.as_ref().ok_or_else(closed)?;
        Ok(bound.descriptors().map(|descriptor| descriptor.as_raw_fd()).collect())
    }

    /// Has the system refuse new connections, if this process has bound the socket and no server serves on it
    /// here. Other processes accept the queued ones. A supervisor calls this before its workers end. Returns
    /// whether it did so: only on Linux, and not for a Unix socket, whose file is removed.
    #[pyo3(name = "_refuse")]
    fn refuse(&self) -> bool {
        self.socket().as_mut().is_some_and(BoundServer::refuse)
    }

    /// Shuts this socket down in every process that has it, if this process has bound it and no server serves
    /// on it here: new connections are refused from now on, and the system resets the queued ones.
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

impl ListeningSocket {
    fn socket(&self) -> MutexGuard<'_, Option<BoundServer<()>>> {
        self.socket.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn server(&self) -> PyResult<BoundServer<()>> {
        Ok(self.socket().as_ref().ok_or_else(closed)?.try_clone()?)
    }
}

/// Where a server listens, for people.
pub(super) fn place<S>(bound: &BoundServer<S>) -> String {
    let addresses: Vec<_> = bound.addresses().iter().map(ToString::to_string).collect();
    addresses.join(" and ")
}

/// One address, or several.
#[derive(FromPyObject)]
pub(super) enum Addresses {
    One(String),
    Several(Vec<String>),
}

impl Addresses {
    fn into_list(self) -> Vec<String> {
        match self {
            Addresses::One(address) => vec![address],
            Addresses::Several(addresses) => addresses,
        }
    }
}

pub(super) fn closed() -> PyErr {
    PyValueError::new_err("the listening socket was closed; create another Listener")
}

/// Raises ValueError for a text that is not an address to listen at.
#[pyfunction]
pub(crate) fn _check_address(address: &str) -> PyResult<()> {
    Address::check(address).map_err(|error| PyValueError::new_err(error.to_string()))
}

/// The error that Python raises for this number, with the address or file in its text.
pub(super) fn os_error(address: &str, error: &io::Error) -> PyErr {
    let text = error.to_string();
    match error.raw_os_error() {
        Some(number) => {
            // Python's OSError has the number already.
            let text = text.trim_end_matches(&format!(" (os error {number})"));
            PyOSError::new_err((number, format!("{address}: {text}")))
        }
        None => PyOSError::new_err(format!("{address}: {text}")),
    }
}
