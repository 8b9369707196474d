//! The arguments of state handlers that PoorWSGI does not have: `allow` and `www_authenticate`.

use poorwsgi_core::dispatch::challenges_of;
use poorwsgi_core::{HttpError, state};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::pipeline::PipelineRequest;
use crate::application::{Application, Function};
use crate::names::Name;

const ALLOW: &str = "allow";
const CHALLENGE: &str = "www_authenticate";

/// Adds what the answer to a 405 or a 401 has to say, for a handler that has a parameter of that name. Another
/// handler does not get the argument, because it may pass all its keyword arguments on to a function which
/// does not take it.
pub(super) fn add(
    handler: &Function,
    request: &PipelineRequest,
    error: &HttpError,
    kwargs: &Bound<'_, PyDict>,
) -> PyResult<()> {
    let py = kwargs.py();
    let missing = |name| Ok::<_, PyErr>(!kwargs.contains(name)? && takes(handler.bind(py), name)?);
    match (error.status(), error.allow()) {
        (state::HTTP_METHOD_NOT_ALLOWED, Some(allow)) if missing(ALLOW)? => {
            kwargs.set_item(ALLOW, allow.to_string())
        }
        (state::HTTP_UNAUTHORIZED, _) if missing(CHALLENGE)? => {
            let Ok(app) = request.base.get().application(py).cast::<Application>() else { return Ok(()) };
            let settings = &app.get().tables().settings;
            if !settings.auth_digest {
                return Ok(());
            }
            let challenges = challenges_of(settings, request.base.get().head(), error.challenge());
            kwargs.set_item(CHALLENGE, challenges.join(", "))
        }
        _ => Ok(()),
    }
}

/// Whether a function has a parameter of this name.
fn takes(function: &Bound<'_, PyAny>, parameter: &str) -> PyResult<bool> {
    static TAKES: Name = Name::new("poorwsgi._handling", "takes");
    TAKES.get(function.py())?.call1((function, parameter))?.extract()
}
