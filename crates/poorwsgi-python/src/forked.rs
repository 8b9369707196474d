//! A process that a handler has forked, and that comes back from the call as its parent does. It has the connections of
//! its parent, but is no server: were it to go on, its answer would be taken for that to the next request of some client.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Called by Python in each process that is forked.
#[pyfunction]
pub(crate) fn _forked() {
    IS_CHILD.store(true, Ordering::Relaxed);
}

/// Called by Python in a process that has forked another one.
#[pyfunction]
pub(crate) fn _has_forked() {
    poorwsgi_server::share_sockets();
}

/// Whether this process was forked by a server within a call.
pub(crate) fn is_child() -> bool {
    IS_CHILD.load(Ordering::Relaxed)
}

/// From now on this process is a server, whatever its parent was; processes that it forks are none.
pub(crate) fn begin(py: Python<'_>) -> PyResult<()> {
    IS_CHILD.store(false, Ordering::Relaxed);
    watch(py)
}

/// From now on it is known when this process forks another one.
pub(crate) fn watch(py: Python<'_>) -> PyResult<()> {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    if !IS_REGISTERED.swap(true, Ordering::Relaxed) {
        let module = py.import("poorwsgi._poorwsgi")?;
        let kwargs = PyDict::new(py);
        kwargs.set_item("after_in_child", module.getattr("_forked")?)?;
        kwargs.set_item("after_in_parent", module.getattr("_has_forked")?)?;
        py.import("os")?.call_method("register_at_fork", (), Some(&kwargs))?;
    }
    Ok(())
}

/// Ends a process that was forked within the call which has just ended, as Python would end it after its last line: with
/// the status of a SystemExit, with 1 after any other exception, which is shown, else with 0.
pub(crate) fn end_child(py: Python<'_>, error: Option<&PyErr>) {
    if !is_child() {
        return;
    }
    let status = match error {
        None => 0,
        Some(error) if error.is_instance_of::<PySystemExit>(py) => {
            exit_status(&error.value(py).getattr("code").ok())
        }
        Some(error) => {
            error.clone_ref(py).print(py);
            1
        }
    };
    exit(py, status);
}

/// The status that Python ends with where this is the code of a SystemExit; anything but a number is shown.
fn exit_status(code: &Option<Bound<'_, PyAny>>) -> i32 {
    let Some(code) = code.as_ref().filter(|code| !code.is_none()) else { return 0 };
    code.extract().unwrap_or_else(|_| {
        eprintln!("{code}");
        1
    })
}

/// Ends this process, which is no server.
pub(crate) fn exit(py: Python<'_>, status: i32) {
    let ended = py.import("poorwsgi.server").and_then(|server| server.getattr("_exit")?.call1((status,)));
    if ended.is_err() {
        std::process::abort();
    }
}
