//! Reading a request's body as a whole.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::mem;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;

use crate::error::{BoxError, HttpError};
use crate::response::Body;

/// Reads a body to its end.
///
/// # Errors
/// 413 for a body over `limit` bytes; its text names `setting`, the setting that changes the limit.
/// [`body_error`] converts an error of the body itself.
pub async fn read_body(body: Body, limit: u64, setting: &str) -> Result<Bytes, HttpError> {
    let too_large = || HttpError::too_large("bytes of the body", limit, setting);
    if body.size_hint().lower() > limit {
        return Err(too_large());
    }
    if let Some(bytes) = body.as_bytes() {
        return Ok(bytes.clone());
    }
    let (mut body, mut all) = (body, Bytes::new());
    let mut pieces = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(body_error)?.into_data() else { continue };
        let length = (all.len() + pieces.len()).saturating_add(piece.len());
        if length as u64 > limit {
            return Err(too_large());
        }
        if length == piece.len() {
            all = piece;
            continue;
        }
        // The pieces are copied into one buffer, because each small piece would keep alive the whole buffer
        // that it was received in.
        if pieces.is_empty() {
            pieces.extend_from_slice(&mem::take(&mut all));
        }
        pieces.extend_from_slice(&piece);
    }
    Ok(if pieces.is_empty() { all } else { pieces.freeze() })
}

/// Converts an error of a body to a status: the server's own (such as 408 or 413) where the error holds an
/// [`HttpError`], else 400. The error itself becomes the source.
#[must_use]
pub fn body_error(error: BoxError) -> HttpError {
    let mut source = Some(error.as_ref() as &(dyn StdError + 'static));
    while let Some(current) = source {
        if let Some(status) = current.downcast_ref::<HttpError>() {
            let detail = status.detail().unwrap_or_default().to_owned();
            return HttpError::new(status.status()).with_detail(detail).with_source(error);
        }
        source = match current.downcast_ref::<io::Error>() {
            // Its `source` is the source of the error that it wraps, so the wrapped error itself would be
            // skipped.
            Some(wrapper) => wrapper.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
            None => current.source(),
        };
    }
    HttpError::bad_request("the body could not be read to its end").with_source(error)
}

/// A body that ended before its announced length, or before its last chunk, because the client has
/// disconnected (RFC 9112, section 8).
///
/// ```
/// use poorwsgi_core::HttpError;
/// use poorwsgi_core::request::EarlyEnd;
///
/// let error = HttpError::from(EarlyEnd { missing: Some(7) });
/// assert_eq!((error.status(), error.detail()), (400, Some("the request body ended early: 7 bytes are missing")));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EarlyEnd {
    /// How many bytes did not come, if the length is known.
    pub missing: Option<u64>,
}

impl fmt::Display for EarlyEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the request body ended early")?;
        self.missing.map_or(Ok(()), |missing| write!(f, ": {missing} bytes are missing"))
    }
}

impl From<EarlyEnd> for HttpError {
    fn from(end: EarlyEnd) -> Self {
        HttpError::bad_request(end.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::response::iter;

    fn read(body: Body, limit: u64) -> Result<Bytes, HttpError> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(read_body(body, limit, "json_size"))
    }

    fn pieces() -> Body {
        Body::stream(iter(["abc", "def"].map(Ok::<_, BoxError>)))
    }

    #[test]
    fn a_body_is_read_up_to_its_limit() {
        assert_eq!(read(Body::empty(), 0).unwrap(), "");
        for (body, length) in [(Body::from("abcdef"), 6), (pieces(), 6)] {
            assert_eq!(read(body, length).unwrap(), "abcdef");
        }
        for body in [Body::from("abcdef"), pieces()] {
            let error = read(body, 5).unwrap_err();
            assert_eq!(error.status(), 413);
            assert!(error.detail().unwrap().contains("json_size"), "{error:?}");
        }
    }

    #[test]
    fn an_error_of_the_body_is_the_status_that_it_carries() {
        let failing = |error: BoxError| Body::stream(iter([Ok("abc"), Err(error)]));
        assert_eq!(read(failing("reset".into()), 100).unwrap_err().status(), 400);
        let late = HttpError::new(408).with_detail("too slow");
        let error = read(failing(io::Error::other(late).into()), 100).unwrap_err();
        assert_eq!((error.status(), error.detail()), (408, Some("too slow")));
        assert!(StdError::source(&error).is_some());
    }
}
