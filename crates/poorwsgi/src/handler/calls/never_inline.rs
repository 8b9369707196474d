//! Without the feature `inlining`, no call is made inline, and no call is timed.

use std::convert::Infallible;
use std::fmt;

use tokio::runtime::Handle;

#[derive(Debug, Default)]
pub(super) struct NoTimes;

#[expect(clippy::unused_self, reason = "the methods are those of the `Times` of the feature")]
impl NoTimes {
    pub(super) const fn begin_inline(&self, _: &Handle) -> Option<Infallible> {
        None
    }

    pub(super) fn time_inline<T>(&self, call: impl FnOnce() -> T) -> T {
        call()
    }

    pub(super) fn time_elsewhere<T>(&self, call: impl FnOnce() -> T) -> T {
        call()
    }
}

impl fmt::Display for NoTimes {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
