//! The end of a response that breaks off: the bytes before the error are sent before the connection is cut.
//!
//! hyper discards its unwritten bytes when a body fails. So the body holds its error back until the socket
//! reports that everything is written.

use std::sync::atomic::{AtomicU8, Ordering};
use std::task::Context;

const NOT_ASKED: u8 = 0;
const ASKED: u8 = 1;
const WRITTEN: u8 = 2;

/// Shared by the body of a response and its socket, which one task polls.
#[derive(Debug, Default)]
pub(crate) struct BrokenOff(AtomicU8);

impl BrokenOff {
    /// Whether everything before the error is written. The task is woken when it is.
    pub(crate) fn is_written(&self, cx: &Context<'_>) -> bool {
        match self.0.compare_exchange(NOT_ASKED, ASKED, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => {
                // hyper may have flushed already; it flushes once more when it is polled.
                cx.waker().wake_by_ref();
                false
            }
            Err(now) => now == WRITTEN,
        }
    }

    /// Called when hyper has nothing left to write.
    pub(crate) fn flushed(&self, cx: &Context<'_>) {
        if self.0.load(Ordering::Relaxed) == ASKED {
            self.0.store(WRITTEN, Ordering::Relaxed);
            cx.waker().wake_by_ref();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    #[test]
    fn only_what_is_flushed_after_the_question_counts() {
        let (broken_off, cx) = (BrokenOff::default(), Context::from_waker(Waker::noop()));
        broken_off.flushed(&cx);
        assert!(!broken_off.is_written(&cx));
        assert!(!broken_off.is_written(&cx));
        broken_off.flushed(&cx);
        assert!(broken_off.is_written(&cx));
    }
}
