//! What a service reports of a call, for the access log and the metrics.

use std::time::Duration;

/// How the application was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallReport {
    /// How long the call waited for a thread.
    pub queued: Duration,
    /// Where the call was made.
    pub lane: CallLane,
    /// The rule of its route.
    pub route: RouteLabel,
}

/// Where the application was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallLane {
    /// On the thread of the event loop.
    Inline,
    /// On a thread of the pool.
    Pool,
    /// On a thread of the pool, while the body of the request arrives.
    Waiting,
}

impl CallLane {
    /// The name of the lane in logs and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            CallLane::Inline => "inline",
            CallLane::Pool => "pool",
            CallLane::Waiting => "waiting",
        }
    }
}

/// The rule of a route, by which requests are counted apart; the default stands for requests without a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteLabel(pub(crate) u32);
