//! Tuples that become responses: data first, as in PoorWSGI, or the status first, as in axum.

use http::StatusCode;
use poorwsgi_core::headers::{HeaderError, Headers};
use poorwsgi_core::response::{Response, assemble};
use poorwsgi_core::state::{self, IntoStatus};

use super::{IntoHeaders, IntoResponse, ResponseContent};
use crate::Result;

impl<T: ResponseContent, C: AsRef<str>> IntoResponse for (T, C) {
    fn into_response(self) -> Result<Response> {
        Ok(assemble(self.0.into_response()?, self.1.as_ref(), None, state::HTTP_OK)?)
    }
}

impl<T: ResponseContent, C: AsRef<str>, H: IntoHeaders> IntoResponse for (T, C, H) {
    fn into_response(self) -> Result<Response> {
        Ok(assemble(self.0.into_response()?, self.1.as_ref(), Some(self.2.into_headers()?), state::HTTP_OK)?)
    }
}

impl<T: ResponseContent, C: AsRef<str>, H: IntoHeaders, S: IntoStatus> IntoResponse for (T, C, H, S) {
    fn into_response(self) -> Result<Response> {
        let (headers, status) = (self.2.into_headers()?, self.3.into_status());
        Ok(assemble(self.0.into_response()?, self.1.as_ref(), Some(headers), status)?)
    }
}

impl IntoResponse for StatusCode {
    fn into_response(self) -> Result<Response> {
        Ok(Response::empty(self)?)
    }
}

impl<T: IntoResponse> IntoResponse for (StatusCode, T) {
    fn into_response(self) -> Result<Response> {
        Ok(self.1.into_response()?.with_status(self.0)?)
    }
}

impl<H: IntoHeaders, T: IntoResponse> IntoResponse for (StatusCode, H, T) {
    fn into_response(self) -> Result<Response> {
        let response = self.2.into_response()?.with_status(self.0)?;
        Ok(with_fields(response, &self.1.into_headers()?)?)
    }
}

/// Replaces the response's fields of these names by these fields.
fn with_fields(mut response: Response, fields: &Headers) -> Result<Response, HeaderError> {
    let headers = response.headers_mut();
    for (name, _) in fields.iter() {
        headers.remove(&name);
    }
    for (name, value) in fields.iter() {
        headers.append(&name, value)?;
    }
    Ok(response)
}
