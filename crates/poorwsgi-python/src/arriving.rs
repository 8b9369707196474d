//! A request body that is still arriving while the application has been called.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame, SizeHint};
use poorwsgi::BoxError;
use poorwsgi::response::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep};

/// A body that a thread may wait for: one of few, and only until the body has come.
pub(crate) struct Arriving {
    body: Body,
    permit: Option<OwnedSemaphorePermit>,
    waits: Option<Waits>,
}

impl Arriving {
    pub(crate) fn wrap(body: Body, permit: OwnedSemaphorePermit, waits: Option<Waits>) -> Body {
        Body::wrap(Arriving { body, permit: Some(permit), waits })
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
        if let Some(waits) = &self.waits {
            waits.set(polled.is_pending());
        }
        let frame = ready!(polled);
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.permit = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// For how long a call has waited for its client.
#[derive(Clone, Default)]
pub(crate) struct Waits(Arc<Mutex<Waited>>);

#[derive(Default)]
struct Waited {
    so_far: Duration,
    since: Option<Instant>,
}

impl Waits {
    /// Whether it waits from now on.
    fn set(&self, waits: bool) {
        let mut waited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waits {
            waited.since.get_or_insert_with(Instant::now);
        } else if let Some(since) = waited.since.take() {
            waited.so_far += since.elapsed();
        }
    }

    fn total(&self) -> Duration {
        let waited = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        waited.so_far + waited.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// Rings when an application has taken its time. The time in which it waits for its client does not count.
pub(crate) struct Alarm {
    sleep: Pin<Box<Sleep>>,
    timeout: Duration,
    begun: Instant,
    waits: Option<Waits>,
}

impl Alarm {
    pub(crate) fn new(timeout: Duration, waits: Option<Waits>) -> Self {
        Alarm { sleep: Box::pin(sleep(timeout)), timeout, begun: Instant::now(), waits }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.sleep.as_mut().poll(cx));
            let waited = self.waits.as_ref().map_or(Duration::ZERO, Waits::total);
            let left = self.timeout.saturating_sub(self.begun.elapsed().saturating_sub(waited));
            if left.is_zero() {
                return Poll::Ready(());
            }
            self.sleep.as_mut().reset(Instant::now() + left);
        }
    }
}
