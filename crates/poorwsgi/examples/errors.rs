//! Hooks, state handlers and error handlers: what happens around a handler, and when it fails.
//!
//!     cargo run -p poorwsgi --example errors
//!     curl -i http://127.0.0.1:8080/stock/3
//!     curl -i http://127.0.0.1:8080/stock/30
//!     curl -i http://127.0.0.1:8080/nowhere
//!     curl -i -H 'x-maintenance: yes' http://127.0.0.1:8080/stock/3

use std::fmt;

use http::{HeaderMap, StatusCode};
use poorwsgi::extract::Path;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, BoxError, HttpError, Request, Response, Result, abort};

#[derive(Debug)]
struct OutOfStock(u32);

impl fmt::Display for OutOfStock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pieces are more than there are", self.0)
    }
}

impl std::error::Error for OutOfStock {}

/// A before hook: stops every request during maintenance.
async fn maintenance(headers: HeaderMap) -> Result<()> {
    if headers.contains_key("x-maintenance") {
        return abort(StatusCode::SERVICE_UNAVAILABLE);
    }
    Ok(())
}

/// An after hook: gets every response, those to errors included.
async fn no_sniffing(_req: Request, mut response: Response) -> Result<Response> {
    response.headers_mut().set("X-Content-Type-Options", "nosniff")?;
    Ok(response)
}

async fn stock(Path(pieces): Path<u32>) -> Result<String> {
    if pieces > 10 {
        return Err(OutOfStock(pieces).into());
    }
    Ok(format!("{pieces} pieces are yours\n"))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("errors");
    app.before_response(maintenance);
    app.after_response(no_sniffing);
    app.route("/stock/<pieces:int>", METHOD_HEAD | METHOD_GET, stock)?;
    app.error_handler::<OutOfStock, _>(METHOD_ALL, |_req: Request, error: OutOfStock| {
        (format!("Sorry: {error}.\n"), "text/plain", ("Retry-After", "3600"), StatusCode::CONFLICT)
    });
    app.http_state(StatusCode::NOT_FOUND, METHOD_ALL, |req: Request, _error: HttpError| {
        (format!("There is no {}.\n", req.path()), "text/plain", (), StatusCode::NOT_FOUND)
    });
    Ok(app.run("127.0.0.1:8080").await?)
}
