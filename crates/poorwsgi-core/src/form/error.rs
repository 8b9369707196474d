//! Why a form could not be read.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::io;

use crate::error::OverLimit;
use crate::{BoxError, HttpError};

/// Why a form could not be read, and whose fault it was.
#[derive(Debug)]
#[non_exhaustive]
pub enum FormError {
    /// The client sent a malformed form: 400 with the reason.
    Malformed(Cow<'static, str>),
    /// The form exceeds one of its [`FormLimits`](super::FormLimits): 413 that names the limit and its
    /// setting.
    TooLarge {
        /// What is limited, such as `bytes of the form`.
        what: &'static str,
        /// The limit itself.
        limit: u64,
        /// The setting that changes the limit.
        setting: &'static str,
    },
    /// The body could not be read to its end: the client disconnected, was too slow, or broke the framing.
    Body(BoxError),
    /// The application's file callback, or the file that it returned, failed with this error.
    File(io::Error),
    /// A temporary file could not be written.
    Storage(io::Error),
    /// The application's [`Decode`](super::Decode) function failed with this error on a name or a value.
    Decode(BoxError),
}

impl FormError {
    pub(super) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        FormError::Malformed(reason.into())
    }
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormError::Malformed(reason) => write!(f, "the form is malformed: {reason}"),
            FormError::TooLarge { what, limit, setting } => OverLimit { what, limit: *limit, setting }.fmt(f),
            FormError::Body(error) => write!(f, "the body could not be read: {error}"),
            FormError::File(error) => write!(f, "the upload could not be stored: {error}"),
            FormError::Storage(error) => write!(f, "a temporary file could not be written: {error}"),
            FormError::Decode(error) => write!(f, "text could not be decoded: {error}"),
        }
    }
}

impl StdError for FormError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            FormError::Malformed(_) | FormError::TooLarge { .. } => None,
            FormError::Body(error) | FormError::Decode(error) => Some(error.as_ref()),
            FormError::File(error) | FormError::Storage(error) => Some(error),
        }
    }
}

/// 400 for a malformed form or a broken body, 413 over a limit, 500 for the rest, with the error itself as
/// the source. A body error that is an [`HttpError`] already, such as the server's own 408 or 413, stays what
/// it is.
impl From<FormError> for HttpError {
    fn from(error: FormError) -> Self {
        match error {
            FormError::Malformed(reason) => HttpError::bad_request(reason),
            FormError::TooLarge { what, limit, setting } => HttpError::too_large(what, limit, setting),
            FormError::Body(error) => match error.downcast::<HttpError>() {
                Ok(error) => *error,
                Err(error) => {
                    HttpError::bad_request("the body could not be read to its end").with_source(error)
                }
            },
            FormError::File(error) | FormError::Storage(error) => {
                HttpError::new(crate::state::HTTP_INTERNAL_SERVER_ERROR).with_source(error)
            }
            FormError::Decode(error) => {
                HttpError::new(crate::state::HTTP_INTERNAL_SERVER_ERROR).with_source(error)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fault_decides_the_status() {
        let status = |error: FormError| HttpError::from(error).status();
        assert_eq!(status(FormError::malformed("no boundary")), 400);
        assert_eq!(status(FormError::TooLarge { what: "parts", limit: 1, setting: "x" }), 413);
        assert_eq!(status(FormError::Body("connection reset".into())), 400);
        assert_eq!(status(FormError::File(io::Error::other("disk full"))), 500);
    }

    #[test]
    fn an_http_error_of_the_body_passes_unchanged() {
        let error = FormError::Body(HttpError::new(408).into());
        assert_eq!(HttpError::from(error).status(), 408);
    }

    #[test]
    fn the_callbacks_error_is_the_source() {
        let error = HttpError::from(FormError::File(io::Error::other("no such album")));
        assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("no such album"));
        assert_eq!(error.detail(), None, "the application's error is not shown to the client");
    }
}
