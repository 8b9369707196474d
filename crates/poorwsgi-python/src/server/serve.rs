//! The built-in server as Python sees it.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use poorwsgi_calls::event_loop::EventLoop;
use poorwsgi_server::{Bound as BoundServer, Listening, Metrics};
use pyo3::exceptions::{PyRuntimeError, PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::backend::Backend;
use super::control::{Control, Serving};
use super::listener::{Addresses, ListeningSocket, closed, place};
use super::loops::{OnLoop, event_loop};
use super::served::Served;
use super::service::Service;
use super::switching::Switching;
use crate::config::has_lock;
use crate::forked;

/// A server for an Application or any other WSGI callable. A server object serves only once.
///
/// address is the address of a new socket, "host:port" or "unix:/path", a list of addresses, or a Listener;
/// settings are those of a Listener.
#[pyclass(frozen, module = "poorwsgi.server")]
pub(crate) struct Server {
    address: String,
    served: Arc<Served>,
    ready: Mutex<Option<BoundServer<()>>>,
    listening: Listening,
    control: Arc<Control>,
}

/// Where a server listens.
#[derive(FromPyObject)]
enum Endpoint<'py> {
    Listener(Bound<'py, ListeningSocket>),
    Addresses(Addresses),
}

#[pymethods]
impl Server {
    #[new]
    #[pyo3(signature = (application, address, **settings))]
    fn new(
        application: &Bound<'_, PyAny>,
        address: Endpoint<'_>,
        settings: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        let served = Arc::new(Served::of(application)?);
        let (bound, settings) = match address {
            Endpoint::Listener(_) if settings.is_some_and(|settings| !settings.is_empty()) => {
                return Err(PyTypeError::new_err(
                    "settings cannot be given beside a Listener; give them to Listener(…)",
                ));
            }
            Endpoint::Listener(listener) => (listener.get().server()?, listener.get().settings.clone()),
            Endpoint::Addresses(addresses) => {
                let ListeningSocket { socket, settings, .. } =
                    ListeningSocket::new(application.py(), addresses, settings)?;
                let bound = socket.into_inner().unwrap_or_else(PoisonError::into_inner);
                (bound.ok_or_else(closed)?, settings)
            }
        };
        let address = place(&bound);
        let listening = bound.listening();
        let control = Arc::new(Control::new(settings));
        // Before the server counts as ready.
        let bound = match control.open_access_log()? {
            Some(log) => bound.access_log(log),
            None => bound,
        };
        Ok(Server { address, served, ready: Mutex::new(Some(bound)), listening, control })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // While threads hold it as well, the garbage collector must not free it.
        if Arc::strong_count(&self.served) > 1 {
            return Ok(());
        }
        self.served.traverse(&visit)
    }

    /// Where it listens, such as "http://127.0.0.1:8080"; several addresses are joined by " and ".
    #[getter]
    fn address(&self) -> &str {
        &self.address
    }

    /// Whether the application is called natively, without the detour through WSGI.
    #[getter]
    fn is_native(&self) -> bool {
        self.served.is_native()
    }

    /// Serves until stop is called. Other Python threads run meanwhile; signal handlers do not run in this
    /// thread, so call poorwsgi.server.run in the main thread.
    fn serve(&self, py: Python<'_>) -> PyResult<()> {
        let serve = |bound: BoundServer<Service>, control: Arc<Control>| {
            bound.serve_until_drained(async move {
                control.stopped(1).await;
                control.drain()
            })
        };
        let loops = self.control.settings.loops(py)?;
        self.drive(py, loops, serve).map(|_| ())
    }

    /// Answers one request, after which the connection is closed, and returns True; False when stop is called
    /// before one comes.
    fn serve_one(&self, py: Python<'_>) -> PyResult<bool> {
        let serve = |bound: BoundServer<Service>, control: Arc<Control>| {
            bound.serve_one(async move { control.stopped(1).await })
        };
        Ok(self.drive(py, 1, serve)? == Some(true))
    }

    /// Whether handlers that a second stop has cut off still run. The interpreter must not end before they
    /// do.
    #[getter]
    fn is_abandoned(&self) -> bool {
        self.control.running.is_any()
    }

    /// For how many seconds an inline call has been blocking its thread; 0 while none does.
    #[getter]
    fn held_up_for(&self) -> f64 {
        self.control.held_up_for()
    }

    /// Whether it may still accept connections, including those that were queued when it was stopped.
    #[getter]
    fn is_listening(&self) -> bool {
        self.listening.is_open()
    }

    /// How many requests it has received so far.
    #[getter]
    fn requests(&self) -> u64 {
        self.control.running.all()
    }

    /// Has the server count what it does. Called before it serves.
    #[pyo3(name = "_count")]
    fn count(&self) {
        self.control.metrics.get_or_init(Metrics::new);
    }

    /// The counts, in lines as Prometheus reads them; empty if nothing is counted.
    #[pyo3(name = "_metrics")]
    fn metrics(&self, py: Python<'_>) -> String {
        py.detach(|| self.control.metrics_text())
    }

    /// Opens the file of the access log anew, if there is one.
    #[pyo3(name = "_reopen_log")]
    fn reopen_log(&self) {
        self.control.reopen_access_log();
    }

    /// Stops the server for another one at its address: connected clients may send one more request within a
    /// second.
    fn retire(&self) {
        self.control.retire();
    }

    /// Stops the server, from any thread: running requests are finished first. A second call cuts them off.
    fn stop(&self) {
        self.control.stop();
    }
}

impl Server {
    /// Serves to the end, on this many loops; `None` if a second stop has cut it short.
    fn drive<T, F>(
        &self,
        py: Python<'_>,
        count: usize,
        serve: impl FnOnce(BoundServer<Service>, Arc<Control>) -> F + Send,
    ) -> PyResult<Option<T>>
    where
        T: Send + 'static,
        F: Future<Output = io::Result<T>> + Send + 'static,
    {
        let ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner).take();
        let bound = ready.ok_or_else(|| {
            PyRuntimeError::new_err("this Server has served already; create a new one for each time")
        })?;
        forked::begin(py)?;
        let _switching = Switching::begin(py)?;
        let has_lock = has_lock(py)?;
        let metrics = self.control.metrics.get();
        let bound = metrics.cloned().into_iter().fold(bound, BoundServer::metrics);
        let observation = (bound.is_observed(), metrics.cloned());
        py.detach(|| {
            let Control { running, settings, .. } = &*self.control;
            // Not earlier: threads do not survive a fork.
            let loops: io::Result<Vec<_>> = (0..count).map(|_| event_loop(settings.threads)).collect();
            let loops = loops?;
            let (first, others) = loops
                .split_first()
                .ok_or_else(|| PyValueError::new_err("the number of event loops is 0; expected 1 or more"))?;
            let _serving = Serving::begin(&self.control, &loops);
            let served = Arc::clone(&self.served);
            let backend =
                Arc::new(Backend::new(served, running.clone(), settings, count, has_lock, observation));
            self.control.serves(&backend);
            let service = |event_loop: &EventLoop| Service {
                backend: Arc::clone(&backend),
                event_loop: event_loop.clone(),
                connection: None,
            };
            let executors = loops.iter().map(|each| (OnLoop::shared(each), service(each))).collect();
            let bound = bound.with_service(service(first)).on_executors(executors);
            let bound = bound.introduce(|service, connection| service.connection = Some(connection));
            let serve = serve(bound, Arc::clone(&self.control));
            let control = Arc::clone(&self.control);
            let begun: io::Result<Vec<_>> = others.iter().map(EventLoop::begin).collect();
            let begun = begun?;
            let served = first.run(async move {
                tokio::select! {
                    served = control.to_the_end(serve) => served.map(Some),
                    () = control.stopped(2) => Ok(None),
                }
            });
            // First the connections, which make calls.
            drop(begun);
            backend.end();
            // A second stop has not waited for the log.
            self.control.flush_access_log();
            Ok(served??)
        })
    }
}
