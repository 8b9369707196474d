//! How much CPU time threads have used, and how often they have waited.

use std::ffi::c_long;
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// The usage of the calling thread since it began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    /// The CPU time of the thread.
    pub(crate) computed: Duration,
    /// How often it has waited for a lock, a file or a timer: voluntary context switches. `None` where the
    /// system does not tell.
    waits: Option<c_long>,
}

impl Usage {
    pub(crate) fn now() -> Self {
        // Not from getrusage(2), whose CPU times on Linux are as old as the last clock tick.
        let computed = Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
        Usage { computed, waits: waits() }
    }

    /// The CPU time since then.
    pub(crate) fn computed_since(self, before: Self) -> Duration {
        self.computed.saturating_sub(before.computed)
    }

    /// The elapsed time without that in which the operating system ran others in place of this thread. If the
    /// thread has not waited since then, that is its CPU time; otherwise it is the whole time.
    pub(crate) fn own_since(self, before: Self, took: Duration) -> Duration {
        if self.waits.is_some() && self.waits == before.waits {
            took.min(self.computed_since(before))
        } else {
            took
        }
    }
}

/// The CPU time of all threads of this process.
pub(crate) fn of_process() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

/// Runs a function that waits for nothing but a lock, and returns whether another thread held the lock. Where
/// the system does not count waits, taking 100 µs or more counts as a wait.
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

    /// Three threads for each processor, none of which waits: each gets a part of the time.
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
