//! Adaptive inlining: whether the calls of a route run on the event loop's thread or on the pool.
//!
//! To hand a request to another thread and its answer back costs several times as much as a small handler.
//! But a call on the event loop's thread blocks all connections of that loop. So a route starts on the pool;
//! it moves inline once its calls have proved short, and back to the pool for a while when they are not short
//! any more.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::PATIENCE;
use crate::credit::{Credit, Evidence, FINE, FULL};
use crate::samples::{LastTimes, Mean};
use crate::usage::Usage;

/// Which routes are called inline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inline {
    /// Routes whose calls have proved short.
    Auto,
    /// All routes: for applications whose calls never wait.
    Always,
    /// No route.
    Never,
}

/// The thresholds of one server.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Which calls are made inline. Default [`Inline::Auto`].
    pub inline: Inline,
    /// A call of at most this weight is short: the time it waits plus the time it computes, of which a fifth
    /// counts with [`has_lock`](Self::has_lock). Default 200 µs.
    pub short: Duration,
    /// A single inline call that takes this long moves its route to the pool. Default 20 ms.
    pub long: Duration,
    /// How many event loops, each with its thread, make inline calls. Default 1.
    pub loops: usize,
    /// Whether calls share a compute lock, so that they compute one at a time. Default true.
    pub has_lock: bool,
}

impl Rule {
    /// The divisor of computing time in the weight of a call: a call that computes keeps the compute lock from
    /// the other calls on the pool as well, so that moving it there would help them little and cost more. The
    /// connections of the loop do wait for the call, so it has to be brief all the same: 1 ms of computing by
    /// default.
    const COMPUTING: u32 = 5;

    /// The defaults.
    pub const DEFAULT: Rule = Rule {
        inline: Inline::Auto,
        short: Duration::from_micros(200),
        long: Duration::from_millis(20),
        loops: 1,
        has_lock: true,
    };

    fn is_short(&self, took: Duration, computed: Duration) -> bool {
        let part = if self.has_lock { Self::COMPUTING } else { 1 };
        let weight = took.saturating_sub(computed) + computed.min(took) / part;
        weight <= self.short && took < self.long
    }

    /// What a call that took this long says about its route.
    fn evidence(&self, took: Duration, is_short: bool) -> Evidence {
        match is_short {
            true => Evidence::Short,
            false if took >= self.long => Evidence::Long,
            false => Evidence::NotShort,
        }
    }
}

impl Default for Rule {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// How long the calls of a route compute, by the CPU clocks of their threads.
#[cfg_attr(not(feature = "pool"), allow(dead_code))] // only the pool reads it
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// No call has ended yet.
    Unknown,
    /// Calls compute for at least [`PATIENCE`] on average: brief calls should not wait for such a call.
    Long,
    Brief,
}

/// How many calls run on pools.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Counts one running call until it is dropped.
struct RunningCount<'a>(&'a AtomicUsize);

impl<'a> RunningCount<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        RunningCount(count)
    }

    /// Whether other calls run as well.
    fn has_others(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 1
    }
}

impl Drop for RunningCount<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Where a call is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPlace {
    /// On the event loop's thread, which must not wait.
    Inline,
    /// On a thread of the pool, which may block.
    Pool,
    /// On the pool, for a call that waits for its client: its duration says nothing about its route.
    Waiting,
}

/// How long the calls of one route take, and where they run. Concurrent calls update the numbers without a
/// lock: racing updates may drop one.
#[derive(Debug)]
pub struct RouteTimes {
    /// The times of as many calls as move the route inline.
    times: LastTimes<{ FULL as usize }>,
    credit: Credit,
    /// The average of the seconds that calls on the pool compute.
    computed: Mean<FINE>,
    #[cfg_attr(not(feature = "pool"), allow(dead_code))] // only the pool reads it
    is_begun: AtomicBool,
    /// Whether the last call ran inline.
    was_inline: AtomicBool,
    /// How many inline calls run.
    inline: AtomicUsize,
    /// The tick of the coarse clock in which an inline call was last timed by
    /// [`time_seldom`](Self::time_seldom).
    timed: AtomicU32,
}

impl Default for RouteTimes {
    fn default() -> Self {
        RouteTimes {
            times: LastTimes::new(),
            credit: Credit::new(),
            computed: Mean::new(),
            is_begun: AtomicBool::new(false),
            was_inline: AtomicBool::new(false),
            inline: AtomicUsize::new(0),
            timed: AtomicU32::new(0),
        }
    }
}

