//! Server-sent events.

use std::convert::Infallible;
use std::time::Duration;

use futures_core::Stream;
use http_body_util::BodyExt;
use poorwsgi::response::iter;
use poorwsgi::sse::{Event, KeepAlive, Sse};
use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, Body, BoxError};
use tokio::time::{Instant, Interval, interval};

use crate::client::{ask, get};

/// An event a minute.
struct Minutes(Interval);

impl Stream for Minutes {
    type Item = Result<Event, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_tick(context).map(|_| Some(Ok(Event::default().data("a minute"))))
    }
}

fn application() -> Application {
    let mut app = Application::new("events");
    app.route("/three", METHOD_GET | METHOD_HEAD, || {
        Sse::new(iter(["a", "b\nc", "d"].map(|data| Ok::<_, Infallible>(Event::default().data(data)))))
    })
    .unwrap();
    app.route("/minutes", METHOD_GET, async || {
        let keep_alive = KeepAlive::new().interval(Duration::from_secs(25)).text("still there");
        Sse::new(Minutes(interval(Duration::from_secs(60)))).keep_alive(keep_alive)
    })
    .unwrap();
    app.route("/broken", METHOD_GET, || {
        Sse::new(iter([Ok(Event::default().data("a")), Err(BoxError::from("broken"))]))
    })
    .unwrap();
    app
}

#[tokio::test]
async fn events_are_sent_one_by_one() {
    let app = application();
    let answer = get(&app, "/three").await;
    answer.expect(200, "data: a\n\ndata: b\ndata: c\n\ndata: d\n\n");
    assert_eq!(answer.header("content-type"), Some("text/event-stream"));
    assert_eq!(answer.header("cache-control"), Some("no-cache"));
    assert_eq!(answer.header("content-length"), None);
    ask(&app, "HEAD", "/three").await.expect(200, "");
}

async fn next(body: &mut Body) -> String {
    let frame = body.frame().await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_shows_signs_of_life() {
    let request = http::Request::get("/minutes").body(Body::empty()).unwrap();
    let mut body = application().handle(request).await.into_body();
    let begun = Instant::now();
    let mut seen = Vec::new();
    for _ in 0..5 {
        let text = next(&mut body).await;
        seen.push((begun.elapsed().as_secs(), text));
    }
    let (event, sign) = ("data: a minute\n\n", ": still there\n\n");
    let expected = [(0, event), (25, sign), (50, sign), (60, event), (85, sign)];
    assert_eq!(seen, expected.map(|(second, text)| (second, text.to_owned())));
}

/// The browser connects again, where an end would look like the last event.
#[tokio::test]
async fn an_error_of_the_stream_breaks_the_response_off() {
    let request = http::Request::get("/broken").body(Body::empty()).unwrap();
    assert!(application().handle(request).await.into_body().collect().await.is_err());
}
