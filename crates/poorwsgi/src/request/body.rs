//! A request's body as a whole.

use std::error::Error as StdError;

use bytes::Bytes;
use http_body::Body as _;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::error::{BoxError, HttpError};
use crate::response::Body;

/// Reads a body to its end.
///
/// # Errors
/// 413 for a body over `limit` bytes, which names the `setting` that moves the limit; else what
/// [`body_error`] makes of the error of the body.
pub async fn read_body(body: Body, limit: u64, setting: &str) -> Result<Bytes, HttpError> {
    let too_large = || HttpError::too_large("bytes of the body", limit, setting);
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    let bytes = usize::try_from(limit).unwrap_or(usize::MAX);
    match Limited::new(body, bytes).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(error) => Err(body_error(error)),
    }
}

/// A body that could not be read, as the status it means: the server's own (408, 413) where it gave one, else 400. The
/// error itself is the source.
#[must_use]
pub fn body_error(error: BoxError) -> HttpError {
    let mut source = Some(error.as_ref() as &(dyn StdError + 'static));
    while let Some(current) = source {
        if let Some(status) = current.downcast_ref::<HttpError>() {
            let detail = status.detail().unwrap_or_default().to_owned();
            return HttpError::new(status.status()).with_detail(detail).with_source(error);
        }
        source = current.source();
    }
    HttpError::bad_request("the body could not be read to its end").with_source(error)
}
