//! Applications in applications: a nested application below a prefix, with hooks of its own; a tower service
//! below another prefix; and a tower layer around a single handler. An application is a tower service, too,
//! so other frameworks can mount it in the same way.
//!
//!     cargo run -p poorwsgi --example mount
//!     curl http://127.0.0.1:8080/
//!     curl http://127.0.0.1:8080/admin/users
//!     curl -H 'x-password: open sesame' http://127.0.0.1:8080/admin/users
//!     curl http://127.0.0.1:8080/other/page
//!     curl -i http://127.0.0.1:8080/slow

use std::convert::Infallible;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, Body, BoxError, Handler, Request, Result, abort};
use tower::timeout::{TimeoutLayer, error::Elapsed};

async fn other(request: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    let text = format!("another service, which sees the path {}\n", request.uri().path());
    Ok(http::Response::new(Body::from(text)))
}

/// Refuses requests without the password.
async fn guard(headers: HeaderMap) -> Result<()> {
    match headers.get("x-password") {
        Some(password) if password == "open sesame" => Ok(()),
        _ => abort(StatusCode::FORBIDDEN),
    }
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_secs(60)).await;
    "at last\n"
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let get = METHOD_HEAD | METHOD_GET;
    let mut admin = Application::new("admin");
    admin.before_response(guard);
    admin.route("/users", get, async || "all users\n")?;

    let mut app = Application::new("mount");
    app.route("/", get, async || "PoorWSGI\n")?;
    app.nest("/admin", admin)?;
    app.mount("/other", tower::service_fn(other))?;
    app.route("/slow", get, slow.layer(TimeoutLayer::new(Duration::from_secs(1))))?;
    app.error_handler::<Elapsed, _>(METHOD_ALL, |_req: Request, _late: Elapsed| {
        (StatusCode::GATEWAY_TIMEOUT, "This takes too long.\n")
    });
    Ok(app.run("127.0.0.1:8080").await?)
}
