//! The rule by which calls move inline, that of `poorwsgi-calls`.

use std::fmt;

use poorwsgi_calls::inlining::{CallPlace, RouteTimes, Rule};

/// Only the number of processors limits how many calls compute at a time, and any thread of the runtime may
/// make them.
const RULE: Rule = Rule { loops: usize::MAX, has_lock: false, ..Rule::DEFAULT };

/// How long the calls of one plain function take.
#[derive(Debug, Default)]
pub(super) struct Times(RouteTimes);

impl Times {
    pub(super) fn is_inline(&self) -> bool {
        self.0.is_inline(&RULE)
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
