//! Messages about what a function of the application returned. They name the function, where it is defined,
//! and what it is the handler of.

use pyo3::prelude::*;
use pyo3::types::{PyInt, PyTuple};

use super::pipeline::PipelineRequest;
use crate::application::Function;
use crate::exceptions::ResponseError;
use crate::names::{kind_of, name_and_place};
use crate::response::ReturnedBy;

/// The handler of a route with the rule.
pub(super) fn handler_of_route(handler: &Bound<'_, PyAny>, request: &PipelineRequest) -> String {
    let rule = request.base.get().rule().map_or_else(String::new, |rule| format!(" of route {rule:?}"));
    format!("handler {}{rule}", name_and_place(handler))
}

/// Like [`handler_of_route`], but for a message that is written only if the content of the response turns out wrong.
pub(super) fn origin(handler: &Bound<'_, PyAny>, request: &PipelineRequest) -> ReturnedBy {
    ReturnedBy { handler: handler.clone().unbind(), rule: request.base.get().rule().cloned() }
}

pub(super) fn after_hook(hook: &Bound<'_, PyAny>) -> String {
    format!("after hook {}", name_and_place(hook))
}

pub(super) fn state_handler(handler: &Bound<'_, PyAny>, status: u16) -> String {
    format!("handler {} of status {status}", name_and_place(handler))
}

pub(super) fn error_handler(handler: &Bound<'_, PyAny>) -> String {
    format!("error handler {}", name_and_place(handler))
}

/// A step of the pipeline that the class of the application overrides.
pub(super) fn step(name: &str) -> String {
    format!("the application's own {name}()")
}

/// The error of an after hook that returned None: PoorWSGI sends an empty response then.
pub(super) fn after_hook_without_response(hook: &Bound<'_, PyAny>) -> PyErr {
    ResponseError::new_err(format!(
        "{} returned None; expected the response that is to be sent: end the hook with return response",
        after_hook(hook)
    ))
}

/// Calls a before hook. Its result is ignored, as in PoorWSGI, but logged once: a hook that returns a response
/// expects it to be sent.
pub(super) fn call_before_hook(py: Python<'_>, hook: &Function, request: &Bound<'_, PyAny>) -> PyResult<()> {
    let result = hook.bind(py).call1((request,))?;
    if !result.is_none() && hook.is_first_mistake() {
        tracing::warn!(
            target: "poorwsgi",
            "before hook {} returned {}, which is ignored (this is said once); to stop the request, raise \
             HTTPException or call abort(…)",
            name_and_place(hook.bind(py)),
            kind_of(&result)
        );
    }
    Ok(())
}

/// Logs once that a handler returned a status as the second item of a tuple whose data has no content type:
/// `None, 404` is a 204.
pub(super) fn log_ignored_status(handler: &Function, request: &PipelineRequest, result: &Bound<'_, PyAny>) {
    let Ok(tuple) = result.cast::<PyTuple>() else { return };
    let Ok(second) = tuple.get_item(1) else { return };
    if second.is_instance_of::<PyInt>() && handler.is_first_mistake() {
        tracing::warn!(
            target: "poorwsgi",
            "{} returned ({}, {second}), whose second item is content_type and is ignored (this is said once); \
             the status is the fourth: return data, None, None, {second}",
            handler_of_route(handler.bind(result.py()), request),
            tuple.get_item(0).map_or_else(|_| String::new(), |first| kind_of(&first)),
        );
    }
}
