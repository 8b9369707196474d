//! Writes to Python's logging: the events of the engine and the server, and the messages of the binding.
//!
//! No line is longer than 2 KiB. Quoted text, much of which comes from clients, is cut, and its line breaks
//! cannot start a new log record.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue};
use poorwsgi_core::clip;
use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::names::Name;

/// The maximum number of bytes of one quoted value. No message quotes more than three values.
const MAX_QUOTED: usize = 600;

/// Writes a message to the `log` of one of our modules. The attribute is looked up each time, because tests
/// replace it. Quoted values longer than [`MAX_QUOTED`] are cut.
pub(crate) fn write<'py>(
    py: Python<'py>,
    module: &str,
    level: &str,
    message: &str,
    quoted: impl IntoPyObject<'py, Target = PyTuple>,
) -> PyResult<()> {
    let mut all = vec![message.into_pyobject(py)?.into_any()];
    all.extend(arguments(quoted.into_bound_py_any(py)?)?);
    py.import(module)?.getattr("log")?.call_method1(level, PyTuple::new(py, all)?).map(drop)
}

/// Writes a message and an exception to the `log` of one of our modules. `text` is the traceback.
pub(crate) fn write_exception<'py>(
    py: Python<'py>,
    module: &str,
    message: &str,
    quoted: impl IntoPyObject<'py, Target = PyTuple>,
    exception: &PyErr,
    text: &str,
) -> PyResult<()> {
    let log = py.import(module)?.getattr("log")?;
    failed(&log, (message, PyTuple::new(py, arguments(quoted.into_bound_py_any(py)?)?)?), exception, text)
}

/// Writes a record with the exception object, for log handlers that inspect it, and with the traceback as
/// text that is safe to print.
fn failed<'py>(
    log: &Bound<'py, PyAny>,
    (message, quoted): (&str, Bound<'py, PyTuple>),
    exception: &PyErr,
    text: &str,
) -> PyResult<()> {
    static LOG_EXCEPTION: Name = Name::new("poorwsgi._handling", "log_exception");
    let py = log.py();
    let info = (exception.get_type(py), exception.value(py), exception.traceback(py));
    LOG_EXCEPTION.get(py)?.call1((log, message, quoted, info, clip::following(text))).map(drop)
}

/// The quoted values of a message, each cut if it is long.
fn arguments(quoted: Bound<'_, PyAny>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    quoted.try_iter()?.map(|quoted| short(quoted?)).collect()
}

/// The object itself, which a log handler may inspect; or its cut text, if the text is too long or not safe
/// to log.
fn short(quoted: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if quoted.is_instance_of::<PyInt>() {
        return Ok(quoted);
    }
    // If `__str__` raises, leave the object to `logging`, which handles the error.
    let Ok(text) = quoted.str() else { return Ok(quoted) };
    // Text with a lone surrogate cannot be written to most files.
    let text = text.to_string_lossy();
    match (clip::line(&text, MAX_QUOTED), &text) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Ok(quoted),
        (line, _) => Ok(line.into_pyobject(quoted.py())?.into_any()),
    }
}

thread_local! {
    /// The id of the request that this thread serves.
    static REQUEST: RefCell<Option<HeaderValue>> = const { RefCell::new(None) };
}

/// As long as this exists, log records of this thread belong to a request.
pub(crate) struct LoggedRequest(Option<HeaderValue>);

impl LoggedRequest {
    pub(crate) fn begin(head: &HeaderMap) -> Self {
        LoggedRequest(REQUEST.replace(head.get(X_REQUEST_ID).cloned()))
    }
}

impl Drop for LoggedRequest {
    fn drop(&mut self) {
        REQUEST.set(self.0.take());
    }
}

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The id of the request that this thread serves; None if it serves none, or if the request has no id.
#[pyfunction]
pub(crate) fn _request_id() -> Option<String> {
    REQUEST.with_borrow(|id| id.as_ref().and_then(|id| id.to_str().ok()).map(str::to_owned))
}

/// Sends `tracing` events to Python's logging from now on, unless the process has another global subscriber.
pub(crate) fn to_python() {
    let _ = tracing::subscriber::set_global_default(Logger);
}

struct Logger;

/// The maximum number of INFO records a second. Most of them are about refused requests, which clients can
/// send at almost no cost, while each record needs the GIL of the thread that writes it.
const RATE: u32 = 20;

