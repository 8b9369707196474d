//! How a call was made, for the access log and the metrics.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use poorwsgi_calls::inlining::CallPlace;
use poorwsgi_server::{CallLane, CallReport, RouteLabel};

/// A call that waits for its thread, which may be another one.
pub(super) struct WaitingCall {
    since: Instant,
    made: MadeCall,
}

/// Where the call leaves how it was made: its waiting time in microseconds, times four, and the number of its lane;
/// [`NOT_MADE`] before.
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
    pub(super) fn begin(&self, place: CallPlace) {
        let micros = u64::try_from(self.since.elapsed().as_micros()).unwrap_or(u64::MAX) & (u64::MAX >> 3);
        let lane = match place {
            CallPlace::Inline => 0,
            CallPlace::Pool => 1,
            CallPlace::Waiting => 2,
        };
        self.made.0.store(micros << 2 | lane, Ordering::Relaxed);
    }
}

impl MadeCall {
    /// The report of a call for this route; `None` if the call was never made.
    pub(super) fn report(&self, route: RouteLabel) -> Option<CallReport> {
        let made = self.0.load(Ordering::Relaxed);
        if made == NOT_MADE {
            return None;
        }
        let lane = match made & 3 {
            0 => CallLane::Inline,
            1 => CallLane::Pool,
            _ => CallLane::Waiting,
        };
        Some(CallReport { queued: Duration::from_micros(made >> 2), lane, route })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_reports_how_long_it_waited_and_where_it_was_made() {
        for (place, lane) in [
            (CallPlace::Inline, CallLane::Inline),
            (CallPlace::Pool, CallLane::Pool),
            (CallPlace::Waiting, CallLane::Waiting),
        ] {
            let waiting = WaitingCall::now();
            let made = waiting.made();
            assert_eq!(made.report(RouteLabel::default()), None);
            waiting.begin(place);
            let report = made.report(RouteLabel::default()).unwrap();
            assert_eq!(report.lane, lane);
            assert!(report.queued <= waiting.since.elapsed());
        }
    }
}
