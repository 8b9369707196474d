//! Bodies without interpretation.

use std::convert::Infallible;

use bytes::Bytes;
use poorwsgi_core::error::HttpError;
use poorwsgi_core::request::read_body;
use poorwsgi_core::response::Body;

use super::FromRequest;
use crate::request::Request;

/// Reads the whole body. After an error, every further read of the body fails, too.
pub(super) async fn whole(request: &Request, limit: u64, setting: &str) -> Result<Bytes, HttpError> {
    let read = read_body(request.take_body(), limit, setting).await;
    read.inspect_err(|error| request.break_body(Some(error)))
}

/// The body as a stream. Only the server limits it.
impl FromRequest for Body {
    type Rejection = Infallible;
    const IS_READY: bool = true;

    async fn from_request(request: Request) -> Result<Self, Infallible> {
        Ok(request.take_body())
    }
}

/// The whole body; 413 for a body over the setting `data_size`.
impl FromRequest for Bytes {
    type Rejection = HttpError;

    async fn from_request(request: Request) -> Result<Self, HttpError> {
        whole(&request, request.settings().data_size, "data_size").await
    }
}

/// The whole body as text; 413 for a body over the setting `data_size`, 400 for one that is not UTF-8.
impl FromRequest for String {
    type Rejection = HttpError;

    async fn from_request(request: Request) -> Result<Self, HttpError> {
        let body = <Bytes as FromRequest>::from_request(request).await?;
        String::from_utf8(body.into())
            .map_err(|error| HttpError::bad_request("the body is not UTF-8").with_source(error))
    }
}
