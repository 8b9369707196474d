//! Warnings and errors of the engine and the server, for the Python logger `poorwsgi`.

use std::fmt::{self, Write};

use pyo3::prelude::*;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Sends events to Python from now on, unless the process has another place for them already.
pub(crate) fn to_python() {
    let _ = tracing::subscriber::set_global_default(Logger);
}

struct Logger;

impl Subscriber for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // Only what is rare: each event takes the GIL, from the event loop too.
        *metadata.level() <= Level::WARN && metadata.target().starts_with("poorwsgi")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::WARN)
    }

    fn event(&self, event: &Event<'_>) {
        let mut line = Line::default();
        event.record(&mut line);
        let level = if *event.metadata().level() == Level::ERROR { "error" } else { "warning" };
        let name = event.metadata().target().replace("::", ".");
        // Logging that fails cannot be logged, and an interpreter that ends takes nothing more.
        let _ = Python::try_attach(|py| {
            let logger = py.import("logging")?.call_method1("getLogger", (name,))?;
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
