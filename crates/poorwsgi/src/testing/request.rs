//! The requests of the client.

use std::fmt;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::client::Client;
use super::message::Message;
use super::multipart::MultipartForm;
use super::response::TestResponse;

impl Client {
    /// A GET.
    #[track_caller]
    pub fn get(&self, target: &str) -> TestRequest<'_> {
        self.request(Method::GET, target)
    }

    /// A HEAD.
    #[track_caller]
    pub fn head(&self, target: &str) -> TestRequest<'_> {
        self.request(Method::HEAD, target)
    }

    /// A POST.
    #[track_caller]
    pub fn post(&self, target: &str) -> TestRequest<'_> {
        self.request(Method::POST, target)
    }

    /// A PUT.
    #[track_caller]
    pub fn put(&self, target: &str) -> TestRequest<'_> {
        self.request(Method::PUT, target)
    }

    /// A PATCH.
    #[track_caller]
    pub fn patch(&self, target: &str) -> TestRequest<'_> {
        self.request(Method::PATCH, target)
    }

    /// A DELETE.
    #[track_caller]
    pub fn delete(&self, target: &str) -> TestRequest<'_> {
        self.request(Method::DELETE, target)
    }

    /// A request with any method. The target is a path, and a query after `?`.
    ///
    /// # Panics
    /// Where the target is not a URI.
    #[track_caller]
    pub fn request(&self, method: Method, target: &str) -> TestRequest<'_> {
        TestRequest::new(self, method, target)
    }
}

/// A request, made by a method of [`Client`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::testing::Client;
/// use poorwsgi::{Application, Request, state};
///
/// let mut app = Application::new("demo");
/// app.route("/", state::METHOD_PUT, |req: Request| format!("{:?} {:?}", req.data(), req.headers().get("x-a")))?;
/// let response = Client::new(app).put("/").header("X-A", "1").body("text").send().await;
/// assert_eq!(response.text(), r#"Some(b"text") Some("1")"#);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a request does nothing before it is sent"]
pub struct TestRequest<'c> {
    client: &'c Client,
    message: Message,
}

impl<'c> TestRequest<'c> {
    #[track_caller]
    pub(super) fn new(client: &'c Client, method: Method, target: &str) -> Self {
        let target = target.parse().unwrap_or_else(|error| panic!("{target:?}: {error}"));
        TestRequest { client, message: Message { method, ..Message::get(target) } }
    }

    /// Adds a header field.
    ///
    /// # Panics
    /// Where the name or the value is invalid.
    #[track_caller]
    pub fn header<N, V>(mut self, name: N, value: V) -> Self
    where
        N: TryInto<HeaderName, Error: fmt::Display>,
        V: TryInto<HeaderValue, Error: fmt::Display>,
    {
        let name = name.try_into().unwrap_or_else(|error| panic!("the name of a header field: {error}"));
        let value = value.try_into().unwrap_or_else(|error| panic!("the header field {name}: {error}"));
        self.message.headers.append(name, value);
        self
    }

    /// Sets the body, and `Content-Length`. There is no `Content-Type` unless a header field sets it.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.message.body = body.into();
        self.message.headers.insert(CONTENT_LENGTH, HeaderValue::from(self.message.body.len()));
        self
    }

    /// Sets the body to a value as JSON.
    ///
    /// # Panics
    /// Where the value has no JSON form.
    #[track_caller]
    pub fn json(self, value: &(impl Serialize + ?Sized)) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("no JSON: {error}"));
        self.content("application/json", body)
    }

    /// Sets the body to the fields of a form.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let encode = |text| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> =
            fields.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
        self.content("application/x-www-form-urlencoded", pairs.join("&"))
    }

    /// Sets the body to a multipart form.
    pub fn multipart(self, form: MultipartForm) -> Self {
        let (content_type, body) = form.encode();
        self.content(&content_type, body)
    }

    fn content(mut self, content_type: &str, body: impl Into<Bytes>) -> Self {
        if let Ok(content_type) = HeaderValue::try_from(content_type) {
            self.message.headers.insert(CONTENT_TYPE, content_type);
        }
        self.body(body)
    }

    /// Sends the request, and receives the whole response: it does not return before the body has ended. For
    /// a body without an end, such as one of [server-sent events](crate::sse), use
    /// [`Application::handle`](crate::Application::handle) and read the frames that the test needs:
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use std::convert::Infallible;
    ///
    /// use http_body_util::BodyExt;
    /// use poorwsgi::response::iter;
    /// use poorwsgi::sse::{Event, Sse};
    /// use poorwsgi::{Application, state};
    ///
    /// let mut app = Application::new("demo");
    /// app.route("/ticks", state::METHOD_HEAD | state::METHOD_GET, async || {
    ///     Sse::new(iter((0..).map(|tick| Ok::<_, Infallible>(Event::default().data(tick.to_string())))))
    /// })?;
    ///
    /// let mut answer = app.handle(http::Request::get("/ticks").body(String::new())?).await;
    /// let frame = answer.body_mut().frame().await.ok_or("the body has ended")??;
    /// assert!(frame.into_data().is_ok_and(|data| data.starts_with(b"data: 0\n\n")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Where the body of the response ends with an error, and after too many redirects.
    pub async fn send(self) -> TestResponse {
        self.client.send(self.message).await
    }
}
