//! A process that ends with its parent.

use std::io;
use std::os::unix::process::parent_id;
use std::process;
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

/// How often a process checks whether its parent still runs.
const LOOK: Duration = Duration::from_secs(1);

/// Aborts this process `timeout` seconds after `parent`, its parent, has ended, if the process still runs
/// then. No Python thread could do that while a call holds the interpreter, such as a regular expression that
/// backtracks without end. The process is aborted because Python's fault handler then writes what the call
/// was.
#[pyfunction]
pub(crate) fn _end_after_parent(parent: u32, timeout: f64) -> io::Result<()> {
    let timeout = Duration::try_from_secs_f64(timeout).unwrap_or(Duration::MAX);
    let watch = move || {
        while parent_id() == parent {
            thread::sleep(LOOK);
        }
        thread::sleep(timeout);
        process::abort();
    };
    thread::Builder::new().name("poorwsgi parent".to_owned()).spawn(watch)?;
    Ok(())
}
