//! Without the feature `inlining`, no call is made inline, and no call is timed.

use std::fmt;

#[derive(Debug, Default)]
pub(super) struct Times;

#[expect(clippy::unused_self, reason = "the methods are those of the `Times` of the feature")]
impl Times {
    pub(super) const fn is_inline(&self) -> bool {
        false
    }

    pub(super) fn time_inline<T>(&self, call: impl FnOnce() -> T) -> T {
        call()
    }

    pub(super) fn time_elsewhere<T>(&self, call: impl FnOnce() -> T) -> T {
        call()
    }
}

impl fmt::Display for Times {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
