//! The steps of the pipeline as methods of `Application`, which a subclass may override.

use poorwsgi_core::HttpError;
use poorwsgi_core::dispatch;
use poorwsgi_core::state::{HTTP_INTERNAL_SERVER_ERROR, HTTP_NOT_FOUND, Method};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::blame::{self, call_before_hook};
use super::pipeline::{PipelineRequest, ready};
use crate::application::{Application, Python3};
use crate::exceptions::{Error, HTTPException, Status};
use crate::names;
use crate::request::{Request, SimpleRequest};
use crate::response::{Answer, BaseResponse, from_result};

const BEFORE: &str = "handler_from_before";
const TABLE: &str = "handler_from_table";
const STATE: &str = "state_from_table";
const ERROR: &str = "error_from_table";

/// Whether the class of an application overrides steps of the pipeline.
pub(super) fn are_overridden(application: &Bound<'_, Application>) -> PyResult<bool> {
    if application.is_exact_instance_of::<Application>() {
        return Ok(false);
    }
    let py = application.py();
    let ask = || {
        let ours = py.get_type::<Application>();
        names::overrides(&application.get_type(), &ours, &[BEFORE, TABLE, STATE, ERROR])
    };
    application.get().own_steps.get_or_try_init(py, ask).copied()
}

fn call<'py>(py: Python<'py>, request: &PipelineRequest, step: &str) -> Option<PyResult<Bound<'py, PyAny>>> {
    request.own_steps.then(|| request.base.get().application(py).call_method1(step, (&request.object,)))
}

/// Calls the overridden step; `None` if the application does not override it.
pub(crate) fn answer(py: Python<'_>, request: &PipelineRequest) -> Option<Result<Answer, Error>> {
    let result = call(py, request, TABLE)?;
    Some(result.and_then(|result| from_result(&result, Some(&|| blame::step(TABLE)))).map_err(Error::from))
}

/// Calls the overridden step; `None` if the application does not override it.
pub(crate) fn call_before_hooks(py: Python<'_>, request: &PipelineRequest) -> Option<Result<(), Error>> {
    Some(call(py, request, BEFORE)?.map(drop).map_err(Error::from))
}

/// Calls the overridden step; returns the error if the application does not override it.
pub(crate) fn by_error(
    py: Python<'_>,
    request: &PipelineRequest,
    error: Error,
) -> Result<Result<Result<Answer, Error>, Error>, Error> {
    if !request.own_steps {
        return Err(error);
    }
    let error = error.into_exception(py);
    let app = request.base.get().application(py);
    Ok(match app.call_method1(ERROR, (&request.object, error.value(py))) {
        Ok(result) if result.is_none() => Err(error.into()),
        Ok(result) => Ok(from_result(&result, Some(&|| blame::step(ERROR))).map_err(Error::from)),
        Err(error) => Ok(Err(error.into())),
    })
}

/// Calls the overridden step; `None` if the application does not override it.
pub(crate) fn by_state(
    py: Python<'_>,
    request: &PipelineRequest,
    error: &Status,
) -> Option<PyResult<Answer>> {
    if !request.own_steps {
        return None;
    }
    let status = error.as_ref().status();
    let app = request.base.get().application(py);
    let called = error
        .kwargs(py)
        .and_then(|kwargs| app.call_method(STATE, (&request.object, status), Some(&kwargs)))
        .and_then(|result| from_result(&result, Some(&|| blame::step(STATE))));
    Some(called)
}

#[pymethods]
impl Application {
    /// Calls the before hooks. A step of the pipeline that a subclass may override.
    fn handler_from_before(&self, req: &Bound<'_, SimpleRequest>) -> PyResult<()> {
        for hook in &self.tables().before {
            call_before_hook(req.py(), hook, req)?;
        }
        Ok(())
    }

    /// Finds the route of a request, calls the before hooks and the handler, and returns the response. A step
    /// of the pipeline that a subclass may override.
    fn handler_from_table<'py>(
        slf: &Bound<'py, Self>,
        req: &Bound<'py, Request>,
    ) -> PyResult<Bound<'py, BaseResponse>> {
        let py = slf.py();
        let request = PipelineRequest::new(req.clone(), are_overridden(slf)?);
        let tables = slf.get().tables();
        let answer = async {
            dispatch::steps::answer::<Python3>(&tables, &request)
                .await
                .map_err(|error| error.into_exception(py))
        };
        ready(answer)?.into_object(py)
    }

    /// Calls the default handler for the request's method; raises HTTPException(404) if there is none.
    fn handler_from_default<'py>(
        &self,
        py: Python<'py>,
        req: &Bound<'py, SimpleRequest>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let method: Option<Method> = req.get().head().method().parse().ok();
        let tables = self.tables();
        match method.and_then(|method| tables.router.default_handler(method)) {
            Some(handler) => handler.bind(py).call1((req,)),
            None => Err(crate::exceptions::http_exception(py, HttpError::new(HTTP_NOT_FOUND))),
        }
    }

    /// Answers a status, with the application's handler or the default page. A step of the pipeline that a
    /// subclass may override.
    #[pyo3(signature = (req, status_code, **kwargs))]
    fn state_from_table<'py>(
        slf: &Bound<'py, Self>,
        req: &Bound<'py, Request>,
        status_code: u16,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, BaseResponse>> {
        let py = slf.py();
        let kwargs = kwargs.map_or_else(|| PyDict::new(py), Clone::clone);
        // A 500 is about the exception that is being handled.
        let current = py.import("sys")?.call_method0("exception").ok().filter(|current| !current.is_none());
        let error = match current {
            Some(current) if status_code == HTTP_INTERNAL_SERVER_ERROR => {
                Status::uncaught(PyErr::from_value(current))
            }
            _ => {
                let exception = HTTPException::of_status(py, status_code, Some(&kwargs))?;
                Status::raised(status_code, kwargs, PyErr::from_value(exception))
            }
        };
        let request = PipelineRequest::new(req.clone(), false);
        request.base.get().set_status(status_code);
        ready(dispatch::steps::by_state::<Python3>(&slf.get().tables(), &request, error))?.into_object(py)
    }

    /// Answers an exception with the application's error handler; returns None if there is none for it. A
    /// step of the pipeline that a subclass may override.
    fn error_from_table<'py>(
        slf: &Bound<'py, Self>,
        req: &Bound<'py, Request>,
        error: Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, BaseResponse>>> {
        let py = slf.py();
        let request = PipelineRequest::new(req.clone(), false);
        let error = Error::Python(PyErr::from_value(error));
        let tables = slf.get().tables();
        let answered =
            ready(async { Ok(dispatch::steps::by_error::<Python3>(&tables, &request, error).await) })?;
        match answered {
            Err(_) => Ok(None),
            Ok(answer) => answer.map_err(|error| error.into_exception(py))?.into_object(py).map(Some),
        }
    }
}
