//! JSON bodies, of requests and of responses.

use std::ops::Deref;

use http::header::CONTENT_TYPE;
use poorwsgi_core::error::HttpError;
use poorwsgi_core::json::parse_json;
use poorwsgi_core::response::Response;
use poorwsgi_core::settings::{is_json, json_limits};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::body::whole;
use super::{FromRequest, OptionalFromRequest};
use crate::error::Result;
use crate::into_response::{IntoResponse, ResponseContent};
use crate::request::{Request, no_json};

/// A JSON body, read and written by serde. As the last argument of a handler it is the body of the request,
/// as a result the body of the response.
///
/// | body of the request | answer |
/// |---|---|
/// | malformed JSON, or JSON that does not fit the type | 400, with the position |
/// | a content type that neither is in the setting `json_mime_types` nor ends with `+json` | 415 |
/// | larger than the settings `json_size` or `json_values` | 413 |
///
/// The server has a limit of its own for a body, 16 MiB by default: see `Application::run`.
///
/// `Option<Json<T>>` is `None` for a request without a `Content-Type`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::{Application, Json, state};
///
/// #[derive(serde::Deserialize, serde::Serialize)]
/// struct Point {
///     x: i32,
///     y: i32,
/// }
///
/// async fn mirrored(Json(point): Json<Point>) -> Json<Point> {
///     Json(Point { x: point.y, y: point.x })
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/mirrored", state::METHOD_POST, mirrored)?;
/// let request = http::Request::post("/mirrored").header("Content-Type", "application/json");
/// let answer = app.handle(request.body(r#"{"x": 1, "y": 2}"#.to_owned())?).await;
/// # use http_body_util::BodyExt;
/// assert_eq!(answer.into_body().collect().await?.to_bytes(), r#"{"x":2,"y":1}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request) -> Result<Self, HttpError> {
        if request.json().is_some() {
            return request.json_as().map(Json);
        }
        let settings = request.settings();
        if !is_json(settings, &request.mime_type()) {
            return Err(no_json());
        }
        let body = whole(&request, settings.json_size, "json_size").await?;
        parse_json(&body, Some(&request.charset()), json_limits(settings)).map(Json)
    }
}

impl<T: DeserializeOwned> OptionalFromRequest for Json<T> {
    type Rejection = HttpError;

    async fn from_request(request: Request) -> Result<Option<Self>, HttpError> {
        if !request.headers().contains_key(CONTENT_TYPE) {
            return Ok(None);
        }
        <Self as FromRequest>::from_request(request).await.map(Some)
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Result<Response> {
        Ok(Response::json(&self.0)?)
    }
}

impl<T: Serialize> ResponseContent for Json<T> {}

impl<T> Deref for Json<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
