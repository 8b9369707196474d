//! The built-in server as Python sees it.

use std::cell::OnceCell;
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use poorwsgi_server::Bound as BoundServer;
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::config::Settings;
use crate::running::Running;
use crate::served::{Served, Service};
use crate::switching::Switching;
use poorwsgi_server::pool::Pool;

/// A socket that listens at "host:port", where port 0 is one that the system chooses, or at "unix:/path"; "inherited" is
/// the one that another process has bound and handed over, as systemd does (sd_listen_fds(3)).
///
/// Connections wait until a Server serves them. Several servers may serve on it, one after the other.
///
/// Settings, by keyword, are limits and times in seconds: max_body (bytes of a request body, 16 MiB), max_head (64 KiB),
/// max_request_line (16 KiB), max_fields (100), first_byte_timeout (10), head_timeout (10), idle_timeout (75), body_timeout
/// (30), min_body_rate (bytes a second, 240), write_timeout (60), stop_timeout (30), max_connections (10000), queue (bytes
/// for a connection, 128 KiB), backlog (1024), unix_mode (of the socket's file), trusted_proxies (networks whose
/// X-Forwarded fields are believed, none), trust_unix_peers (False), server_header ("PoorWSGI", None for none); and how the
/// application is called: inline ("auto": on the thread of the connections where the calls of a route have proved short;
/// "always", "never"), inline_limit (up to here a call is short, 0.0002), threads (that make the other calls, 256),
/// request_timeout (how long a client waits for the beginning of an answer until it gets 503, without a limit).
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Listener {
    address: String,
    socket: Mutex<Option<BoundServer<()>>>,
    settings: Settings,
}

#[pymethods]
impl Listener {
    #[new]
    #[pyo3(signature = (address, **settings))]
    fn new(py: Python<'_>, address: &str, settings: Option<&Bound<'_, PyDict>>) -> PyResult<Self> {
        let settings = crate::config::settings(settings)?;
        let server = poorwsgi_server::Server::new(()).config(settings.config.clone());
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

    fn server(&self) -> PyResult<BoundServer<()>> {
        Ok(self.socket().as_ref().ok_or_else(closed)?.try_clone()?)
    }
}

fn closed() -> PyErr {
    PyValueError::new_err("the listening socket is closed")
}

/// The error that Python raises for this number, with the address in its text.
fn os_error(address: &str, error: &io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(number) => PyOSError::new_err((number, format!("{address}: {error}"))),
        None => PyOSError::new_err(format!("{address}: {error}")),
    }
}

/// One thread for Python from the first to the last: what it keeps for a thread (threading.local) would go with the end of
/// the outermost attach.
fn around(work: &mut (dyn FnMut() + Send)) {
    Python::attach(|py| py.detach(work));
}

/// For how long clients may ask once more when another server takes over.
const DRAIN: Duration = Duration::from_secs(1);

/// Threads that read files, besides those that make calls.
const FILE_THREADS: usize = 16;

/// A server of an Application or any other WSGI callable. It serves once.
///
/// address is that of a new socket, "host:port" or "unix:/path", or a Listener; settings are those of a Listener.
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Server {
    address: String,
    is_native: bool,
    ready: Mutex<Option<BoundServer<Service>>>,
    stops: watch::Sender<u32>,
    running: Running,
    /// Whether the first stop is for another server that takes over.
    retires: AtomicBool,
    settings: Settings,
}

