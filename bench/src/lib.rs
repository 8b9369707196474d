//! What the measured servers share: where they listen and what they answer, so that only the framework
//! differs.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;

/// The address to listen on: the first argument of the program.
pub fn address() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9100".to_owned())
}

/// The answer of the route with two typed arguments.
#[derive(Serialize)]
pub struct User<'a> {
    /// The word in the path.
    pub name: &'a str,
    /// The whole number in the path.
    pub age: i64,
}

/// The two routes in axum, which is measured on two servers.
pub fn axum_router() -> Router {
    async fn hello() -> &'static str {
        "Hello world"
    }

    async fn user(Path((name, age)): Path<(String, i64)>) -> Response {
        Json(User { name: &name, age }).into_response()
    }

    Router::new().route("/hello", get(hello)).route("/user/{name}/{age}", get(user))
}
