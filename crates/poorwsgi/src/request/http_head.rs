//! What a server that speaks HTTP knows of a request: the head of an [`http::Request`].

use std::borrow::Cow;
use std::sync::Arc;

use http::HeaderName;
use http::request::Parts;
use percent_encoding::percent_decode_str;

use crate::request::{Connection, Head};
use crate::variables::Variables;

/// The head of an [`http::Request`], with its path decoded.
#[derive(Debug)]
pub struct HttpHead {
    parts: Parts,
    /// The decoded path, where decoding changes it.
    decoded: Option<String>,
    flaw: Option<&'static str>,
    variables: Arc<Variables>,
}

impl HttpHead {
    /// The head of a request, and the variables that override the application's settings.
    #[must_use]
    pub fn new(parts: Parts, variables: Arc<Variables>) -> Self {
        let (decoded, flaw) = decode_path(parts.uri.path());
        HttpHead { parts, decoded, flaw, variables }
    }

    /// What is wrong with the request itself: a path that is not UTF-8. It is answered with 400 before anything runs.
    #[must_use]
    pub const fn flaw(&self) -> Option<&'static str> {
        self.flaw
    }

    /// The head as it arrived.
    #[must_use]
    pub const fn parts(&self) -> &Parts {
        &self.parts
    }

    fn connection(&self) -> Option<&Connection> {
        self.parts.extensions.get()
    }
}

fn decode_path(path: &str) -> (Option<String>, Option<&'static str>) {
    if !path.contains('%') {
        return (None, None);
    }
    match percent_decode_str(path).decode_utf8() {
        Ok(decoded) => (Some(decoded.into_owned()), None),
        Err(_) => (None, Some("the path is not UTF-8")),
    }
}

impl Head for HttpHead {
    fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    fn path(&self) -> &str {
        self.decoded.as_deref().unwrap_or_else(|| self.parts.uri.path())
    }

    fn query(&self) -> &str {
        self.parts.uri.query().unwrap_or_default()
    }

    fn protocol(&self) -> &str {
        match self.parts.version {
            http::Version::HTTP_10 => "HTTP/1.0",
            http::Version::HTTP_2 => "HTTP/2.0",
            http::Version::HTTP_3 => "HTTP/3.0",
            _ => "HTTP/1.1",
        }
    }

    fn scheme(&self) -> &str {
        if self.connection().is_some_and(|connection| connection.secure) { "https" } else { "http" }
    }

    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        crate::headers::joined(&self.parts.headers, name)
    }

    fn remote_addr(&self) -> Option<Cow<'_, str>> {
        let remote = self.connection()?.remote?;
        Some(Cow::Owned(remote.ip().to_string()))
    }

    fn remote_host(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn server_name(&self) -> Cow<'_, str> {
        let local = self.connection().and_then(|connection| connection.local);
        local.map_or(Cow::Borrowed("localhost"), |local| Cow::Owned(local.ip().to_string()))
    }

    fn server_port(&self) -> u16 {
        let local = self.connection().and_then(|connection| connection.local);
        local.map_or(80, |local| local.port())
    }

    fn server_software(&self) -> &str {
        "PoorWSGI"
    }

    fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
        self.variables.get(name).map(Cow::Borrowed)
    }

    fn variables(&self, each: &mut dyn FnMut(&str, &str)) {
        self.variables.iter().for_each(|(name, value)| each(name, value));
    }
}
