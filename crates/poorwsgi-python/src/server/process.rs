//! Functions for the process of a server.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::forked::Unforkable;

/// Raises the limit of file descriptors to what the connections of a server with these settings need, as far
/// as the system allows. For a process that does nothing but serve.
#[pyfunction]
#[pyo3(signature = (**settings))]
pub(crate) fn _raise_descriptor_limit(settings: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    let connections = crate::config::settings(settings)?.config.connection_limit();
    Ok(poorwsgi_server::raise_descriptor_limit(connections)?)
}

/// Calls a function in a new thread, and waits for it at most this many seconds. Python itself starts no
/// thread while it exits. If the system gives no thread, the function is not called.
#[pyfunction]
pub(crate) fn _call_within(py: Python<'_>, timeout: f64, function: Py<PyAny>) {
    let (sender, receiver) = mpsc::channel();
    let call = move || {
        let unforkable = Unforkable::wait();
        Python::attach(|py| {
            drop(unforkable);
            if let Err(error) = function.bind(py).call0() {
                error.write_unraisable(py, None);
            }
            // With the interpreter: see `Releasable`.
            drop(function);
        });
        // After the timeout there is no receiver.
        let _ = sender.send(());
    };
    if thread::Builder::new().spawn(call).is_ok() {
        let _ = py.detach(move || receiver.recv_timeout(Duration::from_secs_f64(timeout)));
    }
}
