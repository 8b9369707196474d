//! What the page of a 500 shows of an exception when debug is on.

use poorwsgi_core::dispatch;
use poorwsgi_core::results::{Cause, CauseLink, ErrorReport, Frame, Secrets};
use pyo3::prelude::*;

use super::visitor::text;
use crate::application::Application;
use crate::exceptions::Status;
use crate::names::Name;
use crate::request::SimpleRequest;

/// The report of an error, with its causes, their frames of the stack and local variables, and with details
/// of the request.
pub(crate) fn inspect(req: &Bound<'_, PyAny>, error: &Status) -> ErrorReport {
    let report = error.report();
    let report = match error.exception().map(|exception| with_frames(req.py(), exception, report.clone())) {
        Some(Ok(inspected)) => inspected,
        // The report without the frames is still the report of the error.
        Some(Err(_)) | None => report,
    };
    details(req, report.without(&sent(req)))
}

/// The secrets among the values that the client has sent: those of a form, of the query, and of JSON whose names look
/// secret.
fn sent(req: &Bound<'_, PyAny>) -> Secrets {
    static NAMED: Name = Name::new("poorwsgi._frames", "named_values");
    let mut secrets = Secrets::default();
    if let Ok(request) = req.cast::<SimpleRequest>() {
        let py = req.py();
        let named = NAMED.get(py).and_then(|named| named.call1((request.get().values(py),)));
        let named = named.and_then(|named| named.extract::<Vec<(String, String)>>());
        named.unwrap_or_default().iter().for_each(|(name, value)| secrets.add(name, value));
    }
    secrets
}

/// An exception as `poorwsgi._frames` describes it: its link to the one before, its kind, its message, its
/// frames, and how many of them are left out.
#[derive(FromPyObject)]
struct SeenException(u8, String, String, Vec<SeenFrame>, usize);

/// File, line, function, whether it is a library's, source, how often it is repeated, variables.
#[derive(FromPyObject)]
struct SeenFrame(String, u32, String, bool, Vec<(u32, String)>, usize, Vec<(String, String)>);

fn with_frames(py: Python<'_>, exception: &PyErr, report: ErrorReport) -> PyResult<ErrorReport> {
    static INSPECT: Name = Name::new("poorwsgi._frames", "inspect_exception");
    let described = INSPECT.get(py)?.call1((exception.value(py), exception.traceback(py)))?;
    let (causes, others, values): (Vec<SeenException>, usize, Vec<Vec<u8>>) = described.extract()?;
    let mut secrets = Secrets::default();
    values.iter().for_each(|secret| secrets.add_bytes(secret));
    let causes = causes.into_iter().map(Cause::from).collect();
    Ok(ErrorReport { causes, others, ..report }.without(&secrets))
}

impl From<SeenException> for Cause {
    fn from(SeenException(link, kind, message, frames, left_out): SeenException) -> Self {
        let link = match link {
            0 => CauseLink::Cause,
            1 => CauseLink::Context,
            _ => CauseLink::Member,
        };
        let frames = frames.into_iter().map(Frame::from).collect();
        Cause { link, kind: Some(kind), message, frames, left_out }
    }
}

impl From<SeenFrame> for Frame {
    fn from(SeenFrame(file, line, function, is_library, source, repeated, variables): SeenFrame) -> Self {
        Frame { file, line, function, is_library, source, repeated, variables }
    }
}

/// The secrets that the application and the request are known to have.
pub(super) fn secrets(req: &Bound<'_, PyAny>) -> Secrets {
    if let Ok(request) = req.cast::<SimpleRequest>()
        && let Ok(app) = request.get().application(req.py()).cast::<Application>()
    {
        return dispatch::secrets(&app.get().tables().settings, request.get().head());
    }
    let mut secrets = Secrets::default();
    if let Some(key) = text(req, "secret_key") {
        secrets.add_bytes(key.as_bytes());
    }
    secrets
}

/// Adds details of the request that help to find the cause of an error.
pub(super) fn details(req: &Bound<'_, PyAny>, report: ErrorReport) -> ErrorReport {
    let handler = req.getattr("uri_handler").ok().filter(|handler| !handler.is_none());
    let handler = handler.map(|handler| callable_name(&handler));
    let details = [
        ("Client", text(req, "remote_host").filter(|host| !host.is_empty())),
        ("Client Address", text(req, "remote_addr")),
    ];
    details.into_iter().filter_map(|(name, value)| Some((name, value?))).fold(
        report.with_route(text(req, "uri_rule").as_deref(), handler.as_deref()),
        |report, (name, value)| report.with_fact(name, value),
    )
}

/// Module and name of a function. Callable objects and partials have none.
fn callable_name(callable: &Bound<'_, PyAny>) -> String {
    match (text(callable, "__module__"), text(callable, "__qualname__")) {
        (Some(module), Some(name)) => format!("{module}.{name}"),
        _ => callable.repr().map_or_else(|_| "?".to_owned(), |repr| repr.to_string_lossy().into_owned()),
    }
}