#[derive(FromPyObject)]
enum Place<'py> {
    Listener(Bound<'py, Listener>),
    Address(String),
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (application, address, **settings))]
    fn new(
        application: &Bound<'_, PyAny>,
        address: Place<'_>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let served = Served::of(application)?;
        let (bound, settings) = match address {
            Place::Listener(_) if settings.is_some_and(|settings| !settings.is_empty()) => {
                return Err(PyTypeError::new_err("settings are those of the Listener"));
            }
            Place::Listener(listener) => (listener.get().server()?, listener.get().settings.clone()),
            Place::Address(address) => {
                let listener = Listener::new(application.py(), &address, settings)?;
                (listener.server()?, listener.settings)
            }
        };
        let running = Running::default();
        let is_native = served.is_native();
        let service = Service {
            served: Arc::new(served),
            running: running.clone(),
            rule: settings.rule,
            pool: Pool::new(settings.threads, around),
            gathered: Arc::default(),
            request_timeout: settings.request_timeout,
        };
        let address = bound.address().to_string();
        let ready = Mutex::new(Some(bound.with_service(service)));
        Ok(Server {
            address,
            is_native,
            ready,
            stops: watch::Sender::new(0),
            running,
            retires: AtomicBool::new(false),
            settings,
        })
    }

    /// Where it listens, such as "http://127.0.0.1:8080".
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Whether the application is called natively, without the detour through WSGI.
    #[getter]
    const fn is_native(&self) -> bool {
        self.is_native
    }

    /// Serves until stop is called. Other Python threads go on meanwhile; signal handlers do not run in this one, so
    /// the main thread had better call poorwsgi.server.run.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        self.drive(py, async |bound| {
            let stopped = OnceCell::new();
            let graceful = async {
                let served = bound.serve_until_drained(async {
                    self.stopped(1).await;
                    stopped.get_or_init(Instant::now);
                    if self.retires.load(Ordering::Relaxed) { DRAIN } else { Duration::ZERO }
                });
                served.await?;
                // All responses are sent or cut off, but the threads that made them may still be busy.
                let deadline = *stopped.get_or_init(Instant::now) + self.settings.stop_timeout;
                let _ = timeout_at(deadline, self.running.none()).await;
                Ok(())
            };
            tokio::select! {
                served = graceful => served,
                () = self.stopped(2) => Ok(()),
            }
        })
    }

    /// Answers one request, after which the connection is closed, and returns True; False when stop is called before
    /// one comes.
    fn serve_one(&self, py: Python<'_>) -> PyResult<bool> {
        self.drive(py, async |bound| {
            tokio::select! {
                served = bound.serve_one(self.stopped(1)) => served,
                () = self.stopped(2) => Ok(false),
            }
        })
    }

    /// Whether handlers still run that a second stop has cut off. The interpreter must not end before they do.
    #[getter]
    fn is_abandoned(&self) -> bool {
        self.running.is_any()
    }

    /// For how many seconds a call has been running on the thread of the connections, which go on when it ends.
    #[getter]
    fn inline_for(&self) -> f64 {
        self.running.inline_for().as_secs_f64()
    }

    /// How many requests it has got so far.
    #[getter]
    fn requests(&self) -> u64 {
        self.running.all()
    }

    /// Whether stop was called twice, so that nothing is waited for.
    #[getter]
    fn is_cut_off(&self) -> bool {
        *self.stops.borrow() > 1
    }

    /// Stops the server for another one at its address: clients that are connected may ask once more within a second.
    fn retire(&self) {
        self.retires.store(true, Ordering::Relaxed);
        self.stops.send_modify(|count| *count = (*count).max(1));
    }

    /// Stops the server, from any thread: requests that run are finished first. A second call cuts them off.
    fn stop(&self) {
        self.stops.send_modify(|count| *count = count.saturating_add(1));
    }
}

impl Server {
    fn drive<T: Send>(
        &self,
        py: Python<'_>,
        serve: impl AsyncFnOnce(BoundServer<Service>) -> io::Result<T> + Send,
    ) -> PyResult<T> {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let bound = ready.ok_or_else(|| PyRuntimeError::new_err("a server serves only once"))?;
        let _switching = Switching::begin(py)?;
        py.detach(|| {
            // Not earlier: threads do not survive a fork.
            let runtime = Builder::new_current_thread()
                .enable_all()
                // Files are read on these threads as well.
                .max_blocking_threads(self.settings.threads.saturating_add(FILE_THREADS))
                .build()?;
            let served = runtime.block_on(serve(bound));
            // A handler that outlived the stop must not hold up whoever waits for this call.
            runtime.shutdown_background();
            served.map_err(PyErr::from)
        })
    }

    /// Ends when `stop` was called so many times.
    async fn stopped(&self, times: u32) {
        // The sender is ours, so the channel stays open.
        let _ = self.stops.subscribe().wait_for(|count| *count >= times).await;
    }
}
