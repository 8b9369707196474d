//! The responses of Python handlers.
//!
//! A handler's str, bytes or dict is converted directly to a response of the engine. Response objects exist
//! only if a handler creates one, or for hooks. This module does not depend on requests and applications.

mod base;
mod blocks;
mod classes;
mod exception;
mod from_result;
mod media_type;
mod send;
mod to_object;

use poorwsgi_core::response;
use pyo3::prelude::*;

pub(crate) use base::BaseResponse;
pub(crate) use blocks::{Blocks, raised};
pub(crate) use classes::{NOT_MODIFIED_ONE_OF_REQUIRED, add_classes};
pub(crate) use exception::{RaisedHttp, abort, redirect};
pub(crate) use from_result::{from_result, make_response, to_response};
pub(crate) use media_type::media_type;

pub(crate) const HTML: &str = "text/html; charset=utf-8";

/// A response on its way through the pipeline.
pub(crate) enum Answer {
    /// A response that no Python code has seen: data that a handler returned, a built-in page, a file.
    Engine(response::Response),
    /// A response object.
    Object(Py<BaseResponse>),
}

impl Answer {
    /// The object that a hook gets.
    pub(crate) fn into_object(self, py: Python<'_>) -> PyResult<Bound<'_, BaseResponse>> {
        match self {
            Answer::Engine(response) => to_object::from_engine(py, response),
            Answer::Object(object) => Ok(object.into_bound(py)),
        }
    }

    /// The response that is sent.
    pub(crate) fn into_engine(self) -> PyResult<response::Response> {
        match self {
            Answer::Engine(response) => Ok(response),
            Answer::Object(object) => Python::attach(|py| send::to_engine(object.bind(py))),
        }
    }
}
