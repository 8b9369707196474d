//! A client that talks to an application without a socket.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderMap, Request};
use http_body_util::BodyExt;
use poorwsgi::{Application, Body, IntoResponse};

/// A response, received whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    #[track_caller]
    pub(crate) fn expect(&self, status: u16, text: &str) {
        assert_eq!((self.status, self.text()), (status, text));
    }

    /// Checks the status, and that the page contains these words.
    #[track_caller]
    pub(crate) fn expect_page(&self, status: u16, words: &str) {
        let page = self.text().split("<body").last().unwrap_or_default();
        assert_eq!(self.status, status, "{page}");
        assert!(page.contains(words), "{words:?} is not in {page}");
    }
}

pub(crate) async fn send(app: &Application, request: Request<Body>) -> Answer {
    let (parts, body) = app.handle(request).await.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body }
}

pub(crate) fn request(method: &str, target: &str) -> http::request::Builder {
    Request::builder().method(method).uri(target).header("host", "a.example")
}

pub(crate) async fn get(app: &Application, target: &str) -> Answer {
    ask(app, "GET", target).await
}

pub(crate) async fn ask(app: &Application, method: &str, target: &str) -> Answer {
    send(app, request(method, target).body(Body::empty()).unwrap()).await
}

pub(crate) async fn get_with(app: &Application, target: &str, fields: &[(&str, &str)]) -> Answer {
    let request =
        fields.iter().fold(request("GET", target), |request, (name, value)| request.header(*name, *value));
    send(app, request.body(Body::empty()).unwrap()).await
}

/// Sends a `Content-Length` where the body knows its length, as clients do.
pub(crate) async fn post(
    app: &Application,
    target: &str,
    content_type: &str,
    body: impl Into<Body>,
) -> Answer {
    let body = body.into();
    let request = request("POST", target).header(CONTENT_TYPE, content_type);
    let request = match body.length() {
        Some(length) => request.header(CONTENT_LENGTH, length),
        None => request.header("transfer-encoding", "chunked"),
    };
    send(app, request.body(body).unwrap()).await
}

/// An application whose only page returns this value.
pub(crate) fn page<T: IntoResponse + Clone + Send + Sync + 'static>(value: T) -> Application {
    let mut app = Application::new("page");
    let methods = poorwsgi::state::METHOD_GET | poorwsgi::state::METHOD_HEAD;
    app.route("/", methods, move |_req: poorwsgi::Request| value.clone()).unwrap();
    app
}
