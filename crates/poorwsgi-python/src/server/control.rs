//! Stops a server, from any thread, and all servers at the end of the interpreter.

use std::future::Future;
use std::io;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use poorwsgi_calls::event_loop::EventLoop;
use poorwsgi_calls::running::Running;
use poorwsgi_server::{AccessLog, Metrics};
use pyo3::prelude::*;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use super::backend::Backend;
use super::listener::os_error;
use crate::config::ServerSettings;

/// How long clients may send one more request when another server takes over.
const DRAIN: Duration = Duration::from_secs(1);

/// How long a stop waits for calls that were cut off.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a server shares with its threads.
pub(super) struct Control {
    stops: watch::Sender<u32>,
    pub(super) running: Running,
    /// Whether the first stop is for another server that takes over.
    retires: AtomicBool,
    stopped_at: OnceLock<Instant>,
    pub(super) settings: ServerSettings,
    access_log: Mutex<Option<AccessLog>>,
    /// Set if the server counts what it does.
    pub(super) metrics: OnceLock<Metrics>,
    /// Set while the server serves.
    backend: Mutex<Weak<Backend>>,
    /// Not empty while the server serves.
    loops: Mutex<Vec<EventLoop>>,
}

/// The servers that serve, and those whose calls still run, even if their Python objects are gone.
static SERVING: Mutex<Vec<Arc<Control>>> = Mutex::new(Vec::new());

fn serving() -> MutexGuard<'static, Vec<Arc<Control>>> {
    SERVING.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Control {
    pub(super) fn new(settings: ServerSettings) -> Self {
        Control {
            stops: watch::Sender::new(0),
            running: Running::default(),
            retires: AtomicBool::new(false),
            stopped_at: OnceLock::new(),
            settings,
            access_log: Mutex::default(),
            metrics: OnceLock::new(),
            backend: Mutex::new(Weak::new()),
            loops: Mutex::default(),
        }
    }

    fn loops(&self) -> MutexGuard<'_, Vec<EventLoop>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it serves, or any of its calls runs.
    fn is_alive(&self) -> bool {
        !self.loops().is_empty() || self.running.is_any()
    }

    /// For how many seconds an inline call has been blocking its thread; 0 while none does.
    pub(super) fn held_up_for(&self) -> f64 {
        self.loops().iter().map(|event_loop| event_loop.held_up_for().as_secs_f64()).fold(0.0, f64::max)
    }

    /// Opens the access log, if there is to be one.
    pub(super) fn open_access_log(&self) -> PyResult<Option<AccessLog>> {
        let Some(path) = &self.settings.access_log else { return Ok(None) };
        let format = self.settings.access_format.clone();
        let opened = if path == "-" { AccessLog::stdout(format) } else { AccessLog::open(path, format) };
        let log = opened.map_err(|error| os_error(&format!("the access log {path}"), &error))?;
        *self.access_log.lock().unwrap_or_else(PoisonError::into_inner) = Some(log.clone());
        Ok(Some(log))
    }

    pub(super) fn serves(&self, backend: &Arc<Backend>) {
        *self.backend.lock().unwrap_or_else(PoisonError::into_inner) = Arc::downgrade(backend);
    }

    /// The metrics as Prometheus reads them; empty if nothing is counted.
    pub(super) fn metrics_text(&self) -> String {
        let mut text = String::new();
        if let Some(metrics) = self.metrics.get() {
            metrics.write(&mut text);
            let backend = self.backend.lock().unwrap_or_else(PoisonError::into_inner).upgrade();
            backend.iter().for_each(|backend| backend.write_gauges(&mut text));
        }
        text
    }

    fn access_log(&self) -> Option<AccessLog> {
        self.access_log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the file of the access log anew.
    pub(super) fn reopen_access_log(&self) {
        self.access_log().iter().for_each(AccessLog::reopen);
    }

    /// Waits until the access log is written, for a while.
    pub(super) fn flush_access_log(&self) {
        if let Some(log) = self.access_log() {
            let _ = log.flush(LAST_WORDS);
        }
    }

    /// Stops the server for another one at its address.
    pub(super) fn retire(&self) {
        self.retires.store(true, Ordering::Relaxed);
        self.stopped_at.get_or_init(Instant::now);
        self.stops.send_modify(|count| *count = (*count).max(1));
    }

    /// How long clients may send one more request to a server that has been stopped.
    pub(super) fn drain(&self) -> Duration {
        if self.retires.load(Ordering::Relaxed) { DRAIN } else { Duration::ZERO }
    }

    pub(super) fn stop(&self) {
        self.stopped_at.get_or_init(Instant::now);
        self.stops.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Returns when `stop` has been called this many times.
    pub(super) async fn stopped(&self, times: u32) {
        // The sender is ours, so the channel stays open.
        let _ = self.stops.subscribe().wait_for(|count| *count >= times).await;
    }

    /// Waits for the connections, and then for the calls: all responses are sent or cut off by then, but the
    /// threads of their calls may still be busy.
    pub(super) async fn to_the_end<T>(&self, serve: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let served = serve.await?;
        let begun = self.stopped_at.get().copied().unwrap_or_else(Instant::now);
        // Calls that were cut off may have to close their content.
        let end = (begun + self.settings.config.stop_limit()).max(Instant::now() + LAST_WORDS);
        let _ = timeout_at(end, self.running.none()).await;
        Ok(served)
    }
}

/// Lists a server among those that serve.
pub(super) struct Serving<'a>(&'a Arc<Control>);

impl<'a> Serving<'a> {
    pub(super) fn begin(control: &'a Arc<Control>, loops: &[EventLoop]) -> Self {
        *control.loops() = loops.to_vec();
        serving().push(Arc::clone(control));
        Serving(control)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let loops = mem::take(&mut *self.0.loops());
        drop(loops);
        serving().retain(|control| control.is_alive());
    }
}

/// Stops all servers at once, because the interpreter ends. Returns whether calls still run: the interpreter
/// must not end before them.
#[pyfunction]
pub(crate) fn _end_servers(py: Python<'_>, timeout: f64) -> bool {
    py.detach(|| {
        let all = serving().clone();
        all.iter().for_each(|control| {
            control.stop();
            control.stop();
        });
        let deadline = Instant::now() + Duration::from_secs_f64(timeout);
        while all.iter().any(|control| control.is_alive()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        all.iter().any(|control| control.is_alive())
    })
}
