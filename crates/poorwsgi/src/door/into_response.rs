//! What a handler may return.

use crate::door::error::{Error, Result};
use crate::response::{MakeResponse, Response};

/// A value that can be a handler's answer.
///
/// Everything [`MakeResponse`] takes (text, bytes, JSON, nothing, tuples with media type, headers and status, a
/// [`Response`]), and a `Result` of one with any error.
pub trait IntoResponse {
    /// Makes the response.
    ///
    /// # Errors
    /// The error that the value is, or the reason why it is no response.
    fn into_response(self) -> Result<Response>;
}

impl<T: MakeResponse> IntoResponse for T {
    fn into_response(self) -> Result<Response> {
        Ok(self.make_response()?)
    }
}

impl<T: IntoResponse, E: Into<Error>> IntoResponse for std::result::Result<T, E> {
    fn into_response(self) -> Result<Response> {
        self.map_err(Into::into)?.into_response()
    }
}
