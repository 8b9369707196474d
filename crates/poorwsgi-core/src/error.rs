//! The error that the engine raises: an HTTP status, with the details for its page and its state handler.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;

use http::HeaderValue;

use crate::state::{self, IntoStatus, MethodSet};

/// A boxed error of any type.
///
/// ```
/// use poorwsgi::settings::SecretKey;
/// use poorwsgi::{Application, BoxError};
///
/// /// Whatever goes wrong here, `main` prints it and ends.
/// fn application(key_file: &str) -> Result<Application, BoxError> {
///     let key = std::fs::read(key_file)?;
///     if key.len() < 32 {
///         return Err(format!("{key_file}: a secret key has at least 32 bytes").into());
///     }
///     let mut app = Application::new("demo");
///     app.settings_mut().secret_key = Some(SecretKey::from(&key));
///     Ok(app)
/// }
///
/// assert!(application("/no/such/file").is_err());
/// ```
pub type BoxError = Box<dyn StdError + Send + Sync + 'static>;

/// Prints a sentence that names an exceeded limit and the setting which changes it.
///
/// ```
/// use poorwsgi_core::error::OverLimit;
///
/// let sentence = OverLimit { what: "bytes of the body", limit: 1024, setting: "max_body" }.to_string();
/// assert_eq!(sentence, "bytes of the body over the limit of 1024 (setting max_body)");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct OverLimit<'a> {
    /// What is limited, in the plural.
    pub what: &'a str,
    /// The limit.
    pub limit: u64,
    /// The name of the setting.
    pub setting: &'a str,
}

impl fmt::Display for OverLimit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OverLimit { what, limit, setting } = self;
        write!(f, "{what} over the limit of {limit} (setting {setting})")
    }
}

/// A status as one line of text: code, reason phrase, and the detail if there is one.
///
/// ```
/// use poorwsgi_core::error::StatusText;
///
/// assert_eq!(StatusText::new(400, "no Host field").to_string(), "400 Bad Request: no Host field");
/// assert_eq!(StatusText { status: 404, detail: None }.to_string(), "404 Not Found");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StatusText<'a> {
    /// The status code.
    pub status: u16,
    /// What exactly was wrong.
    pub detail: Option<&'a str>,
}

impl<'a> StatusText<'a> {
    /// The text of a status with its detail.
    #[must_use]
    pub const fn new(status: u16, detail: &'a str) -> Self {
        StatusText { status, detail: Some(detail) }
    }
}

impl fmt::Display for StatusText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status)?;
        if let Some(reason) = state::reason(self.status) {
            write!(f, " {reason}")?;
        }
        match self.detail {
            Some(detail) => write!(f, ": {detail}"),
            None => Ok(()),
        }
    }
}

/// An error that ends a request with an HTTP status. It is raised by `abort` and by the engine.
///
/// The application's handler of that status answers it, or else the default page.
///
/// ```
/// use poorwsgi::{HttpError, state};
///
/// let error = HttpError::new(state::HTTP_BAD_REQUEST).with_detail("age: not a number");
/// assert_eq!(error.to_string(), "400 Bad Request: age: not a number");
/// ```
#[derive(Debug)]
pub struct HttpError {
    status: u16,
    detail: Option<String>,
    // Boxed, as is the cookie, because few errors have one, and most results of the engine have room for an error.
    challenge: Option<Box<Challenge>>,
    allow: Option<MethodSet>,
    removed_cookie: Option<Box<HeaderValue>>,
    source: Option<BoxError>,
    location: Option<&'static Location<'static>>,
}

/// Whether the built-in page of a status shows the text that a handler raised the status with, if the
/// handler did not say whom the text is for (the argument `error` of PoorWSGI's `HTTPException`). As in
/// PoorWSGI, the page of a 400 shows it. So does that of a 413, because the text names the limit. A
/// [detail](HttpError::with_detail) is shown for any status but 500.
#[must_use]
pub const fn shows_error(status: u16) -> bool {
    matches!(status, state::HTTP_BAD_REQUEST | state::HTTP_REQUEST_ENTITY_TOO_LARGE)
}

/// Whether a page shows the detail of an error. That of a 500 may reveal internals of the application, so
/// it is shown only in debug mode.
pub(crate) const fn shows_detail(status: u16, debug: bool) -> bool {
    debug || status != state::HTTP_INTERNAL_SERVER_ERROR
}

/// The challenge of a 401: which login it asks for.
///
/// ```
/// use poorwsgi::{Challenge, HttpError};
///
/// let error = HttpError::unauthorized("Zone", false);
/// assert_eq!(error.challenge(), Some(&Challenge { realm: "Zone".into(), stale: false }));
/// assert_eq!(HttpError::new(404).challenge(), None);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// The protection space (RFC 9110, section 11.5).
    pub realm: String,
    /// Whether the credentials were right but their nonce has expired, so that the client may try again
    /// without asking its user.
    pub stale: bool,
}

