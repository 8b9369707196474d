//! What is written to Python's logging: the events of the engine and the server, and the messages of the
//! binding.
//!
//! No line is longer than 2 KiB, whatever it quotes, and nothing that it quotes begins a record: much of that
//! comes from clients.

use std::borrow::Cow;
use std::fmt::{self, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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

/// The most bytes of one thing that a message quotes. No message quotes more than three.
const MAX_QUOTED: usize = 600;

/// Writes a message to the logger of one of our modules, as it is now: tests put another in its place. What
/// it quotes is cut, unless it is short.
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

/// Writes an exception, and a message about it, to the logger of one of our modules. `text` is its traceback.
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

/// A record with the exception itself for who looks into it, and its text, as a log may have it, for who
/// prints it.
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

/// What a message quotes, each thing cut unless it is short.
fn arguments(quoted: Bound<'_, PyAny>) -> PyResult<Vec<Bound<'_, PyAny>>> {
    quoted.try_iter()?.map(|quoted| short(quoted?)).collect()
}

/// The object itself, which a handler of logs may look into, or its text where a log cannot have that as it
/// is.
fn short(quoted: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    if quoted.is_instance_of::<PyInt>() {
        return Ok(quoted);
    }
    // One whose __str__ fails is left to the logger, which knows what to do about that.
    let Ok(text) = quoted.str() else { return Ok(quoted) };
    // Text that is no Unicode, a lone surrogate in it, cannot be written to most files.
    let text = text.to_string_lossy();
    match (clip::line(&text, MAX_QUOTED), &text) {
        (Cow::Borrowed(_), Cow::Borrowed(_)) => Ok(quoted),
        (line, _) => Ok(line.into_pyobject(quoted.py())?.into_any()),
    }
}

/// Sends events to Python from now on, unless the process has another place for them already.
pub(crate) fn to_python() {
    let _ = tracing::subscriber::set_global_default(Logger);
}

struct Logger;

/// How many records of level INFO a second are made at most. Many are about refused requests, which cost
/// their senders next to nothing, and to ask Python whether it wants a record takes the interpreter.
const RATE: u32 = 20;

/// Whether one more is within [`RATE`].
fn is_within_rate() -> bool {
    static SECOND: Mutex<Option<(Instant, u32)>> = Mutex::new(None);
    let mut second = SECOND.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    let (begun, count) =
        second.filter(|(begun, _)| now - *begun < Duration::from_secs(1)).unwrap_or((now, 0));
    *second = Some((begun, count.saturating_add(1)));
    count < RATE
}

impl Subscriber for Logger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Only what is rare: each event takes the GIL, from the event loop too. A record of each request is
        // not.
        let is_rare = match *metadata.level() {
            Level::ERROR | Level::WARN => metadata.target().starts_with("poorwsgi"),
            Level::INFO => matches!(metadata.target(), "poorwsgi" | "poorwsgi::server"),
            _ => false,
        };
        match is_rare {
            // Python's levels may change at any time.
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    /// Whether the Python logger takes such a message: what nobody reads is not even put together.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        if *metadata.level() == Level::INFO && !is_within_rate() {
            return false;
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
        // Logging that fails cannot be logged, and an interpreter that ends takes nothing more.
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

    // Nothing of ours opens spans.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The level in Python's logging, and the method for it.
fn level(metadata: &Metadata<'_>) -> (u8, &'static str) {
    match *metadata.level() {
        Level::ERROR => (40, "error"),
        Level::WARN => (30, "warning"),
        _ => (20, "info"),
    }
}

fn logger<'py>(py: Python<'py>, metadata: &Metadata<'_>) -> PyResult<Bound<'py, PyAny>> {
    static GET_LOGGER: Name = Name::new("logging", "getLogger");
    GET_LOGGER.get(py)?.call1((metadata.target().replace("::", "."),))
}

/// An event as one text: its message, then its fields; and the exception that it is about.
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
