//! Python's switch interval while a server runs.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

/// In seconds. With Python's default of 5 ms, each inline call would wait that long while another thread
/// computes.
const INTERVAL: f64 = 0.001;

/// How many servers run, and Python's interval before the first one.
static SERVERS: Mutex<(usize, f64)> = Mutex::new((0, 0.0));

fn servers() -> MutexGuard<'static, (usize, f64)> {
    SERVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the interval short (`sys.setswitchinterval`) until it is dropped. A shorter interval of the
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
            // An interval that the application has set meanwhile stays. The interpreter stores whole
            // microseconds.
            if is_last && before > INTERVAL && (now - INTERVAL).abs() < 1e-6 {
                sys.call_method1("setswitchinterval", (before,))?;
            }
            Ok(())
        });
    }
}