impl HttpError {
    /// An error with this status and nothing else. A status outside [`state::STATUS_CODES`] becomes 500 when
    /// it is answered.
    #[must_use]
    pub fn new(status: impl IntoStatus) -> Self {
        HttpError {
            status: status.into_status(),
            detail: None,
            challenge: None,
            allow: None,
            removed_cookie: None,
            source: None,
            location: None,
        }
    }

    /// 400 with the reason, which is shown to the client (escaped).
    #[must_use]
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(state::HTTP_BAD_REQUEST).with_detail(detail)
    }

    /// 401 for a realm.
    #[must_use]
    pub fn unauthorized(realm: impl Into<String>, stale: bool) -> Self {
        let challenge = Some(Box::new(Challenge { realm: realm.into(), stale }));
        HttpError { challenge, ..Self::new(state::HTTP_UNAUTHORIZED) }
    }

    /// 405 with the methods that the resource has (RFC 9110, section 15.5.6).
    #[must_use]
    pub fn method_not_allowed(allow: MethodSet) -> Self {
        HttpError { allow: Some(allow), ..Self::new(state::HTTP_METHOD_NOT_ALLOWED) }
    }

    /// 413 whose detail names the exceeded limit and the setting which changes it. `what` says what is
    /// limited, in the plural and with its unit; `setting` is the name under which whoever runs the
    /// application finds the limit: a setting, a constant, a line in a configuration file. It has no other
    /// effect. The client sees the whole sentence on the error page, also when debug is off.
    ///
    /// ```
    /// use poorwsgi::HttpError;
    ///
    /// let error = HttpError::too_large("bytes of the portrait", 2_097_152, "portrait_bytes");
    /// assert_eq!(
    ///     error.detail(),
    ///     Some("bytes of the portrait over the limit of 2097152 (setting portrait_bytes)"),
    /// );
    /// ```
    #[must_use]
    pub fn too_large(what: &str, limit: u64, setting: &str) -> Self {
        Self::new(state::HTTP_REQUEST_ENTITY_TOO_LARGE)
            .with_detail(OverLimit { what, limit, setting }.to_string())
    }

    /// Adds a sentence for the error page. The client sees it, so it must hold no secret.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// Adds the source of this error. Pages show the source only when debug is on.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The status that the error is answered with: 500 where the error's own status is unknown.
    pub(crate) fn answered_status(&self) -> u16 {
        match self.status {
            status if status == state::DECLINED || state::reason(status).is_some() => status,
            _ => state::HTTP_INTERNAL_SERVER_ERROR,
        }
    }

    /// The sentence for the error page.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The challenge of a 401.
    #[must_use]
    pub fn challenge(&self) -> Option<&Challenge> {
        self.challenge.as_deref()
    }

    /// The place in the application's code that the error came from, where it is known.
    #[must_use]
    pub const fn location(&self) -> Option<&'static Location<'static>> {
        self.location
    }

    /// The `Set-Cookie` field that removes the cookie which was the client's mistake.
    pub(crate) fn removed_cookie(&self) -> Option<&HeaderValue> {
        self.removed_cookie.as_deref()
    }

    /// The methods that the `Allow` field of a 405 names.
    #[must_use]
    pub const fn allow(&self) -> Option<MethodSet> {
        self.allow
    }
}

/// 404 for a path argument that cannot be converted to its type, with the error of the conversion.
#[must_use]
pub fn no_such_value(error: impl Into<BoxError>) -> HttpError {
    HttpError::new(state::HTTP_NOT_FOUND).with_source(error)
}

/// 415 for a body of another media type than the handler reads: what the handler reads, and the media types
/// for that, are shown to the client.
#[must_use]
pub fn unsupported_media_type(wanted: &str, media_types: &str) -> HttpError {
    let detail = format!("{wanted} is wanted, as {media_types}");
    HttpError::new(state::HTTP_UNSUPPORTED_MEDIA_TYPE).with_detail(detail)
}

/// Adds the value of a `Set-Cookie` field, which removes the cookie that was the client's mistake: the answer
/// to the error has this field, so that the client's next request comes without the cookie. A value that no
/// field can hold is ignored.
#[must_use]
pub fn with_removed_cookie(mut error: HttpError, set_cookie: &str) -> HttpError {
    error.removed_cookie = HeaderValue::from_str(set_cookie).ok().map(Box::new);
    error
}

/// Adds the place in the application's code that an error came from. Pages show the place only when debug is
/// on.
#[must_use]
pub const fn with_location(mut error: HttpError, location: &'static Location<'static>) -> HttpError {
    error.location = Some(location);
    error
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        StatusText { status: self.status, detail: self.detail() }.fmt(f)
    }
}

impl StdError for HttpError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

impl AsRef<HttpError> for HttpError {
    fn as_ref(&self) -> &HttpError {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PoorWSGI 2.8.1 shows it for 400 only.
    #[test]
    fn the_pages_of_two_statuses_show_the_error() {
        let statuses = state::STATUS_CODES.iter().map(|(status, _)| *status);
        assert_eq!(statuses.filter(|status| shows_error(*status)).collect::<Vec<_>>(), [400, 413]);
    }
}
