//! How long a client waits for the application: the time of a call, without that in which the body of its
//! request is still arriving.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use poorwsgi_core::BoxError;
use poorwsgi_core::response::Body;
use tokio::time::{Instant, Sleep, sleep};

/// A body whose call does not take the time for its own that its client takes.
pub(super) struct Arriving {
    body: Body,
    clock: CallClock,
}

impl Arriving {
    pub(super) fn wrap(body: Body, clock: CallClock) -> Body {
        Body::wrap(Arriving { body, clock })
    }
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        self.clock.set_waiting(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a call has taken of its own time: neither that of its client nor that before it was begun.
#[derive(Clone, Default)]
pub(super) struct CallClock(Arc<Mutex<Times>>);

#[derive(Default)]
struct Times {
    begun: Option<Instant>,
    /// What the client has taken so far, and since when the call waits for it.
    waited: Duration,
    waits_since: Option<Instant>,
}

impl CallClock {
    fn times(&self) -> MutexGuard<'_, Times> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call is made from now on.
    pub(super) fn begin(&self) {
        self.times().begun = Some(Instant::now());
    }

    /// Whether it waits for its client from now on.
    fn set_waiting(&self, waits: bool) {
        let mut times = self.times();
        if waits {
            times.waits_since.get_or_insert_with(Instant::now);
        } else if let Some(since) = times.waits_since.take() {
            times.waited += since.elapsed();
        }
    }

    /// `None` before it was begun.
    fn own_time(&self) -> Option<Duration> {
        let times = self.times();
        let waited = times.waited + times.waits_since.map_or(Duration::ZERO, |since| since.elapsed());
        times.begun.map(|begun| begun.elapsed().saturating_sub(waited))
    }
}

/// Rings when an application has taken its time, or has not begun in it.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    timeout: Duration,
    clock: CallClock,
}

/// Why an alarm rings.
pub(super) enum Late {
    /// The call was not begun: others kept all threads for themselves.
    NotBegun,
    /// The call takes too long.
    Stuck,
}

impl Alarm {
    pub(super) fn new(timeout: Duration, clock: CallClock) -> Self {
        Alarm { sleep: Box::pin(sleep(timeout)), timeout, clock }
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Late> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let Some(own_time) = self.clock.own_time() else { return Poll::Ready(Late::NotBegun) };
            let left = self.timeout.saturating_sub(own_time);
            if left.is_zero() {
                return Poll::Ready(Late::Stuck);
            }
            self.sleep.as_mut().reset(Instant::now() + left);
        }
    }
}
