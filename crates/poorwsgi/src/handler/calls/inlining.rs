//! The rule by which calls move inline, that of `poorwsgi-calls`.

use std::fmt;

use poorwsgi_calls::inlining::{CallPlace, RouteTimes, Rule};
use tokio::runtime::Handle;

use super::watch::InlineCall;

/// Only the number of processors limits how many calls compute at a time, and any thread of the runtime may
/// make them.
const RULE: Rule = Rule { loops: usize::MAX, has_lock: false, ..Rule::DEFAULT };

/// How long the calls of one plain function take.
#[derive(Debug, Default)]
pub(super) struct Times(RouteTimes);

impl Times {
    /// Begins an inline call, if the call may be one.
    pub(super) fn begin_inline(&self, runtime: &Handle) -> Option<InlineCall> {
        if self.0.is_inline(&RULE) { InlineCall::begin(runtime) } else { None }
    }

    pub(super) fn time_inline<T>(&self, call: impl FnOnce() -> T) -> T {
        self.0.time_seldom(&RULE, call)
    }

    pub(super) fn time_elsewhere<T>(&self, call: impl FnOnce() -> T) -> T {
        self.0.time(&RULE, CallPlace::Pool, |_| call())
    }
}

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
