//! Server-sent events: a response that sends one event after the other (HTML, section 9.2).
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), poorwsgi::BoxError> {
//! use std::convert::Infallible;
//!
//! use futures_core::Stream;
//! use poorwsgi::response::iter;
//! use poorwsgi::sse::{Event, KeepAlive, Sse};
//! use poorwsgi::{Application, state};
//!
//! async fn countdown() -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
//!     let events = [3, 2, 1].map(|number| Ok(Event::default().event("count").data(number.to_string())));
//!     Sse::new(iter(events)).keep_alive(KeepAlive::default())
//! }
//!
//! let mut app = Application::new("demo");
//! app.route("/countdown", state::METHOD_HEAD | state::METHOD_GET, countdown)?;
//! let answer = app.handle(http::Request::get("/countdown").body(String::new())?).await;
//! assert_eq!(answer.headers()["Content-Type"], "text/event-stream");
//! # use http_body_util::BodyExt;
//! let text = answer.into_body().collect().await?.to_bytes();
//! assert!(text.starts_with(b"event: count\ndata: 3\n\nevent: count\ndata: 2\n\n"));
//! # Ok(())
//! # }
//! ```
//!
//! # Streams without an end
//!
//! A server that is told to stop waits for the requests that still run. A stream that never ends delays the
//! stop until the server cuts the stream off: with `poorwsgi-server` after `stop_timeout` of its `Config`,
//! 30 s by default. Either end the stream yourself, with the signal that stops the server
//! (`tokio::signal::ctrl_c` or `tokio::signal::unix::signal`, which any number of tasks may await), or lower
//! the setting. The browser connects again.

mod event;
mod keep_alive;

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::response::Response;

pub use event::Event;
pub use keep_alive::{KeepAlive, KeepAliveStream};

use crate::error::Result;
use crate::into_response::IntoResponse;

/// A response of server-sent events: `text/event-stream`, with `Cache-Control: no-cache`. An error of the
/// stream closes the connection, and the browser connects again.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use std::convert::Infallible;
///
/// use poorwsgi::IntoResponse;
/// use poorwsgi::response::iter;
/// use poorwsgi::sse::{Event, Sse};
///
/// let events = iter([Ok::<_, Infallible>(Event::default().data("ready"))]);
/// let response = Sse::new(events).into_response()?;
/// assert_eq!(response.content_type(), Some("text/event-stream"));
/// # use http_body_util::BodyExt;
/// assert_eq!(response.into_body().collect().await?.to_bytes(), "data: ready\n\n");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use]
pub struct Sse<S> {
    events: S,
}

impl<S> Sse<S> {
    /// A response with the events of a stream.
    pub fn new<E>(events: S) -> Self
    where
        S: Stream<Item = Result<Event, E>> + Send + 'static,
        E: Into<BoxError>,
    {
        Sse { events }
    }

    /// Sends a comment while the stream has no events, so that proxies do not close the connection, and the
    /// server notices when the client has gone away. It needs the timer of a tokio runtime.
    pub fn keep_alive(self, keep_alive: KeepAlive) -> Sse<KeepAliveStream<S>> {
        Sse { events: KeepAliveStream::new(self.events, keep_alive) }
    }
}

impl<S> fmt::Debug for Sse<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sse").finish_non_exhaustive()
    }
}

impl<S, E> IntoResponse for Sse<S>
where
    S: Stream<Item = Result<Event, E>> + Send + 'static,
    E: Into<BoxError> + 'static,
{
    fn into_response(self) -> Result<Response> {
        Ok(Response::stream(EventTexts { events: self.events })
            .with_content_type("text/event-stream")?
            .with_header("Cache-Control", "no-cache")?)
    }
}

pin_project! {
    struct EventTexts<S> {
        #[pin]
        events: S,
    }
}

impl<S: Stream<Item = Result<Event, E>>, E> Stream for EventTexts<S> {
    type Item = Result<String, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let event = ready!(self.project().events.poll_next(context));
        Poll::Ready(event.map(|event| event.map(Event::into_text)))
    }
}
