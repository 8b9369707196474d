//! The time of day with which sessions, tokens and digest nonces are made and checked, and from which on a
//! cookie's `Expires` counts.
//!
//! It is the system's time, unless a test shifts it for its own thread, so that the test need not wait until
//! something expires.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    /// How many milliseconds this thread is ahead of the system's clock.
    static AHEAD: Cell<i64> = const { Cell::new(0) };
}

/// Milliseconds since 1970; 0 on a clock before that.
#[must_use]
pub fn milliseconds() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX).saturating_add_signed(AHEAD.get())
}

/// Seconds since 1970; 0 on a clock before that.
#[must_use]
pub fn seconds() -> u64 {
    milliseconds() / 1000
}

/// Sets how many milliseconds this thread is ahead of the system's clock, and returns how many it was before.
/// For tests only: other threads, and other machines, go by the system's clock.
///
/// ```
/// use std::num::NonZeroU64;
/// use poorwsgi_core::clock;
/// use poorwsgi_core::session::{check_token, get_token};
///
/// let minute = NonZeroU64::new(60);
/// let token = get_token("secret", "ann", minute, None);
/// let before = clock::shift(2 * 60_000);
/// assert!(!check_token(&token, "secret", "ann", minute));
/// clock::shift(before);
/// assert!(check_token(&token, "secret", "ann", minute));
/// ```
pub fn shift(milliseconds: i64) -> i64 {
    AHEAD.replace(milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_is_that_of_its_thread() {
        let now = seconds();
        assert_eq!(shift(3_600_000), 0);
        assert!((now + 3600..now + 3700).contains(&seconds()));
        std::thread::spawn(move || assert!((now..now + 100).contains(&seconds()))).join().unwrap();
        shift(i64::MIN);
        assert_eq!((milliseconds(), seconds()), (0, 0));
        assert_eq!(shift(0), i64::MIN);
    }
}
