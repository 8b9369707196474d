//! The error of a session.

use std::error::Error as StdError;
use std::fmt;

use crate::error::HttpError;
use crate::headers::HeaderError;
use crate::headers::set_cookie::CookieError;
use crate::state;

/// A session that cannot be made, read or written.
///
/// A cookie that was not made here is the client's mistake: where no handler takes its error, it is answered
/// with 400. Any other error is a 500.
///
/// ```
/// use poorwsgi::headers::Cookies;
/// use poorwsgi::session::{SealedSession, SessionError};
///
/// /// A cookie that is too old or forged counts as no cookie.
/// fn load(session: &mut SealedSession, cookies: &Cookies) -> Result<&'static str, SessionError> {
///     match session.load(cookies) {
///         Ok(()) => Ok("welcome"),
///         Err(SessionError::Expired) => Ok("please sign in again"),
///         Err(SessionError::BadCookie) => Ok("please sign in"),
///         Err(error) => Err(error),
///     }
/// }
/// # let keys = std::sync::Arc::new(poorwsgi::session::SealedKeys::new(["secret"])?);
/// # let mut session = SealedSession::new(keys, Default::default())?;
/// # assert_eq!(load(&mut session, &Cookies::parse("SESSID=forged"))?, "please sign in");
/// # Ok::<(), SessionError>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// The configuration contradicts itself, or a value holds a character that a cookie cannot.
    Cookie(CookieError),
    /// There is no secret key, or an empty one.
    EmptySecret,
    /// The cookie was not made with any of the keys, was changed, or is incomplete. The error does not say
    /// which, so that a forger learns nothing.
    BadCookie,
    /// The cookie was sealed with one of the keys, but longer ago than its lifetime, or in the future.
    Expired,
    /// The cookie was sealed with one of the keys, but its content is not a JSON object.
    NotAnObject,
    /// The cookie would be longer than browsers store ([`COOKIE_LIMIT`](super::COOKIE_LIMIT)).
    TooLarge {
        /// The size of the field in bytes.
        size: usize,
    },
    /// The operating system gives no random bytes.
    Random(getrandom::Error),
    /// The field cannot be added to the headers.
    Header(HeaderError),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Cookie(error) => error.fmt(f),
            SessionError::EmptySecret => {
                f.write_str("the secret key is not set; set it to a long random text")
            }
            SessionError::BadCookie => f.write_str("bad session data"),
            SessionError::Expired => f.write_str("the session has expired"),
            SessionError::NotAnObject => f.write_str("the session data is not a JSON object"),
            SessionError::TooLarge { size } => {
                write!(
                    f,
                    "the session cookie has {size} bytes, and browsers store at most {}; keep less in the session",
                    super::COOKIE_LIMIT
                )
            }
            SessionError::Random(error) => write!(f, "the operating system gave no random bytes: {error}"),
            SessionError::Header(error) => error.fmt(f),
        }
    }
}

impl StdError for SessionError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            SessionError::Random(error) => Some(error),
            SessionError::Header(error) => Some(error),
            SessionError::Cookie(error) => Some(error),
            _ => None,
        }
    }
}

impl SessionError {
    /// Whether the client sent a cookie that is not, or no longer, valid.
    #[must_use]
    pub const fn is_of_client(&self) -> bool {
        matches!(self, SessionError::BadCookie | SessionError::Expired | SessionError::NotAnObject)
    }
}

impl From<SessionError> for HttpError {
    /// Becomes a 400 for a cookie that the client should not have sent, otherwise a 500.
    fn from(error: SessionError) -> Self {
        if error.is_of_client() {
            HttpError::bad_request(format!("session cookie: {error}")).with_source(error)
        } else {
            HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error)
        }
    }
}

impl From<HeaderError> for SessionError {
    fn from(error: HeaderError) -> Self {
        SessionError::Header(error)
    }
}

impl From<CookieError> for SessionError {
    fn from(error: CookieError) -> Self {
        SessionError::Cookie(error)
    }
}

impl From<getrandom::Error> for SessionError {
    fn from(error: getrandom::Error) -> Self {
        SessionError::Random(error)
    }
}
