//! A response in the pipeline: of the engine, or a Python object.

use poorwsgi_core::headers::Headers as EngineHeaders;
use poorwsgi_core::response;
use pyo3::prelude::*;

use super::base::{BaseResponse, ResponseData};
use super::blocks::ReturnedBy;
use super::send::to_engine;
use super::to_object::from_engine;

/// A response in the pipeline.
pub(crate) enum Answer {
    /// A response that no Python code has seen: data that a handler returned, a built-in page, a file.
    Engine(response::Response),
    /// A response object.
    Object(Py<BaseResponse>),
}

impl Answer {
    /// Notes from where a response with an iterable came, for the message about an item that is not bytes.
    pub(crate) fn note_origin(&self, py: Python<'_>, origin: impl FnOnce() -> ReturnedBy) {
        let Answer::Object(object) = self else { return };
        if let Ok(mut base) = object.try_borrow_mut(py)
            && matches!(base.payload, ResponseData::Items { .. })
        {
            base.origin = Some(origin());
        }
    }

    /// The object that a hook gets.
    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, BaseResponse>> {
        match self {
            Answer::Engine(response) => from_engine(py, response),
            Answer::Object(object) => Ok(object.into_bound(py)),
        }
    }

    /// Calls a function with the status and the header fields.
    pub(crate) fn with_headers<T>(
        &mut self,
        py: Python<'_>,
        call: impl FnOnce(u16, &mut EngineHeaders) -> T,
    ) -> T {
        let object = match self {
            Answer::Engine(response) => return call(response.status(), response.headers_mut()),
            Answer::Object(object) => object.bind(py),
        };
        let status = object.try_borrow().map_or(0, |base| base.status);
        match BaseResponse::headers_of(object) {
            Ok(headers) => call(status, &mut headers.get().lock()),
            // Another thread is using the response.
            Err(_) => call(status, &mut EngineHeaders::new()),
        }
    }

    /// The response that is sent.
    pub(crate) fn into_engine(self) -> PyResult<response::Response> {
        match self {
            Answer::Engine(response) => Ok(response),
            Answer::Object(object) => Python::attach(|py| to_engine(object.bind(py))),
        }
    }
}
