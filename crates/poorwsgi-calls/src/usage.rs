//! What a thread has had of the processors.

use std::ffi::c_long;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// What the thread that asks has had since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// For how long it has computed.
    pub(crate) computed: Duration,
    /// How often it has waited: for a lock, a file, a time. `None` where the system does not tell.
    waits: Option<c_long>,
}

impl Usage {
    pub(crate) fn now() -> Self {
        // Not from getrusage(2), which on Linux knows it as of the last tick of the clock.
        let computed = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
        Usage { computed, waits: waits() }
    }

    /// For how long it has computed since then.
    pub(crate) fn computed_since(self, before: Self) -> Duration {
        self.computed.saturating_sub(before.computed)
    }

    /// Of the time that has gone by since then, what this thread has used or waited for itself. Where it has
    /// not waited, the rest is time in which the system ran others in its place.
    pub(crate) fn own_since(self, before: Self, took: Duration) -> Duration {
        if self.waits.is_some() && self.waits == before.waits {
            took.min(self.computed_since(before))
        } else {
            took
        }
    }
}

/// For how long all threads of this process have computed.
pub(crate) fn of_process() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Does something that waits for nothing but a lock; whether that was somebody's. Where the system does not
/// tell, it was if it took so long.
pub(crate) fn had_to_wait(take: fn()) -> bool {
    const LONG: Duration = Duration::from_micros(100);
    let (before, begun) = (waits(), Instant::now());
    take();
    match before {
        Some(_) => waits() != before,
        None => begun.elapsed() >= LONG,
    }
}

#[cfg(any(target_os = "linux", target_os = "freebsd", target_os = "openbsd"))]
fn waits() -> Option<c_long> {
    use nix::sys::resource::{UsageWho, getrusage};

    getrusage(UsageWho::RUSAGE_THREAD).ok().map(|usage| usage.voluntary_context_switches())
}

#[cfg(not(any(target_os = "linux", target_os = "freebsd", target_os = "openbsd")))]
fn waits() -> Option<c_long> {
    None
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn who_waits_has_used_the_time() {
        let before = Usage::now();
        let begun = Instant::now();
        thread::sleep(Duration::from_millis(20));
        let (after, took) = (Usage::now(), begun.elapsed());
        assert_eq!(after.own_since(before, took), took);
        assert!(after.computed_since(before) < took);
    }

    /// Three threads to a processor, none of which waits: each has a part of the time.
    #[test]
    #[cfg(target_os = "linux")]
    fn who_was_not_let_run_has_not() {
        let some = thread::available_parallelism().unwrap().get() * 3;
        let shares = thread::scope(|scope| {
            let threads: Vec<_> = (0..some)
                .map(|_| {
                    scope.spawn(|| {
                        let begun = Instant::now();
                        let before = Usage::now();
                        while begun.elapsed() < Duration::from_millis(300) {}
                        let (after, took) = (Usage::now(), begun.elapsed());
                        after.own_since(before, took).as_secs_f64() / took.as_secs_f64()
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let mean = shares.iter().sum::<f64>() / shares.len() as f64;
        assert!(mean < 0.7, "{shares:?}");
    }
}
