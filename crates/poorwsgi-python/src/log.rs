//! Warnings and errors of the engine and the server, for the Python logger `poorwsgi`.

use std::fmt::{self, Write};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};

use crate::names::Name;

/// Sends events to Python from now on, unless the process has another place for them already.
pub(crate) fn to_python() {
    let _ = tracing::subscriber::set_global_default(Logger);
}

struct Logger;

impl Subscriber for Logger {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        // Only what is rare: each event takes the GIL, from the event loop too.
        match *metadata.level() <= Level::WARN && metadata.target().starts_with("poorwsgi") {
            // Python's levels may change at any time.
            true => Interest::sometimes(),
            false => Interest::never(),
        }
    }

    /// Whether the Python logger takes such a message: what nobody reads is not even put together.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        Python::try_attach(|py| {
            let asked = logger(py, metadata).and_then(|logger| {
                let level = if *metadata.level() == Level::ERROR { ERROR } else { WARNING };
                logger.call_method1("isEnabledFor", (level,))?.is_truthy()
            });
            asked.unwrap_or(false)
        })
        .unwrap_or(false)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = if *event.metadata().level() == Level::ERROR { "error" } else { "warning" };
        // Logging that fails cannot be logged, and an interpreter that ends takes nothing more.
        let _ = Python::try_attach(|py| {
            let logger = logger(py, event.metadata())?;
            logger.call_method1(level, ("%s%s", line.message, line.fields)).map(drop)
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

/// Levels of Python's logging.
const ERROR: u8 = 40;
const WARNING: u8 = 30;

fn logger<'py>(py: Python<'py>, metadata: &Metadata<'_>) -> PyResult<Bound<'py, PyAny>> {
    static GET_LOGGER: Name = Name::new("logging", "getLogger");
    GET_LOGGER.get(py)?.call1((metadata.target().replace("::", "."),))
}

/// An event as one text: its message, then its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, ", {name}: {value:?}"),
        };
    }
}
