//! The requests that run, so that a stop can wait for them: a thread inside Python can neither be ended nor outlive the
//! interpreter.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

/// Counts requests from their call to the `close` of what they returned.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Count>);

#[derive(Default)]
struct Count {
    number: AtomicUsize,
    /// How many were begun.
    all: AtomicU64,
    /// When the inline call was begun, in milliseconds from the first of all; 0 while there is none.
    inline: AtomicU64,
    none: Notify,
}

/// One request that runs.
pub(crate) struct Run(Arc<Count>);

impl Running {
    pub(crate) fn begin(&self) -> Run {
        self.0.number.fetch_add(1, Ordering::AcqRel);
        self.0.all.fetch_add(1, Ordering::Relaxed);
        Run(Arc::clone(&self.0))
    }

    /// While the value is kept, a call is made on the thread of the connections.
    pub(crate) fn inline(&self) -> Inline<'_> {
        self.0.inline.store(since_start().max(1), Ordering::Relaxed);
        Inline(&self.0)
    }

    /// For how long the inline call has been running.
    pub(crate) fn inline_for(&self) -> Duration {
        match self.0.inline.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            begun => Duration::from_millis(since_start().saturating_sub(begun)),
        }
    }

    /// How many were begun so far.
    pub(crate) fn all(&self) -> u64 {
        self.0.all.load(Ordering::Relaxed)
    }

    pub(crate) fn is_any(&self) -> bool {
        self.0.number.load(Ordering::Acquire) > 0
    }

    /// Ends when there is none.
    pub(crate) async fn none(&self) {
        loop {
            let none = self.0.none.notified();
            if !self.is_any() {
                return;
            }
            none.await;
        }
    }
}

/// A call on the thread of the connections.
pub(crate) struct Inline<'a>(&'a Count);

impl Drop for Inline<'_> {
    fn drop(&mut self) {
        self.0.inline.store(0, Ordering::Relaxed);
    }
}

/// Milliseconds since this was first asked.
fn since_start() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX)
}

impl Drop for Run {
    fn drop(&mut self) {
        if self.0.number.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
