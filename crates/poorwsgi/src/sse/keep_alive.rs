//! Comments that keep the connection alive between events.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep};

use super::Event;

/// What a response of [events](super::Sse) sends to keep its connection alive, and how often: by default an
/// empty comment after 15 seconds without an event.
///
/// ```
/// use std::time::Duration;
///
/// use poorwsgi::sse::KeepAlive;
///
/// let keep_alive = KeepAlive::new().interval(Duration::from_secs(5)).text("still there");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct KeepAlive {
    interval: Duration,
    event: Event,
}

impl KeepAlive {
    /// An empty comment after 15 seconds without an event.
    pub fn new() -> Self {
        KeepAlive { interval: Duration::from_secs(15), event: Event::default().comment("") }
    }

    /// Sets the time without an event after which it is sent.
    pub fn interval(self, interval: Duration) -> Self {
        KeepAlive { interval, ..self }
    }

    /// Sets the text of the comment.
    pub fn text(self, text: impl AsRef<str>) -> Self {
        self.event(Event::default().comment(text))
    }

    /// Sends an event instead of a comment.
    pub fn event(self, event: Event) -> Self {
        KeepAlive { event, ..self }
    }
}

impl Default for KeepAlive {
    fn default() -> Self {
        KeepAlive::new()
    }
}

pin_project! {
    /// The events of a stream, with keep-alive events between them: what [`Sse::keep_alive`](super::Sse::keep_alive)
    /// sends, for a handler that names the type of its response.
    ///
    /// ```
    /// use std::convert::Infallible;
    ///
    /// use poorwsgi::response::{Iter, iter};
    /// use poorwsgi::sse::{Event, KeepAlive, KeepAliveStream, Sse};
    ///
    /// type Ticks = Iter<std::vec::IntoIter<Result<Event, Infallible>>>;
    ///
    /// async fn ticks() -> Sse<KeepAliveStream<Ticks>> {
    ///     let ticks = vec![Ok(Event::default().data("tick")), Ok(Event::default().data("tock"))];
    ///     Sse::new(iter(ticks)).keep_alive(KeepAlive::default())
    /// }
    /// # let mut app = poorwsgi::Application::new("demo");
    /// # app.route("/ticks", poorwsgi::state::METHOD_GET, ticks)?;
    /// # Ok::<(), poorwsgi::BoxError>(())
    /// ```
    pub struct KeepAliveStream<S> {
        #[pin]
        events: S,
        keep_alive: KeepAlive,
        // The timer is made when it is first needed, because it has to be made within the runtime.
        pause: Option<Pin<Box<Sleep>>>,
    }
}

impl<S> KeepAliveStream<S> {
    pub(super) const fn new(events: S, keep_alive: KeepAlive) -> Self {
        KeepAliveStream { events, keep_alive, pause: None }
    }
}

impl<S: Stream<Item = Result<Event, E>>, E> Stream for KeepAliveStream<S> {
    type Item = Result<Event, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let KeepAlive { interval, event } = this.keep_alive;
        if let Poll::Ready(next) = this.events.poll_next(context) {
            if let Some(pause) = this.pause {
                pause.as_mut().reset(Instant::now() + *interval);
            }
            return Poll::Ready(next);
        }
        let pause = this.pause.get_or_insert_with(|| Box::pin(sleep(*interval)));
        if pause.as_mut().poll(context).is_pending() {
            return Poll::Pending;
        }
        pause.as_mut().reset(Instant::now() + *interval);
        Poll::Ready(Some(Ok(event.clone())))
    }
}

impl<S> fmt::Debug for KeepAliveStream<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepAliveStream").field("keep_alive", &self.keep_alive).finish_non_exhaustive()
    }
}