impl RouteTimes {
    /// Whether the next call runs inline. It does not while as many inline calls of the route run as there
    /// are event loops: then one of them blocks its thread, another thread has taken the connections over,
    /// and the next call would block that one too.
    #[must_use]
    pub fn is_inline(&self, rule: &Rule) -> bool {
        let is_inline = match rule.inline {
            Inline::Auto => self.credit.is_inline(),
            Inline::Always => true,
            Inline::Never => false,
        };
        is_inline && self.inline.load(Ordering::Relaxed) < rule.loops
    }

    /// Runs a call, which is passed its start time, and records its duration without the time in which the
    /// operating system ran other threads in its place.
    ///
    /// A call on the pool that computed little and still took long is weak evidence if other calls ran at the
    /// same time: it may have waited for the compute lock, which the other calls held.
    pub fn time<T>(&self, rule: &Rule, place: CallPlace, call: impl FnOnce(Instant) -> T) -> T {
        self.time_of_either(rule, place, |begun| (call(begun), None))
    }

    /// Like [`time`](Self::time), for calls of which only the result says whose they were, so that these times
    /// decide where the next ones are made: the call is also recorded under the times that it returns.
    pub fn time_of_either<'t, T>(
        &self,
        rule: &Rule,
        place: CallPlace,
        call: impl FnOnce(Instant) -> (T, Option<&'t RouteTimes>),
    ) -> T {
        match place {
            CallPlace::Inline => return self.time_inline(rule, call),
            CallPlace::Waiting => return call(Instant::now()).0,
            CallPlace::Pool => {}
        }
        let running = RunningCount::new(&RUNNING);
        let others_before = running.has_others();
        let (before, begun) = (Usage::now(), Instant::now());
        let (result, other) = call(begun);
        let took = begun.elapsed();
        let after = Usage::now();
        let had_others = others_before || running.has_others();
        drop(running);
        let (own, computed) = (after.own_since(before, took), after.computed_since(before));
        let is_short = rule.is_short(own, computed);
        let evidence = if is_short || !had_others || !rule.is_short(computed, computed) {
            rule.evidence(own, is_short)
        } else {
            Evidence::Unclear
        };
        for times in [Some(self), other].into_iter().flatten() {
            times.record(took, evidence, CallPlace::Pool);
            times.computed.add(computed.as_secs_f32().max(1e-6));
        }
        result
    }

    /// Like `time`, but on the event loop's thread. CPU time is read only while the route is in doubt, that is after
    /// a call that was not short: the system calls cost a good part of what a brief call costs.
    fn time_inline<'t, T>(
        &self,
        rule: &Rule,
        call: impl FnOnce(Instant) -> (T, Option<&'t RouteTimes>),
    ) -> T {
        let before = (!self.credit.is_full()).then(Usage::now);
        let inline = RunningCount::new(&self.inline);
        let begun = Instant::now();
        let (result, other) = call(begun);
        let took = begun.elapsed();
        let evidence = match before {
            Some(before) if took > rule.short => {
                let after = Usage::now();
                let own = after.own_since(before, took);
                rule.evidence(own, rule.is_short(own, after.computed_since(before)))
            }
            _ => rule.evidence(took, rule.is_short(took, Duration::ZERO)),
        };
        self.record(took, evidence, CallPlace::Inline);
        if let Some(other) = other {
            other.record(took, evidence, CallPlace::Inline);
        }
        drop(inline);
        result
    }

    /// Decides where the next calls run, after a call that took this long.
    fn record(&self, took: Duration, evidence: Evidence, place: CallPlace) {
        self.times.add(took);
        self.credit.judge(evidence);
        self.was_inline.store(place == CallPlace::Inline, Ordering::Relaxed);
    }

    /// Like [`time`](Self::time) with [`CallPlace::Inline`], for calls that cost hardly more than to read the
    /// clock twice: of the calls that begin in one tick of the system's coarse clock, some milliseconds long,
    /// the first is timed. A call that takes long and is not the first is not noticed; the next one is,
    /// because it begins in another tick. Threads that make such calls at the same time write to shared
    /// memory once a tick.
    pub fn time_seldom<T>(&self, rule: &Rule, call: impl FnOnce() -> T) -> T {
        match coarse_now() {
            Some(tick) if self.timed.load(Ordering::Relaxed) == tick => call(),
            tick => {
                self.timed.store(tick.unwrap_or_default(), Ordering::Relaxed);
                self.time_inline(rule, |_| (call(), None))
            }
        }
    }

    /// Moves the route back to the pool, where it needs twice as many short calls in a row as before.
    pub fn leave(&self) {
        self.credit.leave();
    }

