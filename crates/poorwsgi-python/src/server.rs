//! The built-in server as Python sees it.

use std::future::Future;
use std::io;
use std::mem;
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use poorwsgi_calls::event_loop::EventLoop;
use poorwsgi_server::{Bound as BoundServer, Executor, Listening};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::config::{Settings, has_lock};
use crate::forked::{self, Unforkable};
use crate::names::Name;
use crate::running::Running;
use crate::served::{Backend, Served, Service};
use crate::switching::Switching;

/// A socket that listens at "host:port", where port 0 is one that the system chooses, or at "unix:/path";
/// "inherited" is the one that another process has bound and handed over, as systemd does (sd_listen_fds(3)).
///
/// Connections wait until a Server serves them. Several servers may serve on it, one after the other.
///
/// Settings, by keyword, are limits, times and how the application is called: see poorwsgi.server.run.
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
        forked::watch(py)?;
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

/// One thread for Python from the first to the last: what it keeps for a thread (threading.local) would go
/// with the end of the outermost attach.
///
/// Python knows it by its name, and traces it as its own.
pub(crate) fn around(work: &mut (dyn FnMut() + Send)) {
    static ENTER: Name = Name::new("poorwsgi._threads", "enter");
    static LEAVE: Name = Name::new("poorwsgi._threads", "leave");
    let unforkable = Unforkable::wait();
    Python::attach(|py| {
        drop(unforkable);
        let told = ENTER.get(py).and_then(|enter| enter.call1((thread::current().name(),)));
        told.map_or_else(|error| error.write_unraisable(py, None), drop);
        py.detach(work);
        let told = LEAVE.get(py).and_then(|leave| leave.call0());
        told.map_or_else(|error| error.write_unraisable(py, None), drop);
    });
}

/// Takes the interpreter for a moment.
pub(crate) fn attach() {
    Python::attach(|_| ());
}

/// Attached once for calls that follow each other.
fn around_calls(calls: &mut (dyn FnMut() + Send)) {
    Python::attach(|_| calls());
}

/// For how long clients may ask once more when another server takes over; else it is what a stop grants at
/// least.
const DRAIN: Duration = Duration::from_secs(1);

/// How long calls that were cut off get for their end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// Threads of a loop that read files.
const FILE_THREADS: usize = 16;

/// A server of an Application or any other WSGI callable. It serves once.
///
/// address is that of a new socket, "host:port" or "unix:/path", or a Listener; settings are those of a
/// Listener.
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Server {
    address: String,
    served: Arc<Served>,
    ready: Mutex<Option<BoundServer<()>>>,
    listening: Listening,
    shared: Arc<Shared>,
}

/// What a server has in common with the threads that serve.
struct Shared {
    stops: watch::Sender<u32>,
    running: Running,
    /// Whether the first stop is for another server that takes over.
    retires: AtomicBool,
    stopped_at: OnceLock<Instant>,
    settings: Settings,
    /// While it serves.
    loops: Mutex<Vec<EventLoop>>,
}

/// The servers that serve, and those of which calls go on, whatever has become of their objects.
static SERVING: Mutex<Vec<Arc<Shared>>> = Mutex::new(Vec::new());

