//! The responses that the client receives.

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

/// A response with its whole body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use poorwsgi::Application;
/// use poorwsgi::testing::Client;
///
/// let response = Client::new(Application::new("demo")).get("/nowhere").send().await;
/// assert_eq!(response.status(), 404);
/// assert!(response.header("content-type").is_some_and(|kind| kind.starts_with("text/")));
/// assert!(response.text().contains("Not Found"));
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct TestResponse {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl TestResponse {
    pub(super) const fn new(status: StatusCode, headers: HeaderMap, body: Bytes) -> Self {
        TestResponse { status, headers, body }
    }

    /// The status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// The header fields.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The value of the first header field of this name; `None` also where it is not ASCII.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The content.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.body
    }

    /// The content as text.
    ///
    /// # Panics
    /// Where the content is not UTF-8.
    #[must_use]
    #[track_caller]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap_or_else(|error| panic!("the content is no text: {error}"))
    }

    /// The content as JSON.
    ///
    /// # Panics
    /// Where the content is not JSON, or does not fit the type.
    #[must_use]
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}, in {:?}", String::from_utf8_lossy(&self.body)))
    }
}