    #[cfg_attr(not(feature = "pool"), allow(dead_code))] // only the pool reads it
    pub(crate) fn load(&self) -> Load {
        match self.computed.get() {
            0.0 => Load::Unknown,
            computed if computed < PATIENCE.as_secs_f32() => Load::Brief,
            _ => Load::Long,
        }
    }

    /// True only the first time that it is called: no call of the route has begun before.
    #[cfg_attr(not(feature = "pool"), allow(dead_code))] // only the pool reads it
    pub(crate) fn is_first(&self) -> bool {
        !self.is_begun.swap(true, Ordering::Relaxed)
    }
}

/// The milliseconds of a clock that is read in a few nanoseconds and moves on in ticks, modulo 2³²; `None`
/// where the system has none.
#[cfg(any(target_os = "linux", target_os = "android"))]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "modulo 2³²")]
fn coarse_now() -> Option<u32> {
    use rustix::time::{ClockId, clock_gettime};

    let now = clock_gettime(ClockId::MonotonicCoarse);
    Some((now.tv_sec as u32).wrapping_mul(1000).wrapping_add(now.tv_nsec as u32 / 1_000_000))
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
const fn coarse_now() -> Option<u32> {
    None
}

impl fmt::Display for RouteTimes {
    /// Where the last call ran, and percentiles of the last 64 times: `inline, p50 3 µs, p99 12 µs`.
    /// Empty before the first call.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = self.times.sorted();
        if times.is_empty() {
            return Ok(());
        }
        f.write_str(if self.was_inline.load(Ordering::Relaxed) { "inline" } else { "pool" })?;
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1));
        if let (Some(half), Some(most)) = (at(50), at(99)) {
            let shown = |nanoseconds: u32| f64::from(nanoseconds) / 1000.0;
            write!(f, ", p50 {:.0} µs, p99 {:.0} µs", shown(*half).ceil(), shown(*most).ceil())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SHORT: Duration = Duration::from_micros(5);
    const LONGER: Duration = Duration::from_millis(1);
    const LONG: Duration = Duration::from_secs(1);

    fn after(calls: impl IntoIterator<Item = (usize, Duration)>) -> RouteTimes {
        let route_times = RouteTimes::default();
        for (count, took) in calls {
            (0..count).for_each(|_| {
                let rule = Rule::default();
                route_times.times.add(took);
                route_times.credit.judge(rule.evidence(took, rule.is_short(took, Duration::ZERO)));
            });
        }
        route_times
    }

    fn is_inline(calls: impl IntoIterator<Item = (usize, Duration)>) -> bool {
        after(calls).is_inline(&Rule::default())
    }

    /// Slow uploads do not move a route to the pool.
    #[test]
    fn calls_that_wait_for_their_clients_are_no_evidence() {
        let (route_times, rule) = (RouteTimes::default(), Rule::default());
        for _ in 0..FULL {
            route_times.time(&rule, CallPlace::Pool, |_| ());
        }
        assert!(route_times.is_inline(&rule));
        route_times.time(&rule, CallPlace::Waiting, |_| std::thread::sleep(rule.long * 2));
        assert!(route_times.is_inline(&rule));
    }

    /// Files are short, the default handler is long, and which of them answers is known afterwards.
    #[test]
    fn a_call_of_either_is_recorded_under_both() {
        let rule = Rule::default();
        for place in [CallPlace::Inline, CallPlace::Pool] {
            let (decisive, [file, handler]) =
                (RouteTimes::default(), [(); 2].map(|()| RouteTimes::default()));
            for _ in 0..FULL {
                decisive.time_of_either(&rule, place, |_| ((), Some(&file)));
            }
            assert!(decisive.is_inline(&rule) && file.is_inline(&rule));
            decisive.time_of_either(&rule, place, |_| (std::thread::sleep(rule.long * 2), Some(&handler)));
            assert!(place == CallPlace::Pool || !decisive.is_inline(&rule));
            assert_eq!(handler.times.sorted().len(), 1);
            assert_eq!(file.times.sorted().len(), FULL as usize);
            assert!(file.is_inline(&rule));
        }
    }

    #[test]
    fn a_route_comes_inline_when_its_last_calls_were_short() {
        assert!(!is_inline([]));
        assert!(!is_inline([(63, SHORT)]));
        assert!(is_inline([(64, SHORT)]));
        assert!(!is_inline([(63, SHORT), (1, LONGER), (63, SHORT)]));
        assert!(is_inline([(63, SHORT), (1, LONGER), (64, SHORT)]));
    }

    #[test]
    fn one_long_call_sends_it_back_for_a_while() {
        assert!(!is_inline([(64, SHORT), (1, LONG), (127, SHORT)]));
        assert!(is_inline([(64, SHORT), (1, LONG), (128, SHORT)]));
        let many = (0..20).flat_map(|_| [(2000, SHORT), (1, LONG)]);
        assert!(!is_inline(many.clone().chain([(1023, SHORT)])));
        assert!(is_inline(many.chain([(1024, SHORT)])));
    }

    /// A call that computes would hold the compute lock on the pool as well.
    #[test]
    fn computing_counts_a_fifth() {
        let (rule, short) = (Rule::default(), Rule::default().short);
        assert!(rule.is_short(short, Duration::ZERO));
        assert!(!rule.is_short(short * 2, Duration::ZERO));
        assert!(rule.is_short(short * 5, short * 5));
        assert!(!rule.is_short(short * 6, short * 6));
        assert!(!Rule { long: short * 2, ..rule }.is_short(short * 2, short * 2));
        assert!(rule.is_short(short * 3, short * 5 / 2), "half of the limit waiting, half of it computing");
        assert!(!rule.is_short(short * 3, short));
        // A computing time beyond the wall time, as two clocks may measure it, is cut to the wall time.
        assert!(rule.is_short(short, short * 6));
        let route_times = RouteTimes::default();
        let comes_inline = (0..2000).any(|_| {
            route_times.time(&rule, CallPlace::Pool, |_| {
                let end = Usage::now().computed + short * 2;
                while Usage::now().computed < end {}
            });
            route_times.is_inline(&rule)
        });
        assert!(comes_inline);
    }

    /// A thread that loses its processor for a moment does not count against its route; a route that has
    /// become slow does.
    #[test]
    fn several_calls_over_the_limit_send_it_back() {
        assert!(is_inline([(64, SHORT), (3, LONGER)]));
        assert!(!is_inline([(64, SHORT), (4, LONGER)]));
        assert!(is_inline((0..100).flat_map(|_| [(64, SHORT), (1, LONGER)])));
        assert!(!is_inline(
            [(64, SHORT)].into_iter().chain((0..100).flat_map(|_| [(9, SHORT), (1, LONGER)]))
        ));
    }

    /// Brief calls beside others wait for the compute lock now and then, and move inline nevertheless; calls
    /// that wait for something else do not.
    #[test]
    fn what_may_have_waited_for_others_is_hardly_evidence() {
        let rule = Rule::default();
        let calls = |others: bool, one_in: usize| {
            let route_times = RouteTimes::default();
            let _other = others.then(|| RunningCount::new(&RUNNING));
            for number in 1..=FULL as usize * 3 {
                let long = number.is_multiple_of(one_in);
                route_times.time(&rule, CallPlace::Pool, |_| {
                    if long {
                        std::thread::sleep(LONGER)
                    }
                });
            }
            route_times.is_inline(&rule)
        };
        assert!(calls(true, 10));
        assert!(!calls(true, 2));
        assert!(!calls(true, 1));
    }

    /// An inline call is weighed as a call on the pool is.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_route_that_computes_stays_inline() {
        let with_lock = Rule { long: Duration::from_secs(10), ..Rule::default() };
        for (rule, stays) in [(with_lock, true), (Rule { has_lock: false, ..with_lock }, false)] {
            let route_times = after([(FULL as usize, SHORT)]);
            for _ in 0..200 {
                route_times.time(&rule, CallPlace::Inline, |_| {
                    let end = Usage::now().computed + rule.short * 2;
                    while Usage::now().computed < end {}
                });
            }
            assert_eq!(route_times.is_inline(&rule), stays);
        }
    }

    /// On a busy machine, the operating system now and then interrupts calls that compute.
    #[test]
    #[cfg(target_os = "linux")]
    fn what_the_system_ran_in_between_is_no_evidence() {
        let rule = Rule { long: Duration::from_secs(10), ..Rule::default() };
        let work = || {
            let end = Usage::now().computed + rule.short / 2;
            while Usage::now().computed < end {}
        };
        let is_over = AtomicBool::new(false);
        let outcomes = std::thread::scope(|scope| {
            let busy = std::thread::available_parallelism().map_or(4, |count| count.get() * 4);
            for _ in 0..busy {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        std::hint::spin_loop()
                    }
                });
            }
            let outcomes = [CallPlace::Inline, CallPlace::Pool].map(|place| {
                let route_times = after([(FULL as usize, SHORT)]);
                let interrupted = (0..400)
                    .filter(|_| {
                        let begun = Instant::now();
                        route_times.time(&rule, place, |_| work());
                        begun.elapsed() > rule.short
                    })
                    .count();
                (place, interrupted, route_times.is_inline(&rule))
            });
            is_over.store(true, Ordering::Relaxed);
            outcomes
        });
        for (place, interrupted, is_inline) in outcomes {
            assert!(interrupted > 4, "{place:?} {interrupted}");
            assert!(is_inline, "{place:?}");
        }
    }

    /// A call that takes long is noticed, or the next one is.
    #[test]
    fn calls_that_are_seldom_timed_leave_when_they_are_long() {
        let rule = Rule { loops: usize::MAX, ..Rule::default() };
        for brief_before in [0, 1000] {
            let route_times = after([(FULL as usize, SHORT)]);
            (0..brief_before).for_each(|_| route_times.time_seldom(&rule, || ()));
            assert!(route_times.is_inline(&rule));
            (0..2).for_each(|_| route_times.time_seldom(&rule, || std::thread::sleep(rule.long * 2)));
            assert!(!route_times.is_inline(&rule), "{brief_before}");
        }
        let route_times = after([(FULL as usize, SHORT)]);
        (0..8).for_each(|_| route_times.time_seldom(&rule, || std::thread::sleep(rule.long / 2)));
        assert!(!route_times.is_inline(&rule), "several calls that are not short");
    }

    #[test]
    fn no_call_follows_one_that_holds_its_thread_up() {
        let rule = Rule { inline: Inline::Always, ..Rule::default() };
        let route_times = RouteTimes::default();
        assert!(!route_times.time(&rule, CallPlace::Inline, |_| route_times.is_inline(&rule)));
        assert!(route_times.time(&rule, CallPlace::Pool, |_| route_times.is_inline(&rule)));
        assert!(route_times.is_inline(&rule));
        // With two loops, the other loop runs the call; a third call would block as well.
        let rule = Rule { loops: 2, ..rule };
        let (with_one, with_two) = route_times.time(&rule, CallPlace::Inline, |_| {
            (
                route_times.is_inline(&rule),
                route_times.time(&rule, CallPlace::Inline, |_| route_times.is_inline(&rule)),
            )
        });
        assert!(with_one && !with_two && route_times.is_inline(&rule));
    }

    #[test]
    fn the_rule_may_be_always_or_never() {
        let with = |inline| Rule { inline, ..Rule::default() };
        assert!(RouteTimes::default().is_inline(&with(Inline::Always)));
        assert!(!after([(64, SHORT)]).is_inline(&with(Inline::Never)));
    }

    #[test]
    fn the_load_is_what_calls_compute_on_average() {
        let route_times = RouteTimes::default();
        assert_eq!(route_times.load(), Load::Unknown);
        route_times.computed.add(0.000_001);
        assert_eq!(route_times.load(), Load::Brief);
        (0..3).for_each(|_| route_times.computed.add(0.040));
        assert_eq!(route_times.load(), Load::Long);
        (0..32).for_each(|_| route_times.computed.add(0.004));
        assert_eq!(route_times.load(), Load::Brief);
    }

    proptest! {
        /// Each number that threads share here is valid whatever the others are, so that nothing depends on
        /// the order in which another thread sees the numbers: from any values, a route moves inline after
        /// short calls, and back after long ones.
        #[test]
        fn no_order_of_steps_can_spoil_it(
            (inline, calls, needed) in (any::<bool>(), 0..=FULL, 1..=FULL * FINE),
        ) {
            let rule = Rule::default();
            let mixed = || {
                let route_times = RouteTimes::default();
                route_times.credit.is_inline.store(inline, Ordering::Relaxed);
                route_times.credit.calls.store(calls, Ordering::Relaxed);
                route_times.credit.needed.store(needed, Ordering::Relaxed);
                route_times
            };
            let comes = mixed();
            (0..needed).for_each(|_| comes.credit.judge(rule.evidence(SHORT, true)));
            prop_assert!(comes.is_inline(&rule));
            for (calls, took) in [(1, LONG), (FULL / FINE, LONGER)] {
                let goes = mixed();
                (0..calls).for_each(|_| goes.credit.judge(rule.evidence(took, false)));
                prop_assert!(!goes.is_inline(&rule));
            }
        }
    }

    #[test]
    fn percentiles_are_of_the_last_calls() {
        assert_eq!(RouteTimes::default().to_string(), "");
        assert_eq!(after([(1, LONGER)]).to_string(), "pool, p50 1000 µs, p99 1000 µs");
        assert_eq!(after([(1, LONGER), (64, SHORT)]).to_string(), "pool, p50 5 µs, p99 5 µs");
        assert_eq!(after([(60, SHORT), (4, LONGER)]).to_string(), "pool, p50 5 µs, p99 1000 µs");
    }
}
