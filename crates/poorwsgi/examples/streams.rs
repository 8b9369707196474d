//! Responses that are made while they are sent, and a request that is read while it arrives.
//!
//!     cargo run -p poorwsgi --example streams
//!     curl http://127.0.0.1:8080/bytes | wc -c
//!     curl -N http://127.0.0.1:8080/clock
//!     curl http://127.0.0.1:8080/squares
//!     curl http://127.0.0.1:8080/source
//!     curl -r 4-15 http://127.0.0.1:8080/text
//!     curl -T Cargo.lock http://127.0.0.1:8080/upper

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use poorwsgi::response::iter;
use poorwsgi::state::{METHOD_GET, METHOD_HEAD, METHOD_PUT};
use poorwsgi::{Application, Body, BoxError, Request, Response, Result};
use serde_json::json;
use tokio::time::{Interval, interval};

/// Ten ticks, a quarter of a second apart. No thread waits between the ticks.
struct Clock {
    ticks: Interval,
    left: u32,
}

impl Stream for Clock {
    type Item = Result<String, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        ready!(self.ticks.poll_tick(cx));
        self.left -= 1;
        Poll::Ready(Some(Ok(format!("{} to go\n", self.left))))
    }
}

fn bytes(_req: Request) -> Response {
    let blocks = std::iter::repeat_n(vec![b'x'; 64 * 1024], 160);
    Response::stream(iter(blocks.map(Ok::<_, BoxError>)))
}

fn clock(_req: Request) -> Response {
    Response::text_stream(Clock { ticks: interval(Duration::from_millis(250)), left: 10 })
}

fn squares(_req: Request) -> Response {
    let squares = (1..=1000_u32).map(|n| Ok::<_, BoxError>(json!({ "n": n, "square": n * n })));
    Response::json_stream(iter(squares))
}

async fn source(_req: Request) -> Result<Response> {
    let file = std::fs::File::open(file!())?;
    Ok(Response::blocking_reader(file).with_content_type("text/plain; charset=utf-8")?)
}

/// Clients can request ranges of a body of known length.
fn text(_req: Request) -> Response {
    Response::text("The quick brown fox jumps over the lazy dog.\n").accept_ranges()
}

/// Sends the client's body back in upper case, with only one piece of it in memory at a time.
fn upper(req: Request) -> Body {
    struct Upper(Body);
    impl http_body::Body for Upper {
        type Data = bytes::Bytes;
        type Error = BoxError;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
        ) -> Poll<Option<Result<http_body::Frame<bytes::Bytes>, BoxError>>> {
            let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
            Poll::Ready(frame.map(|frame| Ok(frame?.map_data(|data| data.to_ascii_uppercase().into()))))
        }
    }
    Body::wrap(Upper(req.take_body()))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("streams");
    // No body is read before the handler, so that /upper can stream every body, even a form or JSON.
    let settings = app.settings_mut();
    (settings.auto_form, settings.auto_json, settings.auto_data) = (false, false, false);
    app.route("/bytes", METHOD_GET, bytes)?;
    app.route("/clock", METHOD_GET, clock)?;
    app.route("/squares", METHOD_GET, squares)?;
    app.route("/source", METHOD_GET, source)?;
    app.route("/text", METHOD_GET | METHOD_HEAD, text)?;
    app.route("/upper", METHOD_PUT, upper)?;
    Ok(app.run("127.0.0.1:8080").await?)
}
