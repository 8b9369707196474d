//! The settings of the built-in server, as keyword arguments.

use std::num::NonZero;
use std::thread;
use std::time::Duration;

use http::HeaderValue;
use poorwsgi_server::Config;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use poorwsgi_calls::inlining::{Inline, Rule};

/// All that is set of a server.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What the connections are told.
    pub(crate) config: Config,
    /// How long requests may go on after a stop, on the connections and behind them.
    pub(crate) stop_timeout: Duration,
    pub(crate) rule: Rule,
    /// How many threads drive connections, and make inline calls; `None` for as many as are of use.
    pub(crate) loops: Option<NonZero<usize>>,
    /// How many threads make the calls that are not made inline, at most; and how many of a loop's threads
    /// may be held up by inline ones.
    pub(crate) threads: usize,
    /// How many bytes may wait in temporary files at a time: of bodies that arrive, and of answers that are
    /// read slowly.
    pub(crate) max_spool: u64,
    /// How long a client waits for the application to begin its answer; `None` without a limit.
    pub(crate) request_timeout: Option<Duration>,
    pub(crate) chunked_bodies: ChunkedBodies,
}

/// What a WSGI callable gets of a body whose length its client does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ChunkedBodies {
    /// All of it, with its length: it is called when the body has come.
    Gather,
    /// What comes, as it comes, without a length.
    Stream,
}

impl Settings {
    /// How many threads drive connections. With one lock around all that Python computes, a second one would
    /// wait for the first.
    pub(crate) fn loops(&self, py: Python<'_>) -> PyResult<usize> {
        if let Some(loops) = self.loops {
            return Ok(loops.get());
        }
        Ok(if has_lock(py)? { 1 } else { thread::available_parallelism().map_or(1, NonZero::get) })
    }
}

/// Whether one lock is around all of Python. A free-threaded one takes it up again for a module that needs
/// it; Python 3.12 has it for good.
pub(crate) fn has_lock(py: Python<'_>) -> PyResult<bool> {
    let asked = py.import("sys")?.getattr_opt("_is_gil_enabled")?;
    asked.map_or(Ok(true), |asked| asked.call0()?.extract())
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            config: Config::new(),
            stop_timeout: STOP_TIMEOUT,
            rule: Rule::default(),
            loops: None,
            threads: THREADS,
            max_spool: SPOOL,
            request_timeout: None,
            chunked_bodies: ChunkedBodies::Gather,
        }
    }
}

/// How a setting takes a value of Python.
type Set = fn(&mut Settings, &Bound<'_, PyAny>) -> PyResult<()>;

macro_rules! settings {
    ($($name:ident: $read:expr;)*) => {
        const SETTINGS: &[(&str, Set)] = &[
            $((stringify!($name), |settings, value| {
                settings.config = settings.config.clone().$name($read(value)?);
                Ok(())
            }),)*
            ("inline", |settings, value| Ok(settings.rule.inline = inline(value)?)),
            ("inline_limit", |settings, value| Ok(settings.rule.short = seconds(value)?)),
            ("inline_long", |settings, value| Ok(settings.rule.long = seconds(value)?)),
            ("request_timeout", |settings, value| {
                settings.request_timeout = Some(seconds(value)?).filter(|timeout| !timeout.is_zero());
                Ok(())
            }),
            ("chunked_bodies", |settings, value| Ok(settings.chunked_bodies = chunked_bodies(value)?)),
            ("stop_timeout", |settings, value| Ok(settings.stop_timeout = seconds(value)?)),
            ("loops", |settings, value| Ok(settings.loops = value.extract()?)),
            ("threads", |settings, value| Ok(settings.threads = threads(value)?)),
            ("max_spool", |settings, value| Ok(settings.max_spool = number(value)?)),
        ];
    };
}

settings! {
    max_head: count;
    max_request_line: count;
    max_fields: count;
    first_byte_timeout: seconds;
    head_timeout: seconds;
    idle_timeout: seconds;
    body_timeout: seconds;
    min_body_rate: number;
    write_timeout: seconds;
    max_body: number;
    max_connections: small;
    queue: count;
    backlog: small;
    unix_mode: small;
    trusted_proxies: networks;
    trust_unix_peers: truth;
    server_header: header;
}

/// How long requests may go on after a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// How many threads make calls at most. Each is begun when it is needed.
const THREADS: usize = 256;

/// How many bytes may wait in temporary files at a time.
const SPOOL: u64 = 1 << 30;

/// What these settings make.
///
/// # Errors
/// TypeError for a setting that there is not, ValueError for a value that cannot be.
pub(crate) fn settings(given: Option<&Bound<'_, PyDict>>) -> PyResult<Settings> {
    let mut settings = Settings::default();
    for (name, value) in given.into_iter().flatten() {
        let name: String = name.extract()?;
        let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = SETTINGS.iter().map(|(known, _)| *known).collect();
            return Err(PyTypeError::new_err(format!(
                "there is no setting {name:?}; known: {}",
                known.join(", ")
            )));
        };
        set(&mut settings, &value).map_err(|error| {
            let reason = error.value(value.py()).to_string();
            PyValueError::new_err(format!("{name}: {reason}"))
        })?;
    }
    settings.rule.long = settings.rule.long.max(settings.rule.short);
    Ok(settings)
}

fn inline(value: &Bound<'_, PyAny>) -> PyResult<Inline> {
    match value.extract::<&str>()? {
        "auto" => Ok(Inline::Auto),
        "always" => Ok(Inline::Always),
        "never" => Ok(Inline::Never),
        other => {
            Err(PyValueError::new_err(format!("{other:?} is none of \"auto\", \"always\" and \"never\"")))
        }
    }
}

fn chunked_bodies(value: &Bound<'_, PyAny>) -> PyResult<ChunkedBodies> {
    match value.extract::<&str>()? {
        "gather" => Ok(ChunkedBodies::Gather),
        "stream" => Ok(ChunkedBodies::Stream),
        other => Err(PyValueError::new_err(format!("{other:?} is neither \"gather\" nor \"stream\""))),
    }
}

fn threads(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    match value.extract()? {
        0 => Err(PyValueError::new_err("at least one thread is needed")),
        threads => Ok(threads),
    }
}

fn number(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract()
}

fn count(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    value.extract()
}

fn small(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    value.extract()
}

fn truth(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_truthy()
}

/// What is longer than this is as good as no limit, and can still be added to any time.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

fn seconds(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    let seconds = Duration::try_from_secs_f64(value.extract()?);
    seconds.map(|seconds| seconds.min(LONGEST)).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn networks(value: &Bound<'_, PyAny>) -> PyResult<Vec<ipnet::IpNet>> {
    let network = |text: String| {
        let parsed = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
        parsed.map_err(|_| PyValueError::new_err(format!("{text:?} is no network, such as \"10.0.0.0/8\"")))
    };
    value.try_iter()?.map(|item| network(item?.extract()?)).collect()
}

fn header(value: &Bound<'_, PyAny>) -> PyResult<Option<HeaderValue>> {
    let text: Option<String> = value.extract()?;
    let parsed = text.map(HeaderValue::try_from).transpose();
    parsed.map_err(|error| PyValueError::new_err(error.to_string()))
}
