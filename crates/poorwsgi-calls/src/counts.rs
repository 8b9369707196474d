//! How many calls have begun and ended, shared without a lock.

use super::atomic::{AtomicU64, Ordering};

/// Two counters that only grow.
#[derive(Debug)]
pub(crate) struct Counts {
    begun: AtomicU64,
    ended: AtomicU64,
}

impl Counts {
    pub(crate) fn new() -> Self {
        Counts { begun: AtomicU64::new(0), ended: AtomicU64::new(0) }
    }

    pub(crate) fn begin(&self) {
        self.begun.fetch_add(1, Ordering::SeqCst);
    }

    /// Counts the end of a call. Returns whether no other call ran then.
    #[must_use]
    pub(crate) fn end(&self) -> bool {
        let ended = self.ended.fetch_add(1, Ordering::SeqCst) + 1;
        ended == self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn begun(&self) -> u64 {
        self.begun.load(Ordering::SeqCst)
    }

    pub(crate) fn is_any(&self) -> bool {
        // In this order: a call that begins and ends in between counts as running.
        let ended = self.ended.load(Ordering::SeqCst);
        ended < self.begun.load(Ordering::SeqCst)
    }
}
