//! The [`Head`] of an [`http::Request`].

use std::borrow::Cow;
use std::sync::Arc;

use http::request::Parts;
use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use crate::error::HttpError;
use crate::headers::list::combined;
use crate::request::mount::Mounted;
use crate::request::{Connection, Head, Mount, enter_mount, field_text, path_text};
use crate::variables::Variables;

/// The head of an [`http::Request`].
#[derive(Clone, Debug)]
pub struct HttpHead {
    parts: Parts,
    variables: Option<Arc<Variables>>,
    connection: Option<Connection>,
}

impl HttpHead {
    /// Takes the head of a request and, where there are any, the variables that override the application's
    /// settings.
    #[must_use]
    pub const fn new(parts: Parts, variables: Option<Arc<Variables>>) -> Self {
        HttpHead { parts, variables, connection: None }
    }

    /// The head as it arrived.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    /// A head with these parts, and with the connection and the variables of this one.
    #[must_use]
    pub fn with_parts(&self, parts: Parts) -> Self {
        HttpHead { parts, variables: self.variables.clone(), connection: self.connection }
    }

    /// Takes the map of the header fields out, so that the response can reuse its allocation.
    pub fn take_fields(&mut self) -> HeaderMap {
        std::mem::take(&mut self.parts.headers)
    }

    /// Sets the connection that the request came in on. With `None`, the connection is taken from the
    /// extensions of the request.
    #[must_use]
    pub const fn with_connection(mut self, connection: Option<Connection>) -> Self {
        self.connection = connection;
        self
    }

    /// The head for what is mounted below a prefix of the path; see [`enter_mount`].
    ///
    /// # Errors
    /// Those of `enter_mount`.
    pub fn below(&self, prefix: &str) -> Result<Self, HttpError> {
        let mut head = self.clone();
        enter_mount(&mut head.parts, prefix)?;
        Ok(head)
    }

    fn mounted(&self) -> Option<&Mounted> {
        self.parts.extensions.get()
    }

    /// The connection that the request came in on, where the server gives it.
    #[must_use]
    pub fn connection(&self) -> Option<&Connection> {
        // The connection of the request, if a proxy has named its client, comes before that of all requests.
        self.parts.extensions.get().or(self.connection.as_ref())
    }

    /// The path of the target, percent-decoded, whether or not it is UTF-8, as WSGI's `PATH_INFO` has it: where
    /// the application is mounted, and the target is its prefix without a `/` behind it, this is empty, while
    /// the [`path`](Head::path) is `/`.
    #[must_use]
    pub fn path_bytes(&self) -> Cow<'_, [u8]> {
        if self.mounted().is_some_and(Mounted::is_bare) {
            return Cow::Borrowed(b"");
        }
        percent_decode_str(self.encoded_path()).into()
    }

    /// The path as it was sent. `OPTIONS *` asks about the server itself: its path is empty (RFC 9112,
    /// sections 3.2.4 and 3.3).
    fn encoded_path(&self) -> &str {
        match self.parts.uri.path() {
            "*" => "",
            path => path,
        }
    }
}

impl Head for HttpHead {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> Result<Cow<'_, str>, HttpError> {
        let path = self.encoded_path();
        if memchr::memchr(b'%', path.as_bytes()).is_none() {
            return Ok(Cow::Borrowed(path));
        }
        path_text(percent_decode_str(path).into())
    }

    fn mount(&self) -> Option<Cow<'_, Mount>> {
        self.mounted().map(|mounted| Cow::Borrowed(&mounted.mount))
    }

    fn query(&self) -> Cow<'_, str> {
        Cow::Borrowed(self.parts.uri.query().unwrap_or_default())
    }

    fn raw_target(&self) -> Option<Cow<'_, str>> {
        // Path and query are the origin form (RFC 9112, section 3.2.1), which nearly every request has, and
        // which clients sign in digest authentication.
        let uri = self.mounted().map_or(&self.parts.uri, |mounted| &mounted.target);
        Some(match uri.path_and_query() {
            Some(target) => Cow::Borrowed(target.as_str()),
            None => Cow::Owned(uri.to_string()),
        })
    }

    fn protocol(&self) -> Cow<'_, str> {
        Cow::Borrowed(match self.parts.version {
            http::Version::HTTP_09 => "HTTP/0.9",
            http::Version::HTTP_10 => "HTTP/1.0",
            http::Version::HTTP_2 => "HTTP/2.0",
            http::Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        })
    }

    fn scheme(&self) -> Cow<'_, str> {
        let secure = self.connection().is_some_and(|connection| connection.secure);
        Cow::Borrowed(if secure { "https" } else { "http" })
    }

    fn knows_client(&self) -> bool {
        self.connection().is_some()
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        combined(name, self.parts.headers.get_all(name)).map(field_text)
    }

    fn each_header(&self, call: &mut dyn FnMut(&str, &str)) {
        for (name, value) in &self.parts.headers {
            call(name.as_str(), &field_text(value.as_bytes().into()));
        }
    }

    fn remote_addr(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Owned(self.connection()?.remote?.ip().to_string()))
    }

    fn remote_host(&self) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn server_name(&self) -> Cow<'_, str> {
        let local = self.connection().and_then(|connection| connection.local);
        local.map_or(Cow::Borrowed("localhost"), |local| Cow::Owned(local.ip().to_string()))
    }

    fn server_port(&self) -> u16 {
        let connection = self.connection().copied().unwrap_or_default();
        connection.local.map_or(if connection.secure { 443 } else { 80 }, |local| local.port())
    }

    fn server_software(&self) -> Cow<'_, str> {
        Cow::Borrowed("PoorWSGI")
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.variables.as_ref()?.get(name).map(Cow::Borrowed)
    }

    fn each_variable(&self, call: &mut dyn FnMut(&str, &str)) {
        self.variables
            .iter()
            .flat_map(|variables| variables.iter())
            .for_each(|(name, value)| call(name, value));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(target: &str) -> HttpHead {
        let (parts, ()) = http::Request::builder().uri(target).body(()).unwrap().into_parts();
        HttpHead::new(parts, None)
    }

    #[test]
    fn the_path_is_decoded() {
        for (target, path) in [
            ("/", "/"),
            ("/a%20b/%C5%BE?x=%20", "/a b/ž"),
            ("http://h", "/"),
            ("http://h?x", "/"),
            ("http://h/%2F", "//"),
        ] {
            let head = head(target);
            assert_eq!(head.path().unwrap(), path, "{target}");
            assert_eq!(&*head.path_bytes(), path.as_bytes(), "{target}");
        }
        let head = head("/%FF");
        assert_eq!(head.path().unwrap_err().status(), 400);
        assert_eq!(&*head.path_bytes(), b"/\xff");
    }

    /// RFC 9112, section 3.3.
    #[test]
    fn the_server_itself_has_no_path() {
        let head = head("*");
        assert_eq!((&*head.path().unwrap(), &*head.path_bytes()), ("", &b""[..]));
        assert_eq!((head.raw_target().unwrap(), head.query()), ("*".into(), "".into()));
    }
}
