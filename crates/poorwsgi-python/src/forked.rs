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

/// From now on this process is a server, whatever its parent was; processes that it forks are none.
pub(crate) fn begin(py: Python<'_>) -> PyResult<()> {
    static IS_REGISTERED: AtomicBool = AtomicBool::new(false);
    IS_CHILD.store(false, Ordering::Relaxed);
    if !IS_REGISTERED.swap(true, Ordering::Relaxed) {
        let forked = py.import("poorwsgi._poorwsgi")?.getattr("_forked")?;
        let kwargs = PyDict::new(py);
        kwargs.set_item("after_in_child", forked)?;
        py.import("os")?.call_method("register_at_fork", (), Some(&kwargs))?;
    }
    Ok(())
}

/// Ends a process that was forked within the call which has just ended, as Python would end it after its last line: with
/// the status of a SystemExit, with 1 after any other exception, which is shown, else with 0.
pub(crate) fn end_child(py: Python<'_>, error: Option<&PyErr>) {
    if !IS_CHILD.load(Ordering::Relaxed) {
        return;
    }
    let status = match error {
        None => 0,
        Some(error) if error.is_instance_of::<PySystemExit>(py) => {
            let code = error.value(py).getattr("code").ok();
            code.map_or(0, |code| if code.is_none() { 0 } else { code.extract().unwrap_or(1) })
        }
        Some(error) => {
            error.clone_ref(py).print(py);
            1
        }
    };
    let ended = py.import("poorwsgi.server").and_then(|server| server.getattr("_exit")?.call1((status,)));
    if ended.is_err() {
        std::process::abort();
    }
}
