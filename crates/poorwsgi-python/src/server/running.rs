//! The requests that run, so that a stop can wait for them: a thread inside Python can neither be ended nor
//! outlive the interpreter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Counts requests from their call to the `close` of what they returned.
#[derive(Clone, Default)]
pub(super) struct Running(Arc<Count>);

#[derive(Default)]
struct Count {
    begun: AtomicU64,
    ended: AtomicU64,
    none: Notify,
}

impl Running {
    pub(super) fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// One that was begun is over.
    pub(super) fn end(&self) {
        let ended = self.0.ended.fetch_add(1, Ordering::SeqCst) + 1;
        if ended == self.0.begun.load(Ordering::SeqCst) {
            self.0.none.notify_waiters();
        }
    }

    /// How many were begun so far.
    pub(super) fn all(&self) -> u64 {
        self.0.begun.load(Ordering::SeqCst)
    }

    pub(super) fn is_any(&self) -> bool {
        // In this order: one that begins and ends in between counts as running.
        let ended = self.0.ended.load(Ordering::SeqCst);
        ended < self.0.begun.load(Ordering::SeqCst)
    }

    /// Ends when there is none.
    pub(super) async fn none(&self) {
        loop {
            let none = self.0.none.notified();
            if !self.is_any() {
                return;
            }
            none.await;
        }
    }
}
