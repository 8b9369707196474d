//! What a server knows about a request before anything in it is interpreted.

use std::borrow::Cow;

use http::HeaderName;

use super::Mount;
use crate::HttpError;

/// The head of a request, as the server holds it: a parsed HTTP message, or the environ of WSGI.
///
/// An implementation only returns these parts. The methods of `dyn Head` interpret them, once for all
/// implementations.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::request::Head;
/// use poorwsgi::{Application, HttpError, Request, state};
///
/// /// Needs only the head of a request, so that it works with any kind of request.
/// fn feed_link(head: &dyn Head) -> Result<String, HttpError> {
///     Ok(format!("<{}>; rel=alternate", head.construct_url("/feed")?))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/", state::METHOD_HEAD | state::METHOD_GET, |req: Request| feed_link(&*req))?;
/// let request = http::Request::get("/").header("Host", "example.org").body(String::new())?;
/// # use http_body_util::BodyExt;
/// let text = app.handle(request).await.into_body().collect().await?.to_bytes();
/// assert_eq!(text, "<http://example.org/feed>; rel=alternate");
/// # Ok(())
/// # }
/// ```
pub trait Head: Send + Sync {
    /// The method, as it was sent: methods are case-sensitive (RFC 9110, section 9.1).
    fn method(&self) -> &str;

    /// The path of the target, percent-decoded.
    ///
    /// # Errors
    /// 400 where the decoded bytes are not UTF-8.
    fn path(&self) -> Result<Cow<'_, str>, HttpError>;

    /// Where the application is mounted in another one; `None` where it is not, or where the server has
    /// mounted it (as `SCRIPT_NAME` says). The [`path`](Self::path) is what follows.
    fn mount(&self) -> Option<Cow<'_, Mount>> {
        None
    }

    /// The query of the target, as it was sent and without the `?`; empty where there is none.
    fn query(&self) -> Cow<'_, str>;

    /// The target as it stands in the request line; `None` where the server does not hand it on.
    fn raw_target(&self) -> Option<Cow<'_, str>>;

    /// The protocol, as in `HTTP/1.1`.
    fn protocol(&self) -> Cow<'_, str>;

    /// `https` where the connection is encrypted, else `http`.
    fn scheme(&self) -> Cow<'_, str>;

    /// Whether scheme, host and address are those of the client also behind a proxy: a server has read the fields
    /// of the proxies that it trusts ([`ForwardedClient`](super::ForwardedClient)), and has removed those of all
    /// others. Where this is false, `construct_url` reads the `X-Forwarded-…` fields.
    fn knows_client(&self) -> bool {
        false
    }

    /// The value of a header field, `None` where there is none. Several fields of one name are joined as by
    /// [`combined`](crate::headers::list::combined).
    fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>>;

    /// Calls a function with the name and value of each header field, in the order in which they came.
    fn each_header(&self, call: &mut dyn FnMut(&str, &str));

    /// The IP address of the peer; `None` where it is unknown.
    fn remote_addr(&self) -> Option<Cow<'_, str>>;

    /// The host name of the peer, where the server looked it up; else empty.
    fn remote_host(&self) -> Cow<'_, str>;

    /// The name of the server as it is configured, or its address; without a port.
    fn server_name(&self) -> Cow<'_, str>;

    /// The port on which the request came in.
    fn server_port(&self) -> u16;

    /// The name and version of the server software; `Unknown` where the server does not tell.
    fn server_software(&self) -> Cow<'_, str>;

    /// A variable that the server or its administrator has set: `SERVER_ADMIN`, `poor_…`, `app_…`.
    fn variable(&self, name: &str) -> Option<Cow<'_, str>>;

    /// Calls a function with the name and value of each variable that the server or its administrator has
    /// set.
    fn each_variable(&self, call: &mut dyn FnMut(&str, &str));
}