fn serving() -> MutexGuard<'static, Vec<Arc<Shared>>> {
    SERVING.lock().unwrap_or_else(PoisonError::into_inner)
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
        let served = Arc::new(Served::of(application)?);
        let (bound, settings) = match address {
            Place::Listener(_) if settings.is_some_and(|settings| !settings.is_empty()) => {
                return Err(PyTypeError::new_err("settings are those of the Listener"));
            }
            Place::Listener(listener) => (listener.get().server()?, listener.get().settings.clone()),
            Place::Address(address) => {
                let Listener { socket, settings, .. } = Listener::new(application.py(), &address, settings)?;
                let bound = socket.into_inner().unwrap_or_else(PoisonError::into_inner);
                (bound.ok_or_else(closed)?, settings)
            }
        };
        let address = bound.address().to_string();
        let listening = bound.listening();
        let ready = Mutex::new(Some(bound));
        let shared = Shared {
            stops: watch::Sender::new(0),
            running: Running::default(),
            retires: AtomicBool::new(false),
            stopped_at: OnceLock::new(),
            settings,
            loops: Mutex::default(),
        };
        Ok(Server { address, served, ready, listening, shared: Arc::new(shared) })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // While threads hold it as well, it is nobody's to collect.
        if Arc::strong_count(&self.served) > 1 {
            return Ok(());
        }
        self.served.traverse(&visit)
    }

    /// Where it listens, such as "http://127.0.0.1:8080".
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Whether the application is called natively, without the detour through WSGI.
    #[getter]
    fn is_native(&self) -> bool {
        self.served.is_native()
    }

    /// Serves until stop is called. Other Python threads go on meanwhile; signal handlers do not run in this
    /// one, so the main thread had better call poorwsgi.server.run.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        let serve = |bound: BoundServer<Service>, shared: Arc<Shared>| {
            bound.serve_until_drained(async move {
                shared.stopped(1).await;
                if shared.retires.load(Ordering::Relaxed) { DRAIN } else { Duration::ZERO }
            })
        };
        let loops = self.shared.settings.loops(py)?;
        self.drive(py, loops, serve).map(|_| ())
    }

    /// Answers one request, after which the connection is closed, and returns True; False when stop is called
    /// before one comes.
    fn serve_one(&self, py: Python<'_>) -> PyResult<bool> {
        let serve = |bound: BoundServer<Service>, shared: Arc<Shared>| {
            bound.serve_one(async move { shared.stopped(1).await })
        };
        Ok(self.drive(py, 1, serve)? == Some(true))
    }

    /// Whether handlers still run that a second stop has cut off. The interpreter must not end before they
    /// do.
    #[getter]
    fn is_abandoned(&self) -> bool {
        self.shared.running.is_any()
    }

    /// For how many seconds a call has been running on a thread of the connections; 0 while none takes long.
    #[getter]
    fn held_up_for(&self) -> f64 {
        self.shared
            .loops()
            .iter()
            .map(|event_loop| event_loop.held_up_for().as_secs_f64())
            .fold(0.0, f64::max)
    }

    /// Whether it may still accept connections, also those that have waited since it was stopped.
    #[getter]
    fn is_listening(&self) -> bool {
        self.listening.is_open()
    }

    /// How many requests it has got so far.
    #[getter]
    fn requests(&self) -> u64 {
        self.shared.running.all()
    }

    /// Stops the server for another one at its address: clients that are connected may ask once more within a
    /// second.
    fn retire(&self) {
        self.shared.retires.store(true, Ordering::Relaxed);
        self.shared.stopped_at.get_or_init(Instant::now);
        self.shared.stops.send_modify(|count| *count = (*count).max(1));
    }

    /// Stops the server, from any thread: requests that run are finished first. A second call cuts them off.
    fn stop(&self) {
        self.shared.stop();
    }
}

impl Server {
    /// Serves to the end, on so many loops; `None` where a second stop has cut it short.
    fn drive<T, F>(
        &self,
        py: Python<'_>,
        count: usize,
        serve: impl FnOnce(BoundServer<Service>, Arc<Shared>) -> F + Send,
    ) -> PyResult<Option<T>>
    where
        T: Send + 'static,
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let bound = ready.ok_or_else(|| PyRuntimeError::new_err("a server serves only once"))?;
        forked::begin(py)?;
        let _switching = Switching::begin(py)?;
        let has_lock = has_lock(py)?;
        py.detach(|| {
            let Shared { running, settings, .. } = &*self.shared;
            // Not earlier: threads do not survive a fork.
            let loops: io::Result<Vec<_>> = (0..count).map(|_| event_loop(settings.threads)).collect();
            let loops = loops?;
            let (first, others) = loops.split_first().ok_or_else(|| PyValueError::new_err("no loops"))?;
            let _serving = Serving::begin(&self.shared, &loops);
            let served = Arc::clone(&self.served);
            let backend = Arc::new(Backend::new(served, running.clone(), settings, count, has_lock));
            let service = |event_loop: &EventLoop| Service {
                backend: Arc::clone(&backend),
                event_loop: event_loop.clone(),
                connection: None,
            };
            let executors = loops.iter().map(|each| (OnLoop::shared(each), service(each))).collect();
            let bound = bound.with_service(service(first)).on_executors(executors);
            let bound = bound.introduce(|service, connection| service.connection = Some(connection));
            let serve = serve(bound, Arc::clone(&self.shared));
            let shared = Arc::clone(&self.shared);
            let begun: io::Result<Vec<_>> = others.iter().map(EventLoop::begin).collect();
            let begun = begun?;
            let served = first.run(async move {
                tokio::select! {
                    served = shared.to_the_end(serve) => served.map(Some),
                    () = shared.stopped(2) => Ok(None),
                }
            });
            // First those who make calls.
            drop(begun);
            backend.end();
            Ok(served??)
        })
    }
}

