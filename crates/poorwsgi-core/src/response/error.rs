//! Why a response could not be made.

use std::error::Error as StdError;
use std::path::PathBuf;
use std::{fmt, io};

use crate::error::HttpError;
use crate::headers::HeaderError;
use crate::state;

/// Why no response could be made from what the application gave. A file that does not exist is answered with
/// 404, anything else with 500.
///
/// ```
/// use poorwsgi::response::ResponseError;
/// use poorwsgi::{HttpError, Response, Result, state};
///
/// /// A picture that a user may not have uploaded yet. `Response::file(path)?` alone would be a 404, too.
/// fn picture(path: &str) -> Result<Response> {
///     match Response::file(path) {
///         Err(ResponseError::File { .. }) => {
///             Err(HttpError::new(state::HTTP_NOT_FOUND).with_detail("there is no picture yet").into())
///         }
///         response => Ok(response?),
///     }
/// }
///
/// let missing = picture("/no/such/picture.png").unwrap_err();
/// assert_eq!(missing.to_string(), "404 Not Found: there is no picture yet");
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ResponseError {
    /// The status is not one of [`state::STATUS_CODES`].
    Status(u16),
    /// The status given for a redirect does not redirect.
    Redirect(u16),
    /// The name or the value of a header field is invalid.
    Header(HeaderError),
    /// The value cannot be written as JSON.
    Json(serde_json::Error),
    /// The file cannot be opened.
    File {
        /// The path as it was given.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// Data was written to a body that is not in memory.
    Write,
    /// `Content-Length` is not a number, or several fields differ.
    ContentLength(String),
    /// `Content-Length` is not the length of the body.
    Length {
        /// The value of `Content-Length`.
        declared: u64,
        /// The length of the body in bytes.
        actual: u64,
    },
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ResponseError::Status(status) => {
                write!(f, "response status {status}: unknown; use one of the HTTP_ constants of `state`")
            }
            ResponseError::Redirect(status) => {
                write!(f, "redirect with status {status}: not a redirection; use 301, 302, 303, 307 or 308")
            }
            ResponseError::Header(error) => write!(f, "response: {error}"),
            ResponseError::Json(error) => write!(f, "response: value cannot be written as JSON: {error}"),
            ResponseError::File { path, source } => {
                write!(f, "response: file {} cannot be sent: {source}", path.display())
            }
            ResponseError::Write => f.write_str("response: only a body in memory can be written to"),
            ResponseError::ContentLength(value) => {
                write!(
                    f,
                    "response header Content-Length {value:?}: not a number of bytes; leave it to the framework"
                )
            }
            ResponseError::Length { declared, actual } => write!(
                f,
                "response header Content-Length {declared}: the body has {actual} bytes; leave it to the framework"
            ),
        }
    }
}

impl StdError for ResponseError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            ResponseError::Header(error) => Some(error),
            ResponseError::Json(error) => Some(error),
            ResponseError::File { source, .. } => Some(source),
            _ => None,
        }
    }
}

impl From<HeaderError> for ResponseError {
    fn from(error: HeaderError) -> Self {
        ResponseError::Header(error)
    }
}

impl From<serde_json::Error> for ResponseError {
    fn from(error: serde_json::Error) -> Self {
        ResponseError::Json(error)
    }
}

impl From<ResponseError> for HttpError {
    /// Becomes a 404 for a file that does not exist, otherwise a 500. The reason appears only in the log and
    /// on the debug page.
    fn from(error: ResponseError) -> Self {
        let status = match &error {
            ResponseError::File { source, .. } if is_missing(source) => state::HTTP_NOT_FOUND,
            _ => state::HTTP_INTERNAL_SERVER_ERROR,
        };
        HttpError::new(status).with_source(error)
    }
}

/// Whether the error of [`OpenFile::open`](super::OpenFile::open) means that there is no file of this name:
/// nothing at all, or a directory or the like. A file that may not be read is there.
#[must_use]
pub fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::InvalidFilename
            | io::ErrorKind::InvalidInput
    )
}
