//! The results of hooks.

use poorwsgi_core::response::Response;

use crate::error::{Error, Result};

/// A value that a before hook may return.
#[diagnostic::on_unimplemented(
    message = "a before hook does not return `{Self}`",
    note = "it returns `()`, or a `Result<(), E>` whose error ends the request"
)]
pub trait HookOutput {
    #[doc(hidden)]
    fn into_response(self) -> Result<Response>;
}

impl HookOutput for () {
    fn into_response(self) -> Result<Response> {
        Ok(Response::no_content())
    }
}

impl<E: Into<Error>> HookOutput for Result<(), E> {
    fn into_response(self) -> Result<Response> {
        self.map(|()| Response::no_content()).map_err(Into::into)
    }
}

/// A value that an after hook may return: always the response to send.
#[diagnostic::on_unimplemented(
    message = "an after hook does not return `{Self}`",
    note = "it returns the response to send: a `Response`, or a `Result` of one"
)]
pub trait AfterOutput {
    #[doc(hidden)]
    fn into_response(self) -> Result<Response>;
}

impl AfterOutput for Response {
    fn into_response(self) -> Result<Response> {
        Ok(self)
    }
}

impl<E: Into<Error>> AfterOutput for Result<Response, E> {
    fn into_response(self) -> Result<Response> {
        self.map_err(Into::into)
    }
}
