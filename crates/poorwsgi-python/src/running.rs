//! The requests that run, so that a stop can wait for them: a thread inside Python can neither be ended nor outlive the
//! interpreter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

/// Counts requests from their call to the `close` of what they returned.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Count>);

#[derive(Default)]
struct Count {
    number: AtomicUsize,
    /// How many were begun.
    all: AtomicU64,
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

impl Drop for Run {
    fn drop(&mut self) {
        if self.0.number.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}
