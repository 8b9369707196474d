//! How long one thread of Python may keep the others waiting while a server runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

/// In seconds. Python's own 5 ms are what each inline call would have to wait for while another thread
/// computes.
const INTERVAL: f64 = 0.001;

/// How many servers run, and what Python's interval was before the first.
static SERVERS: Mutex<(usize, f64)> = Mutex::new((0, 0.0));

fn servers() -> MutexGuard<'static, (usize, f64)> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// While one of these is there, the interval is short: `sys.setswitchinterval`. A shorter one of the
/// application stays.
pub(super) struct Switching;

impl Switching {
    pub(super) fn begin(py: Python<'_>) -> PyResult<Self> {
        let sys = py.import("sys")?;
        let before: f64 = sys.call_method0("getswitchinterval")?.extract()?;
        let mut servers = servers();
        if servers.0 == 0 {
            servers.1 = before;
        }
        servers.0 += 1;
        drop(servers);
        if before > INTERVAL {
            sys.call_method1("setswitchinterval", (INTERVAL,))?;
        }
        Ok(Switching)
    }
}

impl Drop for Switching {
    fn drop(&mut self) {
        let before = {
            let mut servers = servers();
            servers.0 -= 1;
            servers.1
        };
        let _ = Python::try_attach(|py| -> PyResult<()> {
            let sys = py.import("sys")?;
            let now: f64 = sys.call_method0("getswitchinterval")?.extract()?;
            let is_last = servers().0 == 0;
            // One that the application has set meanwhile stays. The system keeps whole microseconds.
            if is_last && before > INTERVAL && (now - INTERVAL).abs() < 1e-6 {
                sys.call_method1("setswitchinterval", (before,))?;
            }
            Ok(())
        });
    }
}
