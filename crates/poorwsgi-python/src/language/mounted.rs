//! Requests to what is mounted in an application.

use std::time::Instant;

use pyo3::prelude::*;

use super::handle::handle;
use super::pipeline::PipelineRequest;
use crate::application::{Application, Function, MountedCallable, Routed};
use crate::exceptions::Error;
use crate::request::Request;
use crate::response::{Answer, of_callable};

/// Passes a request to what is mounted, and returns its response: to one of our applications through the
/// pipeline, to any other callable by WSGI. While a profiler is set, which wraps `__call__`, ours are called
/// by WSGI, too.
pub(super) fn answer(
    py: Python<'_>,
    callee: &Function,
    mounted: &MountedCallable,
    request: &PipelineRequest,
) -> Result<Answer, Error> {
    let object = request.object.bind(py);
    if let Some(tables) = &mounted.tables
        && let Ok(application) = callee.bind(py).cast::<Application>()
        && !application.get().is_profiled()
    {
        let (source, body) = Request::below(object, &mounted.prefix)?;
        let routed = request.take_mounted().unwrap_or_else(|| Routed::later(tables.get()));
        return Ok(Answer::Engine(handle(application, source, routed, body, Instant::now())?));
    }
    let environ = Request::environ_below(object, &mounted.prefix)?;
    let response = of_callable(callee.bind(py), &environ)?;
    // The callable knows all prefixes, and where this application is mounted, its own prefix is added again.
    Ok(Answer::Engine(response.with_location_within(request.base.get().head())))
}
