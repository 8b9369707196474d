//! Runs one request through the pipeline.

use std::sync::Arc;
use std::time::Instant;

use http_body::Body as _;
use poorwsgi_core::dispatch;
use poorwsgi_core::response::{Body, Response};
use pyo3::prelude::*;

use super::pipeline::{PipelineRequest, ready};
use super::steps;
use crate::application::{Application, Routed};
use crate::request::{Request, Source};

/// Runs one request of an application through the pipeline. An error is an exception that the server gets,
/// such as KeyboardInterrupt.
pub(crate) fn handle(
    application: &Bound<'_, Application>,
    source: Source,
    routed: Routed,
    body: Body,
    begun: Instant,
) -> PyResult<Response> {
    let py = application.py();
    let app = application.get();
    let Routed { tables, route, mounted, called } = match !body.is_end_stream() && app.refresh_types(py)? {
        true => Routed::later(app.tables()),
        false => routed,
    };
    let request = Request::made_of(py, source, application.clone().into_any().unbind(), body, begun)?;
    let request =
        PipelineRequest::new(request, steps::are_overridden(application)?).with_route(route, mounted);
    let response = ready(dispatch::dispatch(&tables, &request));
    if let Some((called, handler)) = called.zip(request.base.get().route_handler()) {
        let _ = called.set(Arc::clone(handler));
    }
    response
}
