//! axum with the same two routes.

use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use poorwsgi_bench::User;
use tokio::net::TcpListener;

async fn hello() -> &'static str {
    "Hello world"
}

async fn user(Path((name, age)): Path<(String, i64)>) -> Response {
    Json(User { name: &name, age }).into_response()
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let app = Router::new().route("/hello", get(hello)).route("/user/{name}/{age}", get(user));
    let listener = TcpListener::bind(poorwsgi_bench::address()).await?.tap_io(|stream| {
        // fails only on a connection that is gone already
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, app).await
}