/// Counts one more INFO record, and returns whether it is within [`RATE`].
fn is_within_rate() -> bool {
    static SECOND: Mutex<Option<(Instant, u32)>> = Mutex::new(None);
    let mut second = SECOND.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let (begun, count) =
        second.filter(|(begun, _)| now - *begun < Duration::from_secs(1)).unwrap_or((now, 0));
    *second = Some((begun, count.saturating_add(1)));
    count < RATE
}

/// How many INFO records may wait to be written.
const QUEUE: usize = 1000;

/// Whether an event is left to a thread of its own: one of the server, which its event loops log. The engine logs
/// within a call, whose thread has the GIL and the id of the request.
fn is_written_later(metadata: &Metadata<'_>) -> bool {
    *metadata.level() == Level::INFO && metadata.target() == "poorwsgi::server"
}

/// Leaves an INFO record to a thread of its own: the event loops log such records, and must not wait for the GIL.
/// Records that do not fit into the queue are dropped.
fn write_later(metadata: &'static Metadata<'static>, line: &Line) {
    static WRITER: OnceLock<Option<SyncSender<(&'static Metadata<'static>, String)>>> = OnceLock::new();
    let writer = WRITER.get_or_init(|| {
        let (sender, records) = sync_channel::<(&'static Metadata<'static>, String)>(QUEUE);
        let write = move || {
            for (metadata, text) in records {
                // An interpreter that is shutting down takes no more records.
                let _ = Python::try_attach(|py| {
                    let (_, method) = level(metadata);
                    logger(py, metadata)?.call_method1(method, ("%s", text)).map(drop)
                });
            }
        };
        thread::Builder::new().name("poorwsgi info".to_owned()).spawn(write).ok().map(|_| sender)
    });
    if let Some(writer) = writer {
        let _ = writer.try_send((metadata, clip::record(&format!("{}{}", line.message, line.fields))));
    }
}

impl Subscriber for Logger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Only rare events: each warning takes the GIL, on the event loop as well. Events for each request are
        // ignored.
        let is_rare = match *metadata.level() {
            Level::ERROR | Level::WARN => metadata.target().starts_with("poorwsgi"),
            Level::INFO => matches!(metadata.target(), "poorwsgi" | "poorwsgi::server"),
            _ => false,
        };
        match is_rare {
            // Python's log levels may change at any time.
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    /// Asks the Python logger whether the level is enabled, so that no unused message is formatted.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if *metadata.level() == Level::INFO && !is_within_rate() {
            return false;
        }
        if is_written_later(metadata) {
            // Python is asked by the thread that writes.
            return true;
        }
        Python::try_attach(|py| {
            let asked = logger(py, metadata)
                .and_then(|logger| logger.call_method1("isEnabledFor", (level(metadata).0,))?.is_truthy());
            asked.unwrap_or(false)
        })
        .unwrap_or(false)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::INFO)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        if is_written_later(event.metadata()) {
            return write_later(event.metadata(), &line);
        }
        // An error of logging cannot be logged, and an interpreter that is shutting down takes no more
        // records.
        let _ = Python::try_attach(|py| {
            let logger = logger(py, event.metadata())?;
            let text = clip::record(&format!("{}{}", line.message, line.fields));
            match (line.exception, text.split_once('\n')) {
                (Some(exception), Some((first, traceback))) => {
                    failed(&logger, ("%s", PyTuple::new(py, [first])?), &exception, traceback)
                }
                _ => logger.call_method1(level(event.metadata()).1, ("%s", text)).map(drop),
            }
        });
    }

    // Our crates open no spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The level's number in Python's logging, and the name of the logger method.
fn level(metadata: &Metadata<'_>) -> (u8, &'static str) {
    match *metadata.level() {
        Level::ERROR => (40, "error"),
        Level::WARN => (30, "warning"),
        _ => (20, "info"),
    }
}

fn logger<'py>(py: Python<'py>, metadata: &Metadata<'_>) -> PyResult<Bound<'py, PyAny>> {
    static GET_LOGGER: Name = Name::new("logging", "getLogger");
    // Whoever reads the log knows the server, and none of the crates below it.
    let name = match metadata.target() {
        target if target.starts_with("poorwsgi_calls") => "poorwsgi.server".into(),
        target => target.replace("::", "."),
    };
    GET_LOGGER.get(py)?.call1((name,))
}

/// An event's message and fields as text, and its exception.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
    exception: Option<PyErr>,
}

impl Visit for Line {
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        match value.downcast_ref::<PyErr>() {
            Some(exception) => {
                self.exception = Python::try_attach(|py| exception.clone_ref(py));
            }
            None => self.record_debug(field, &tracing::field::display(value)),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}: {value:?}"),
        };
    }
}