/// A field value as text: decoded as UTF-8, or as ISO-8859-1 where it is not valid UTF-8.
#[must_use]
pub fn field_text(value: Cow<'_, [u8]>) -> Cow<'_, str> {
    let latin_1 = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    match value {
        Cow::Borrowed(bytes) => {
            std::str::from_utf8(bytes).map_or_else(|_| Cow::Owned(latin_1(bytes)), Cow::Borrowed)
        }
        Cow::Owned(bytes) => {
            Cow::Owned(String::from_utf8(bytes).unwrap_or_else(|error| latin_1(error.as_bytes())))
        }
    }
}

/// A percent-decoded path as text, for an implementation of [`Head::path`].
///
/// # Errors
/// 400 where the bytes are not UTF-8.
pub fn path_text(path: Cow<'_, [u8]>) -> Result<Cow<'_, str>, HttpError> {
    let text = match path {
        Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    };
    text.ok_or_else(|| HttpError::bad_request("the path is not UTF-8"))
}

#[cfg(test)]
pub(crate) mod tests {
    use http::{HeaderMap, HeaderValue};

    use super::*;
    use crate::headers::list::combined;

    /// A request on `http://srv:8080/p` with the header fields and variables that a test gives it.
    #[derive(Default)]
    pub(crate) struct TestHead {
        pub(crate) fields: HeaderMap,
        pub(crate) query: &'static str,
        pub(crate) https: bool,
        pub(crate) variables: Vec<(&'static str, &'static str)>,
    }

    pub(crate) fn with(fields: &[(&'static str, &str)]) -> TestHead {
        let mut head = TestHead::default();
        for (name, value) in fields {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            head.fields.append(HeaderName::from_static(name), value);
        }
        head
    }

    impl TestHead {
        pub(crate) fn head(&self) -> &dyn Head {
            self
        }
    }

    impl Head for TestHead {
        fn method(&self) -> &str {
            "GET"
        }
        fn path(&self) -> Result<Cow<'_, str>, HttpError> {
            Ok("/p".into())
        }
        fn query(&self) -> Cow<'_, str> {
            self.query.into()
        }
        fn raw_target(&self) -> Option<Cow<'_, str>> {
            None
        }
        fn protocol(&self) -> Cow<'_, str> {
            "HTTP/1.1".into()
        }
        fn scheme(&self) -> Cow<'_, str> {
            if self.https { "https".into() } else { "http".into() }
        }
        fn header(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
            combined(name, self.fields.get_all(name)).map(field_text)
        }
        fn each_header(&self, call: &mut dyn FnMut(&str, &str)) {
            for (name, value) in &self.fields {
                call(name.as_str(), &field_text(value.as_bytes().into()));
            }
        }
        fn remote_addr(&self) -> Option<Cow<'_, str>> {
            None
        }
        fn remote_host(&self) -> Cow<'_, str> {
            "".into()
        }
        fn server_name(&self) -> Cow<'_, str> {
            "srv".into()
        }
        fn server_port(&self) -> u16 {
            8080
        }
        fn server_software(&self) -> Cow<'_, str> {
            "Unknown".into()
        }
        fn variable(&self, name: &str) -> Option<Cow<'_, str>> {
            self.variables.iter().find(|(other, _)| *other == name).map(|(_, value)| Cow::Borrowed(*value))
        }
        fn each_variable(&self, call: &mut dyn FnMut(&str, &str)) {
            for (name, value) in &self.variables {
                call(name, value);
            }
        }
    }

    #[test]
    fn values_that_are_not_utf8_are_latin_1() {
        for bytes in [&b"Jos\xe9"[..], "José".as_bytes()] {
            assert_eq!(field_text(Cow::Borrowed(bytes)), "José");
            assert_eq!(field_text(Cow::Owned(bytes.to_vec())), "José");
        }
    }

    #[test]
    fn a_path_is_utf8() {
        for (bytes, text) in [("/ž".as_bytes(), Some("/ž")), (b"", Some("")), (b"/\xe9", None)] {
            assert_eq!(path_text(Cow::Borrowed(bytes)).ok().as_deref(), text);
            let owned = path_text(Cow::Owned(bytes.to_vec()));
            assert_eq!(owned.as_deref().map_err(HttpError::status), text.ok_or(400));
        }
    }
}
