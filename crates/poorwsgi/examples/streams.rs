//! Responses that are made while they are sent, and a request that is read while it arrives.
//!
//!     cargo run -p poorwsgi --example streams
//!     curl http://127.0.0.1:8080/bytes | wc -c
//!     curl -N http://127.0.0.1:8080/clock
//!     curl -N http://127.0.0.1:8080/events
//!     curl http://127.0.0.1:8080/squares
//!     curl http://127.0.0.1:8080/source
//!     curl -r 4-15 http://127.0.0.1:8080/text
//!     curl -T Cargo.lock http://127.0.0.1:8080/upper

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use poorwsgi::response::iter;
use poorwsgi::sse::{Event, KeepAlive, Sse};
use poorwsgi::state::{METHOD_GET, METHOD_HEAD, METHOD_PUT};
use poorwsgi::{Application, Body, BoxError, Response, Result};
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

/// The same ticks as events for a browser.
struct Ticks(Clock);

impl Stream for Ticks {
    type Item = Result<Event, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let tick = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(tick.map(|text| Ok(Event::default().event("tick").data(text?.trim_end()))))
    }
}

fn bytes() -> Response {
    let blocks = std::iter::repeat_n(vec![b'x'; 64 * 1024], 160);
    Response::stream(iter(blocks.map(Ok::<_, BoxError>)))
}

fn ten_ticks() -> Clock {
    Clock { ticks: interval(Duration::from_millis(250)), left: 10 }
}

async fn clock() -> Response {
    Response::text_stream(ten_ticks())
}

async fn events() -> Sse<impl Stream<Item = Result<Event, BoxError>>> {
    Sse::new(Ticks(ten_ticks())).keep_alive(KeepAlive::default())
}

fn squares() -> Response {
    let squares = (1..=1000_u32).map(|n| Ok::<_, BoxError>(json!({ "n": n, "square": n * n })));
    Response::json_stream(iter(squares))
}

fn source() -> Result<Response> {
    let file = std::fs::File::open(file!())?;
    Ok(Response::blocking_reader(file).with_content_type("text/plain; charset=utf-8")?)
}

/// Clients can request ranges of a body of known length.
fn text() -> Response {
    Response::text("The quick brown fox jumps over the lazy dog.\n").accept_ranges()
}

/// Sends the client's body back in upper case, whatever its type, with only one piece of it in memory at a
/// time.
async fn upper(body: Body) -> Body {
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
    Body::wrap(Upper(body))
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let get = METHOD_HEAD | METHOD_GET;
    let mut app = Application::new("streams");
    app.route("/bytes", get, bytes)?;
    app.route("/clock", get, clock)?;
    app.route("/events", get, events)?;
    app.route("/squares", get, squares)?;
    app.route("/source", get, source)?;
    app.route("/text", get, text)?;
    app.route("/upper", METHOD_PUT, upper)?;
    Ok(app.run("127.0.0.1:8080").await?)
}
