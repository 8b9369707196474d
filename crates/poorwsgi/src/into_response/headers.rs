//! The header fields that handlers return.

use http::HeaderMap;
use poorwsgi_core::headers::{HeaderError, Headers};

use crate::Result;

/// Header fields in the forms that a handler may return: [`Headers`], an `http::HeaderMap`, `()` for none,
/// one pair, or an array or vector of pairs. A name may come several times.
///
/// ```
/// use poorwsgi::{IntoResponse, state};
///
/// let none = ("ok", "text/plain", (), state::HTTP_OK).into_response()?;
/// assert!(none.headers().is_empty());
///
/// let cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")];
/// let two = ("ok", "text/plain", cookies).into_response()?;
/// assert_eq!(two.headers().get_all("Set-Cookie").count(), 2);
///
/// assert!(("ok", "text/plain", ("X-Note", "two\nlines")).into_response().is_err());
/// # Ok::<(), poorwsgi::Error>(())
/// ```
pub trait IntoHeaders {
    /// Makes the header fields.
    ///
    /// # Errors
    /// That of the first field with an invalid name or value.
    fn into_headers(self) -> Result<Headers, HeaderError>;
}

impl IntoHeaders for Headers {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        Ok(self)
    }
}

impl IntoHeaders for HeaderMap {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        Ok(Headers::from(&self))
    }
}

impl IntoHeaders for () {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        Ok(Headers::new())
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> IntoHeaders for (N, V) {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        collect([self])
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>, const COUNT: usize> IntoHeaders for [(N, V); COUNT] {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        collect(self)
    }
}

impl<N: AsRef<str>, V: AsRef<[u8]>> IntoHeaders for Vec<(N, V)> {
    fn into_headers(self) -> Result<Headers, HeaderError> {
        collect(self)
    }
}

fn collect<N: AsRef<str>, V: AsRef<[u8]>>(
    pairs: impl IntoIterator<Item = (N, V)>,
) -> Result<Headers, HeaderError> {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.append(name, value)?;
    }
    Ok(headers)
}
