//! Mounts a tower service below a prefix of an application. An application is a tower service, too, so other
//! frameworks can mount it in the same way.
//!
//!     cargo run -p poorwsgi --example mount
//!     curl http://127.0.0.1:8080/
//!     curl http://127.0.0.1:8080/other/page

use std::convert::Infallible;

use poorwsgi::response::Body;
use poorwsgi::{Application, BoxError, Request, state};

async fn other(request: http::Request<Body>) -> Result<http::Response<Body>, Infallible> {
    let text = format!("another service, which sees the path {}\n", request.uri().path());
    Ok(http::Response::new(Body::from(text)))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("mount");
    app.route("/", state::METHOD_GET, |_req: Request| "PoorWSGI\n")?;
    app.mount("/other", tower::service_fn(other))?;
    Ok(app.run("127.0.0.1:8080").await?)
}