/// At least this number of threads of a loop can be held up: while another one drives the connections, what
/// holds them up may end.
const HELD_UP: usize = 16;

/// A loop as the server sees it.
struct OnLoop(EventLoop);

impl OnLoop {
    fn shared(event_loop: &EventLoop) -> Arc<dyn Executor> {
        Arc::new(OnLoop(event_loop.clone()))
    }
}

impl Executor for OnLoop {
    fn tasks(&self) -> usize {
        self.0.tasks()
    }

    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>) {
        self.0.spawn(task);
    }
}

/// A loop of which so many threads can be held up.
fn event_loop(threads: usize) -> io::Result<EventLoop> {
    let runtime = Builder::new_current_thread().enable_all().max_blocking_threads(FILE_THREADS).build()?;
    Ok(EventLoop::new(runtime, around, around_calls, threads.max(HELD_UP)))
}

impl Shared {
    fn loops(&self) -> MutexGuard<'_, Vec<EventLoop>> {
        self.loops.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it serves, or calls of it go on.
    fn is_alive(&self) -> bool {
        !self.loops().is_empty() || self.running.is_any()
    }

    fn stop(&self) {
        self.stopped_at.get_or_init(Instant::now);
        self.stops.send_modify(|count| *count = count.saturating_add(1));
    }

    /// Ends when `stop` was called so many times.
    async fn stopped(&self, times: u32) {
        // The sender is ours, so the channel stays open.
        let _ = self.stops.subscribe().wait_for(|count| *count >= times).await;
    }

    /// Waits for the connections, and then for the calls: all responses are sent or cut off, but the threads
    /// that made them may still be busy.
    async fn to_the_end<T>(&self, serve: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        let served = serve.await?;
        let begun = self.stopped_at.get().copied().unwrap_or_else(Instant::now);
        // Those that were cut off have something to close.
        let end = (begun + self.settings.config.stop_limit()).max(Instant::now() + LAST_WORDS);
        let _ = timeout_at(end, self.running.none()).await;
        Ok(served)
    }
}

/// Keeps a server among those that serve.
struct Serving<'a>(&'a Arc<Shared>);

impl<'a> Serving<'a> {
    fn begin(shared: &'a Arc<Shared>, loops: &[EventLoop]) -> Self {
        *shared.loops() = loops.to_vec();
        serving().push(Arc::clone(shared));
        Serving(shared)
    }
}

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let loops = mem::take(&mut *self.0.loops());
        drop(loops);
        serving().retain(|shared| shared.is_alive());
    }
}

/// Stops all servers at once, because the interpreter ends; whether calls still run then, which it must not
/// end before.
#[pyfunction]
pub(crate) fn _end_servers(py: Python<'_>, timeout: f64) -> bool {
    py.detach(|| {
        let all = serving().clone();
        all.iter().for_each(|shared| {
            shared.stop();
            shared.stop();
        });
        let deadline = Instant::now() + Duration::from_secs_f64(timeout);
        while all.iter().any(|shared| shared.is_alive()) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        all.iter().any(|shared| shared.is_alive())
    })
}

/// Raises the limit of file descriptors to what the connections of a server with these settings need, as far
/// as the system allows. For a process that does nothing but serve.
#[pyfunction]
#[pyo3(signature = (**settings))]
pub(crate) fn _raise_descriptor_limit(settings: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    let connections = crate::config::settings(settings)?.config.connection_limit();
    Ok(poorwsgi_server::raise_descriptor_limit(connections)?)
}

/// Calls a function in a thread of its own, and waits for it no longer than so many seconds. Python starts
/// none when it ends. Where the system has no thread, it is not called.
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
        // Nobody waits for it after the time.
        let _ = sender.send(());
    };
    if thread::Builder::new().spawn(call).is_ok() {
        let _ = py.detach(move || receiver.recv_timeout(Duration::from_secs_f64(timeout)));
    }
}
