//! How a call was made, for the access log.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use poorwsgi_server::CallReport;

/// A call that waits for its thread, which may be another one.
pub(super) struct WaitingCall {
    since: Instant,
    made: MadeCall,
}

/// Where the call leaves how it was made: its waiting time in microseconds, times two, and one more if it was made
/// inline; [`NOT_MADE`] before.
#[derive(Clone)]
pub(super) struct MadeCall(Arc<AtomicU64>);

const NOT_MADE: u64 = u64::MAX;

impl WaitingCall {
    pub(super) fn now() -> Self {
        WaitingCall { since: Instant::now(), made: MadeCall(Arc::new(AtomicU64::new(NOT_MADE))) }
    }

    pub(super) fn made(&self) -> MadeCall {
        self.made.clone()
    }

    /// The call begins.
    pub(super) fn begin(&self, is_inline: bool) {
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX) & (u64::MAX >> 2);
        self.made.0.store(micros << 1 | u64::from(is_inline), Ordering::Relaxed);
    }
}

impl MadeCall {
    /// `None` if the call was never made.
    pub(super) fn report(&self) -> Option<CallReport> {
        let made = self.0.load(Ordering::Relaxed);
        let queued = Duration::from_micros(made >> 1);
        (made != NOT_MADE).then_some(CallReport { queued, is_inline: made & 1 == 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reports_how_long_it_waited_and_where_it_was_made() {
        for is_inline in [true, false] {
            let waiting = WaitingCall::now();
            let made = waiting.made();
            assert_eq!(made.report(), None);
            waiting.begin(is_inline);
            let report = made.report().unwrap();
            assert_eq!(report.is_inline, is_inline);
            assert!(report.queued <= waiting.since.elapsed());
        }
    }
}
