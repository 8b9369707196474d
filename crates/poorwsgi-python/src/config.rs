//! The settings of the built-in server: those of its connections, and those of the calls of the application.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use poorwsgi_calls::inlining::{Inline, Rule};
use poorwsgi_server::settings::{Number, Setting, SettingKind};
use poorwsgi_server::{AccessFormat, BadFormat, Config};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::setting;

/// All settings of a server.
#[derive(Clone, Debug)]
pub(crate) struct ServerSettings {
    /// The settings of the connections.
    pub(crate) config: Config,
    pub(crate) rule: Rule,
    /// How many event loops drive connections and run inline calls; `None` for the default.
    pub(crate) loops: Option<NonZero<usize>>,
    /// The maximum number of threads of the pool; and how many threads of a loop inline calls may block at a
    /// time.
    pub(crate) threads: usize,
    /// How many bytes temporary files may hold together: of request bodies that arrive slowly, and of
    /// responses that are read slowly.
    pub(crate) max_spool: u64,
    /// How long a client waits for the application to begin its response; `None` without a limit.
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) chunked_bodies: ChunkedBodies,
    /// The file of the access log, `-` for the standard output; `None` for no log.
    pub(crate) access_log: Option<String>,
    pub(crate) access_format: AccessFormat,
}

/// How a WSGI callable gets a request body without `Content-Length`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkedBodies {
    /// The callable is called when the whole body has arrived, and gets its length as `CONTENT_LENGTH`.
    Gather,
    /// The callable is called at once and reads the body while it arrives; there is no `CONTENT_LENGTH`.
    Stream,
}

impl ServerSettings {
    /// How many event loops drive connections. The default is one where Python has a GIL, because a second
    /// loop would wait for the first; else one for each processor.
    pub(crate) fn loops(&self, py: Python<'_>) -> PyResult<usize> {
        if let Some(loops) = self.loops {
            return Ok(loops.get());
        }
        Ok(if has_lock(py)? { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) })
    }
}

/// Whether Python runs with the GIL. A free-threaded Python enables the GIL again if it imports a module that
/// needs it; Python up to 3.12 always has it.
pub(crate) fn has_lock(py: Python<'_>) -> PyResult<bool> {
    let asked = py.import("sys")?.getattr_opt("_is_gil_enabled")?;
    asked.map_or(Ok(true), |asked| asked.call0()?.extract())
}

impl Default for ServerSettings {
    fn default() -> Self {
        let mut settings = ServerSettings {
            config: Config::new(),
            rule: Rule::DEFAULT,
            loops: None,
            threads: 0,
            max_spool: 0,
            request_timeout: None,
            chunked_bodies: ChunkedBodies::Gather,
            access_log: None,
            access_format: AccessFormat::combined(),
        };
        SETTINGS.iter().for_each(|setting| setting.set_default(&mut settings));
        settings
    }
}

const CALLS: &str = "calls of the application";
const LOGS: &str = "logs";

