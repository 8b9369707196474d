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

/// How many milliseconds this thread is ahead of the system's clock: 0 unless a test has [shifted](shift) it.
#[must_use]
pub fn ahead() -> i64 {
    AHEAD.get()
}

/// Calls a function while this thread is that many milliseconds ahead of the system's clock, so that a shift
/// can follow a call from thread to thread. The thread's own shift holds again afterwards, even after a
/// panic.
///
/// ```
/// use poorwsgi_core::clock;
///
/// let now = clock::seconds();
/// assert!(clock::with_shift(60_000, clock::seconds) >= now + 60);
/// assert_eq!(clock::ahead(), 0);
/// ```
pub fn with_shift<T>(milliseconds: i64, function: impl FnOnce() -> T) -> T {
    struct Restore(i64);

    impl Drop for Restore {
        fn drop(&mut self) {
            AHEAD.set(self.0);
        }
    }

    let _restore = Restore(shift(milliseconds));
    function()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shift_ends_with_its_function_and_with_a_panic() {
        let panic = std::panic::catch_unwind(|| with_shift(5, || with_shift(7, || panic!("{}", ahead()))));
        assert_eq!(panic.unwrap_err().downcast_ref::<String>().map(String::as_str), Some("7"));
        assert_eq!((ahead(), with_shift(5, ahead), ahead()), (0, 5, 0));
    }

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
