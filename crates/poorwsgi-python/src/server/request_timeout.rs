//! The request timeout: it limits the time of a call, without the time in which the call waits for its
//! request body.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use poorwsgi_core::BoxError;
use poorwsgi_core::response::Body;
use tokio::time::{Instant, Sleep, sleep};

/// A body that stops the clock of its call while the call waits for the client.
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

/// The time of a call since it began, without the time in which it waited for its client.
#[derive(Clone, Default)]
pub(super) struct CallClock(Arc<Mutex<CallTimes>>);

#[derive(Default)]
struct CallTimes {
    begun: Option<Instant>,
    /// How long the call has waited for its client, and since when it waits now.
    waited: Duration,
    waits_since: Option<Instant>,
}

impl CallClock {
    fn times(&self) -> MutexGuard<'_, CallTimes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call begins.
    pub(super) fn begin(&self) {
        self.times().begun = Some(Instant::now());
    }

    /// Sets whether the call waits for its client from now on.
    fn set_waiting(&self, waits: bool) {
        let mut times = self.times();
        if waits {
            times.waits_since.get_or_insert_with(Instant::now);
        } else if let Some(since) = times.waits_since.take() {
            times.waited += since.elapsed();
        }
    }

    /// `None` before the call has begun.
    fn own_time(&self) -> Option<Duration> {
        let times = self.times();
        let waited = times.waited + times.waits_since.map_or(Duration::ZERO, |since| since.elapsed());
        times.begun.map(|begun| begun.elapsed().saturating_sub(waited))
    }
}

/// A timer that fires when a call has used up its time, or has not begun within it.
pub(super) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    timeout: Duration,
    clock: CallClock,
}

/// Why an alarm fires.
pub(super) enum Late {
    /// The call has not begun: other calls occupy all threads.
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