/// The settings that are not in [`Config`].
const SETTINGS: &[Setting<ServerSettings>] = &[
    Setting {
        name: "inline",
        section: CALLS,
        help: "run handlers on the thread of the event loop: those of a route whose calls prove short \
               (auto), all handlers (always) or none (never); a thread pool runs the others",
        kind: SettingKind::Choice(&[
            ("auto", |settings| settings.rule.inline = Inline::Auto),
            ("always", |settings| settings.rule.inline = Inline::Always),
            ("never", |settings| settings.rule.inline = Inline::Never),
        ]),
    },
    Setting {
        name: "inline_limit",
        section: CALLS,
        help: "count a call as short, so that its route may run inline, if it lasts at most this long; \
               CPU time counts for a fifth",
        kind: SettingKind::Seconds {
            default: Rule::DEFAULT.short,
            set: |settings, time| settings.rule.short = time,
        },
    },
    Setting {
        name: "inline_long",
        section: CALLS,
        help: "an inline call slower than this moves its route to the pool; a time below inline_limit counts \
               as inline_limit",
        kind: SettingKind::Seconds {
            default: Rule::DEFAULT.long,
            set: |settings, time| settings.rule.long = time,
        },
    },
    Setting {
        name: "threads",
        section: CALLS,
        help: "run the calls that are not inline on a pool of at most this many threads; with one \
               thread, a client that reads an endless response keeps all others waiting",
        kind: SettingKind::Count(Number {
            default: Some(256),
            min: Some(1),
            max: Some(100_000),
            set: |settings, threads| settings.threads = threads as usize,
        }),
    },
    Setting {
        name: "loops",
        section: CALLS,
        help: "run this many event loops, each on a thread of its own; the default is one, or one for each \
               processor where Python is free-threaded",
        kind: SettingKind::Quantity(Number {
            default: None,
            min: Some(1),
            max: Some(1024),
            set: |settings, loops| settings.loops = NonZero::new(loops as usize),
        }),
    },
    Setting {
        name: "request_timeout",
        section: CALLS,
        help: "answer 503 and replace the worker if a response has not begun after this long, not \
               counting the time in which the request body comes; 0 sets no limit",
        kind: SettingKind::Seconds {
            default: Duration::ZERO,
            set: |settings, time| settings.request_timeout = Some(time).filter(|time| !time.is_zero()),
        },
    },
    Setting {
        name: "chunked_bodies",
        section: CALLS,
        help: "how a WSGI application of another framework gets a chunked body: read completely before the \
               call, with CONTENT_LENGTH (gather), or as the body arrives, without a length (stream)",
        kind: SettingKind::Choice(&[
            ("gather", |settings| settings.chunked_bodies = ChunkedBodies::Gather),
            ("stream", |settings| settings.chunked_bodies = ChunkedBodies::Stream),
        ]),
    },
    Setting {
        name: "max_spool",
        section: CALLS,
        help: "limit the total size of the temporary files for slow uploads and for responses to slow readers; \
               one body of max_body always has room",
        kind: SettingKind::Bytes(Number {
            default: Some(1 << 30),
            min: None,
            max: None,
            set: |settings, bytes| settings.max_spool = bytes,
        }),
    },
    Setting {
        name: "access_log",
        section: LOGS,
        help: "write a line for each request to this file, or to the standard output (-); the file is opened \
               anew once it was moved away",
        kind: SettingKind::File(|settings, path| settings.access_log = Some(path)),
    },
    Setting {
        name: "access_format",
        section: LOGS,
        help: "write the lines of the access log in this format: combined, json, or a template such as \
               '{client} \"{request}\" {status} {duration}'",
        kind: SettingKind::Text {
            default: "combined",
            set: |settings, format| {
                settings.access_format = format.parse().map_err(|error: BadFormat| error.to_string())?;
                Ok(())
            },
        },
    },
];

/// The settings with the given values, and defaults for the others.
///
/// # Errors
/// TypeError for an unknown setting, ValueError for a value that the setting does not allow.
pub(crate) fn settings(given: Option<&Bound<'_, PyDict>>) -> PyResult<ServerSettings> {
    let mut settings = ServerSettings::default();
    for (name, value) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        refuse_zero(&name, &value)?;
        setting::set(Config::SETTINGS, &mut settings.config, &name, &value)
            .or_else(|| setting::set(SETTINGS, &mut settings, &name, &value))
            .unwrap_or_else(|| Err(unknown(&name)))?;
    }
    settings.rule.long = settings.rule.long.max(settings.rule.short);
    Ok(settings)
}

/// Settings with which the server would refuse every request if they were 0, and what they must be instead.
const MORE_THAN_0: [(&str, &str); 7] = [
    ("max_head", "a whole number of bytes, 1 or more"),
    ("max_request_line", "a whole number of bytes, 1 or more"),
    ("max_fields", "a whole number, 1 or more"),
    ("first_byte_timeout", "a number of seconds, more than 0"),
    ("head_timeout", "a number of seconds, more than 0"),
    ("body_timeout", "a number of seconds, more than 0"),
    ("write_timeout", "a number of seconds, more than 0"),
];

fn refuse_zero(name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
    let right = MORE_THAN_0.iter().find(|(setting, _)| *setting == name);
    match right.filter(|_| value.extract::<f64>().is_ok_and(|value| value == 0.0)) {
        Some((_, right)) => {
            let text = format!("{name}: must be {right}, not {value:?}: no request would be answered");
            Err(PyValueError::new_err(text))
        }
        None => Ok(()),
    }
}

fn unknown(name: &str) -> PyErr {
    let names = Config::SETTINGS.iter().map(|setting| setting.name);
    let known: Vec<_> = names.chain(SETTINGS.iter().map(|setting| setting.name)).collect();
    PyTypeError::new_err(format!("there is no setting {name:?}; known: {}", known.join(", ")))
}

/// The descriptions of all settings, for `poorwsgi._settings`.
pub(crate) fn rows(py: Python<'_>) -> PyResult<Bound<'_, PyTuple>> {
    let of_connections = Config::SETTINGS.iter().map(|setting| setting::row(py, setting));
    let rows: Vec<_> =
        of_connections.chain(SETTINGS.iter().map(|own| setting::row(py, own))).collect::<PyResult<_>>()?;
    PyTuple::new(py, rows)
}

/// Checks settings as a Listener does, and raises the same errors.
#[pyfunction]
#[pyo3(signature = (**given))]
pub(crate) fn _check_settings(given: Option<&Bound<'_, PyDict>>) -> PyResult<()> {
    settings(given).map(|_| ())
}
