//! The concurrency limit of the pool: as many calls at a time as the compute lock has time for.
//!
//! While the running calls keep the compute lock busy, another thread does not help: each thread only waits
//! longer for its turn. While the calls wait for something else, such as a database, more of them can run. So
//! the limit follows from how busy the lock is. Where the lock is free part of the time, a
//! higher limit goes on trial. It is kept if more calls end a second, and the CPU time of a call rises by no
//! more than the number of calls does. A lower limit is kept if the CPU time of a call falls by at least as
//! much as the rate of calls does, and the rate falls little.
//!
//! ```text
//!                        busy all the time: a quarter fewer, then half
//!                               ┌──────┐
//!                               │      ▼
//!       something left       ┌────────────┐      otherwise          ┌───────────┐
//!     ┌──────────────────────│   proven   │────────────────────────▶│   fewer   │
//!     ▼                      └────────────┘   a quarter, or one     └───────────┘
//! ┌────────┐  it helped       ▲  ▲     ▲  ▲     it was worth it      │       │
//! │  more  │──────────────────┘  │     │  └─────────────────────────┘       │
//! └────────┘  it did not: back   │     │        it was not: back            │
//!     └──────────────────────────┘     └────────────────────────────────────┘
//! ```
//!
//! A trial lasts for [`LOOK`]. It ends sooner when it is worse by more than chance, or when a higher limit is
//! better by more than chance. After each failed trial the limit rests for twice as long as before, so that a
//! right limit is left alone. While no call ends at all although the lock is free, the limit doubles
//! without a trial: the running calls may wait for calls that are still queued.
//!
//! [`Limit`] is a pure function of the measurements: clocks, threads and queues are elsewhere. The simulator
//! in its tests compares it with the best of several fixed limits. For calls that compute for up to 6 ms, the
//! limit settles within a second, and then at most a tenth fewer calls end than under the best fixed limit.
//! For calls that compute for 20 ms and wait for 0.4 to 1.2 s, an eighth fewer end: a trial then sees a few
//! dozen calls, and chance often decides it.

use std::time::Duration;

/// From this share of busy samples on, the compute lock has no time left. Even while threads queue for it,
/// some samples find it free: it belongs to no thread for a moment whenever it changes hands.
const BUSY: f32 = 0.94;

/// Below this share of busy samples, the compute lock has much time left. Then the rate of calls tells
/// whether a higher limit helps, and tells it soon; the extra load on the lock would be too small to
/// measure.
const FREE: f32 = 0.75;

/// How long a limit is measured before a decision, unless the case is clear: where many calls share the
/// lock they end in bursts, so that the rate over a shorter time says little.
pub(crate) const LOOK: Duration = Duration::from_millis(800);

/// The shortest time before a decision. For half of it after a change, nothing is counted, because calls that
/// began under the old limit still run.
const GLANCE: Duration = Duration::from_millis(100);

/// The share of the expected gain that a higher limit has to bring. Calls that wait for a resource with room
/// for all bring all of the gain, calls that wait for each other none. The measurements are too noisy to ask
/// for all of it.
const GAIN: f32 = 0.3;

/// A trial ends before [`LOOK`] only if it is worse, or a higher limit better, by this many standard
/// deviations of the number of calls.
const CLEAR: f32 = 2.0;

/// The longest rest after a failed trial; the first rest is as long as [`LOOK`].
const LONGEST_REST: Duration = Duration::from_secs(16);

/// What was measured since the last step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measure {
    /// The time since the last step.
    pub(crate) time: Duration,
    /// The share of the time in which a thread held the compute lock, from 0 to 1; without one, the CPU
    /// load of this process on all processors.
    pub(crate) busy: f32,
    /// How many calls have ended.
    pub(crate) ended: u64,
    /// The CPU time of the process.
    pub(crate) computed: Duration,
    /// Whether calls are queued while all places are taken.
    pub(crate) is_short: bool,
}

/// How many calls may run at a time.
#[derive(Clone, Debug)]
pub(crate) struct ConcurrencyLimit {
    now: usize,
    highest: usize,
    look: Look,
    /// The time left until calls are counted again after a change.
    settling: Duration,
    /// For how long the compute lock has been busy without a break, whether calls are queued or not; and
    /// whether the limit has just fallen because of that.
    full: Duration,
    falls: bool,
    /// The proven limit, and what was measured under it. If `now` differs from `proven`, it is on trial.
    proven: usize,
    seen: Seen,
    /// The time until the next trial of a higher limit, and of a lower one.
    higher: TrialRest,
    lower: TrialRest,
}

/// The sums of what was measured under one limit, while calls were queued.
#[derive(Clone, Debug, Default)]
struct Look {
    time: Duration,
    idle: Duration,
    ended: u64,
    computed: Duration,
}

/// What was measured under a limit.
#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    /// How many calls have ended, and how many ended a second.
    ended: f32,
    rate: f32,
    busy: f32,
    /// CPU seconds per call.
    cost: f32,
}

/// The pause after a failed trial, which doubles with each failure.
#[derive(Clone, Debug)]
struct TrialRest {
    left: Duration,
    next: Duration,
}

impl TrialRest {
    const NONE: TrialRest = TrialRest { left: Duration::ZERO, next: LOOK };

    const fn is_over(&self) -> bool {
        self.left.is_zero()
    }

    fn was_vain(&self) -> bool {
        self.next > LOOK
    }

    /// At least `shortest` long.
    fn after_a_vain_trial(&self, shortest: Duration) -> Self {
        TrialRest { left: self.next.max(shortest).min(LONGEST_REST), next: LONGEST_REST.min(self.next * 2) }
    }
}

impl Look {
    fn seen(&self) -> Seen {
        let time = self.time.as_secs_f32().max(1e-6);
        let ended = self.ended as f32;
        Seen {
            ended,
            rate: ended / time,
            busy: 1.0 - self.idle.as_secs_f32() / time,
            cost: self.computed.as_secs_f32() / ended.max(1.0),
        }
    }
}

impl ConcurrencyLimit {
    /// The limit of a pool with this number of threads. It starts at one call at a time, and can fall back to
    /// that: two calls that share the lock get no more done than one after the other, and cost more (a
    /// Django page on SQLite, a quarter more).
    pub(crate) fn new(threads: usize) -> Self {
        let highest = threads.max(1);
        ConcurrencyLimit {
            now: 1,
            highest,
            look: Look::default(),
            settling: Duration::ZERO,
            full: Duration::ZERO,
            falls: false,
            proven: 1,
            seen: Seen::default(),
            higher: TrialRest::NONE,
            lower: TrialRest::NONE,
        }
    }

    pub(crate) const fn now(&self) -> usize {
        self.now
    }

    /// The highest limit: the number of threads.
    pub(crate) const fn highest(&self) -> usize {
        self.highest
    }

    /// Starts to measure, after a while without measurements.
    pub(crate) fn begin(&mut self) {
        self.full = Duration::ZERO;
        self.look = Look::default();
    }

    /// Adds a measurement, and returns the new limit.
    pub(crate) fn step(&mut self, measure: Measure) -> usize {
        for left in [&mut self.higher.left, &mut self.lower.left] {
            *left = left.saturating_sub(measure.time);
        }
        if !self.settling.is_zero() {
            self.settling = self.settling.saturating_sub(measure.time);
            return self.now;
        }
        if measure.busy < 1.0 {
            (self.full, self.falls) = (Duration::ZERO, false);
        } else {
            self.full += measure.time;
        }
        let sure = if self.falls { LOOK / 2 } else { LOOK };
        if self.full >= sure && self.now > 1 {
            // The lock was never found free under this limit: the right one may be much lower.
            let part = if self.falls { 2 } else { 4 };
            self.prove(self.now - (self.now / part).max(1), Seen::default());
            self.falls = true;
        } else if measure.is_short {
            self.look.time += measure.time;
            self.look.idle += measure.time.mul_f32(1.0 - measure.busy.clamp(0.0, 1.0));
            self.look.ended += measure.ended;
            self.look.computed += measure.computed;
            self.conclude();
        }
        self.now
    }

    /// Changes the limit if enough was measured.
    fn conclude(&mut self) {
        let Look { time, ended, .. } = self.look;
        if time < GLANCE {
            return;
        }
        let seen = self.look.seen();
        // Until every place has ended a call, calls of the old limit are among those that end.
        let has_turned = ended >= self.now as u64;
        let is_over = time >= LOOK && (has_turned || self.proven_has_turned(time));
        if ended == 0 && seen.busy < BUSY && time >= GLANCE * 2 {
            self.higher = TrialRest::NONE;
            self.prove(self.highest.min(self.now * 2), Seen::default());
        } else if self.now != self.proven {
            self.judge(seen, has_turned, is_over);
        } else if is_over || has_turned && seen.busy < FREE {
            self.prove(self.now, seen);
            if !self.try_more() {
                self.try_fewer();
            }
        }
    }

    /// Whether in this time every place of the proven limit would have ended two calls: then calls that began
    /// under the limit on trial have ended, unless they wait for each other.
    fn proven_has_turned(&self, time: Duration) -> bool {
        self.now != self.proven && self.seen.rate * time.as_secs_f32() >= 2.0 * self.proven as f32
    }

    /// Raises the limit on trial if the compute lock has time left, unless such a trial failed lately.
    /// Returns whether it did.
    fn try_more(&mut self) -> bool {
        let may_help = self.seen.busy < BUSY && self.now < self.highest && self.higher.is_over();
        if may_help {
            // As many more calls as would keep the lock busy if they were like those that run; no
            // fewer than a trial can tell apart. No more than three times as many, because the measurement
            // may be an exception; after a failed trial, the fewest.
            let more = (self.now as f32 * (BUSY / self.seen.busy.max(0.01) - 1.0)) as usize;
            let fewest = (self.now / 3).max(1);
            let most = if self.higher.was_vain() { fewest } else { self.now * 3 };
            let limit = self.highest.min(self.now + more.clamp(fewest, most));
            self.set(limit);
        }
        may_help
    }

    /// Lowers the limit on trial by a quarter, at least by one, unless such a trial failed lately.
    fn try_fewer(&mut self) {
        if self.now > 1 && self.lower.is_over() {
            self.set(self.now - (self.now / 4).max(1));
        }
    }

    /// Decides whether the limit on trial is better than the proven one.
    fn judge(&mut self, seen: Seen, has_turned: bool, is_over: bool) {
        let before = self.seen;
        let change = self.now as f32 / self.proven as f32 - 1.0;
        let is_higher = change > 0.0;
        let is_free = before.busy < FREE;
        // How much more load the lock could take at most, as a share.
        let hope = change.min(BUSY / before.busy.max(0.01) - 1.0);
        let needed = before.rate * (1.0 + hope * GAIN);
        // Threads that take the lock from each other raise the cost of every call; it may rise by no
        // more than the rate.
        let (worth, price) = (seen.rate * before.cost, before.rate * seen.cost);
        let is_cheap = worth >= price;
        let is_worth_it = if !is_higher {
            // The rate may fall a little.
            is_cheap && seen.rate >= before.rate * (1.0 + change * GAIN)
        } else if is_free {
            is_cheap && seen.rate >= needed
        } else {
            is_cheap && seen.rate >= before.rate && seen.busy >= before.busy * (1.0 + hope * GAIN)
        };
        let chance = |seen: Seen| CLEAR / seen.ended.max(1.0).sqrt();
        let is_worse = worth < price * (1.0 - chance(seen).hypot(chance(before)));
        let is_better = is_worth_it && seen.rate * (1.0 - chance(seen)) >= before.rate;
        let is_clear = has_turned && (is_worse || is_higher && is_free && is_better);
        if !is_over && !is_clear {
            return;
        }
        let rest = if is_higher { &mut self.higher } else { &mut self.lower };
        if !is_worth_it {
            // Only under a limit of one does no call take the lock from another. A trial of two raises
            // the cost of calls, so trials take no larger share of the time than they can gain.
            let is_one_busy = is_higher && !is_free && self.proven == 1;
            let shortest = if is_one_busy { LOOK.div_f32(hope.clamp(0.05, 1.0)) } else { LOOK };
            *rest = rest.after_a_vain_trial(shortest);
            return self.set(self.proven);
        }
        *rest = TrialRest::NONE;
        self.prove(self.now, seen);
        if is_higher {
            // Where the lock has little time left, a rise may be chance, or due to calls that were
            // costly at first.
            self.lower.left = self.lower.left.max(LOOK * if is_free { 4 } else { 1 });
            if is_free {
                self.try_more();
            }
        }
    }

    fn prove(&mut self, limit: usize, seen: Seen) {
        self.proven = limit;
        self.seen = seen;
        self.set(limit);
    }

    fn set(&mut self, limit: usize) {
        if limit != self.now {
            self.settling = GLANCE / 2;
            self.full = Duration::ZERO;
        }
        self.now = limit;
        self.look = Look::default();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps of the simulator, of 0.1 ms, and how many of them there are to a tick.
    const TICK: usize = 50;
    const SECOND: usize = 10_000;

    /// What each call does, in steps.
    #[derive(Clone, Copy, Debug)]
    struct Work {
        computes: usize,
        waits: usize,
        /// The number of parts, one after the other.
        parts: usize,
        /// How many calls may wait at a time, as for the connections of a database.
        room: usize,
        /// Whether the length of a call varies from half to one and a half times as long.
        varies: bool,
    }

    impl Work {
        const fn new(computes: usize, waits: usize) -> Self {
            Work { computes, waits, parts: 2, room: usize::MAX, varies: true }
        }
    }

    #[derive(Clone, Copy)]
    struct SimulatedCall {
        work: Work,
        parts: usize,
        computes: usize,
        waits: usize,
        waits_now: bool,
    }

    /// Calls under one lock, in virtual time.
    struct Simulator {
        work: Work,
        /// What every n-th call does instead.
        others: Option<(usize, Work)>,
        /// In percent: the share of the time in which no thread has the lock because the next one is being
        /// woken.
        handover: usize,
        /// In percent: the share of the processor that other processes leave.
        share: usize,
        clients: usize,
        /// The queue of clients that ask at any time (an open system).
        queue: Option<usize>,
        calls: Vec<SimulatedCall>,
        turn: usize,
        begun: usize,
        random: u64,
        /// Steps that calls have computed.
        computed: usize,
    }

    impl Simulator {
        fn new(work: Work, clients: usize) -> Self {
            Simulator {
                work,
                others: None,
                handover: 0,
                share: 100,
                clients,
                queue: None,
                calls: Vec::new(),
                turn: 0,
                begun: 0,
                random: 1,
                computed: 0,
            }
        }

        fn random(&mut self, below: usize) -> usize {
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.random >> 33) as usize % below.max(1)
        }

        /// Whether there is one more call to begin.
        fn take(&mut self) -> bool {
            match &mut self.queue {
                Some(queue) if *queue > 0 => {
                    *queue -= 1;
                    true
                }
                Some(_) => false,
                None => self.calls.len() < self.clients,
            }
        }

        fn begin(&mut self) {
            self.begun += 1;
            let others = self.others.filter(|(every, _)| self.begun.is_multiple_of(*every));
            let work = others.map_or(self.work, |(_, work)| work);
            let Work { computes, waits, parts, varies, .. } = work;
            let mut vary = |steps: usize| if varies { steps / 2 + self.random(steps + 1) } else { steps };
            let (computes, waits) = (vary(computes), vary(waits));
            self.calls.push(SimulatedCall {
                work,
                parts,
                computes: computes / parts,
                waits: waits / parts,
                waits_now: false,
            });
        }

        /// One step; returns whether a call had the lock, and how many calls ended.
        fn step(&mut self, limit: usize) -> (bool, u64) {
            while self.calls.len() < limit && self.take() {
                self.begin();
            }
            let mut room = self.work.room;
            for call in self.calls.iter_mut().filter(|call| call.waits_now) {
                if room > 0 {
                    room -= 1;
                    call.waits = call.waits.saturating_sub(1);
                }
            }
            // The lock changes hands every ten steps.
            self.turn += 1;
            let count = self.calls.len().max(1);
            let holder = (0..count)
                .map(|each| (self.turn / 10 + each) % count)
                .find(|each| self.calls.get(*each).is_some_and(|call| !call.waits_now));
            let gets_processor = self.random(100) < self.share;
            let holder = holder.filter(|_| self.random(100) >= self.handover);
            if let Some(call) = holder.and_then(|holder| self.calls.get_mut(holder))
                && gets_processor
            {
                call.computes = call.computes.saturating_sub(1);
                self.computed += 1;
            }
            for call in &mut self.calls {
                if !call.waits_now && call.computes == 0 {
                    call.waits_now = true;
                }
                if call.waits_now && call.waits == 0 {
                    call.parts -= 1;
                    let Work { computes, waits, parts, .. } = call.work;
                    (call.computes, call.waits, call.waits_now) = (computes / parts, waits / parts, false);
                }
            }
            let before = self.calls.len();
            self.calls.retain(|call| call.parts > 0);
            (holder.is_some(), (before - self.calls.len()) as u64)
        }

        /// How many steps of computing are done within this number of steps, under a fixed limit.
        fn fixed(mut self, limit: usize, steps: usize) -> usize {
            let mut before = 0;
            for step in 0..SECOND + steps {
                if step == SECOND {
                    before = self.computed;
                }
                self.step(limit);
            }
            self.computed - before
        }

        /// The same under [`Limit`]; with the limits after each tick.
        fn ours(&mut self, limit: &mut ConcurrencyLimit, steps: usize) -> (usize, Vec<usize>) {
            let (before, mut limits) = (self.computed, Vec::new());
            for _ in 0..steps / TICK {
                let (mut ended, mut is_held, computed) = (0, false, self.computed);
                for _ in 0..TICK {
                    let (held, done) = self.step(limit.now());
                    is_held = held;
                    ended += done;
                }
                limits.push(limit.step(Measure {
                    time: Duration::from_millis(5),
                    busy: f32::from(u8::from(is_held)),
                    ended,
                    computed: Duration::from_micros(100 * (self.computed - computed) as u64),
                    is_short: self.queue.map_or(self.clients > limit.now(), |queue| queue > 0),
                }));
            }
            (self.computed - before, limits)
        }
    }

    /// Of a tick, in which calls wait for a place.
    fn measure(busy: f32, ended: u64, microseconds: u64) -> Measure {
        let computed = Duration::from_micros(microseconds);
        Measure { time: Duration::from_millis(5), busy, ended, computed, is_short: true }
    }

    /// Each limit with for how many ticks it was.
    fn runs(limits: &[usize]) -> String {
        let runs = limits.chunk_by(|one, other| one == other);
        runs.map(|run| format!("{}×{}", run.first().unwrap_or(&0), run.len())).collect::<Vec<_>>().join(" ")
    }

    /// Over some runs, each with its own seed.
    fn mean(run: impl Fn(u64) -> f64) -> f64 {
        let runs = 5;
        (1..=runs).map(run).sum::<f64>() / runs as f64
    }

    const FIXED: [usize; 7] = [1, 2, 4, 8, 16, 32, 64];

    /// The limits after some seconds, and what part of the best fixed limit's calls end under them.
    fn settled(work: Work, share: usize, seed: u64) -> (Vec<usize>, f64) {
        let simulator = || Simulator { share, random: seed, ..Simulator::new(work, 64) };
        let (mut ours, mut limit) = (simulator(), ConcurrencyLimit::new(256));
        ours.ours(&mut limit, 2 * SECOND);
        let (computed, limits) = ours.ours(&mut limit, 8 * SECOND);
        let best = FIXED.iter().map(|fixed| simulator().fixed(*fixed, 8 * SECOND)).max().unwrap_or(1);
        (limits, computed as f64 / best as f64)
    }

    #[test]
    fn calls_that_compute_run_a_handful_at_a_time() {
        for share in [100, 30] {
            for computes in [10, 100, 1000] {
                let (limits, of_best) = settled(Work::new(computes, 0), share, 1);
                assert!(limits.iter().all(|limit| *limit <= 8), "{computes} {share}: {}", runs(&limits));
                assert!(of_best > 0.9, "{computes} {share}: {of_best}");
            }
        }
    }

    #[test]
    fn calls_that_wait_run_side_by_side() {
        for waits in [200, 2000, 10_000] {
            let (limits, of_best) = settled(Work::new(2, waits), 100, 1);
            let most = limits.iter().max();
            assert!(most.is_some_and(|most| *most >= 64), "{waits}: {}", runs(&limits));
            assert!(of_best > 0.9, "{waits}: {of_best} {}", runs(&limits));
        }
    }

    /// As a page on SQLite does: the lock changes hands so often that it is found free, though more threads
    /// bring nothing.
    #[test]
    fn handing_over_is_no_reason_for_more() {
        for handover in [15, 20, 30] {
            let mut simulator = Simulator { handover, ..Simulator::new(Work::new(50, 2), 64) };
            let mut limit = ConcurrencyLimit::new(256);
            simulator.ours(&mut limit, SECOND);
            let (_, limits) = simulator.ours(&mut limit, 20 * SECOND);
            let mean = limits.iter().sum::<usize>() as f64 / limits.len() as f64;
            let most = limits.iter().max().copied().unwrap_or_default();
            assert!(mean < 9.0 && most <= 16, "{handover}: {mean} {most} {}", runs(&limits));
        }
    }

    /// A settled limit stays, except for trials, which become rare.
    #[test]
    fn it_does_not_swing() {
        let works =
            [Work::new(100, 0), Work::new(20, 20), Work::new(20, 60), Work::new(20, 200), Work::new(2, 2000)];
        for work in works {
            let (mut limit, mut simulator) = (ConcurrencyLimit::new(256), Simulator::new(work, 64));
            simulator.ours(&mut limit, 10 * SECOND);
            let (_, limits) = simulator.ours(&mut limit, 20 * SECOND);
            // With a handful of calls, one more or less means nothing.
            let changes = limits.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > 1).count();
            assert!(changes <= 40, "{work:?}: {changes} {}", runs(&limits));
        }
    }

    /// Where calls wait for a resource with room for few, more calls bring nothing.
    #[test]
    fn what_brings_nothing_is_taken_back() {
        for (waits, room) in [(200, 2), (1000, 4)] {
            let work = Work { room, ..Work::new(2, waits) };
            let (limits, of_best) = settled(work, 100, 1);
            let mean = limits.iter().sum::<usize>() as f64 / limits.len() as f64;
            assert!(mean < 24.0, "{waits}: {mean}: {}", runs(&limits));
            assert!(of_best > 0.9, "{waits}: {of_best}");
        }
    }

    /// A page on SQLite: a second thread keeps the lock busier, and each call dearer.
    #[test]
    fn more_calls_may_cost_no_more_than_they_bring() {
        for (microseconds, most) in [(4900, 2), (5900, 1)] {
            let mut limit = ConcurrencyLimit::new(256);
            let limits = (0..1000).map(|_| match limit.now() {
                1 => limit.step(measure(0.85, 20, 4500)),
                2 => limit.step(measure(0.95, 22, microseconds)),
                _ => limit.step(measure(0.98, 22, 9000)),
            });
            let ticks = limits.skip(500).filter(|limit| *limit == most).count();
            assert!(ticks > 300, "{microseconds}: {ticks}");
        }
    }

    /// Two calls take the lock from each other at every query of a page: during a trial of two, all
    /// pages are costly.
    #[test]
    fn a_trial_that_is_clearly_worse_ends_at_once() {
        let mut limit = ConcurrencyLimit::new(256);
        let limits: Vec<_> = (0..1000)
            .map(|_| match limit.now() {
                1 => limit.step(measure(0.85, 4, 4500)),
                _ => limit.step(measure(0.95, 2, 4700)),
            })
            .collect();
        let trials: Vec<_> =
            limits.chunk_by(|one, other| one == other).filter(|run| run.first() != Some(&1)).collect();
        assert!(!trials.is_empty() && trials.iter().all(|run| run.len() <= 50), "{}", runs(&limits));
    }

    /// The first calls of a process import and compile what later calls find ready.
    #[test]
    fn what_was_dear_at_first_is_no_proof() {
        let mut limit = ConcurrencyLimit::new(256);
        let limits: Vec<_> = (0..1400)
            .map(|tick| match limit.now() {
                1 if tick < 300 => limit.step(measure(0.85, 3, 4500)),
                1 => limit.step(measure(0.85, 4, 4500)),
                2 => limit.step(measure(0.93, 4, 5500)),
                _ => limit.step(measure(0.96, 4, 6500)),
            })
            .collect();
        let (first, later) = limits.split_at(1000);
        assert!(first.iter().any(|limit| *limit > 1), "{}", runs(&limits));
        // After five seconds for nearly all of the time.
        let ticks = later.iter().filter(|limit| **limit == 1).count();
        assert!(ticks > 300, "{ticks}: {}", runs(&limits));
    }

    /// A page on SQLite, one at a time: of the first ten seconds a trial of two takes no more than two.
    #[test]
    fn trials_of_two_are_rare() {
        let mut limit = ConcurrencyLimit::new(256);
        let limits: Vec<_> = (0..2000)
            .map(|_| match limit.now() {
                1 => limit.step(measure(0.88, 4, 4500)),
                _ => limit.step(measure(0.94, 4, 4700)),
            })
            .collect();
        let ticks = limits.iter().filter(|limit| **limit > 1).count();
        assert!((1..=400).contains(&ticks), "{ticks}: {}", runs(&limits));
    }

    /// Calls that waited for others compute now.
    #[test]
    fn two_at_a_time_become_one() {
        let mut limit = ConcurrencyLimit::new(2);
        let rises = (0..1000).any(|_| {
            let now = limit.now() as u64;
            limit.step(measure(0.4, 10 * now, 1000 * now));
            limit.proven == 2
        });
        assert!(rises, "{limit:?}");
        let ticks = (0..1000).position(|_| {
            let (ended, microseconds) = if limit.now() == 1 { (19, 4000) } else { (20, 5000) };
            limit.step(measure(0.9, ended, microseconds)) == 1 && limit.proven == 1
        });
        assert!(ticks.is_some_and(|ticks| ticks < 900), "{ticks:?} {limit:?}");
    }

    /// A gain of a few calls may be chance.
    #[test]
    fn what_is_better_by_chance_is_looked_at() {
        let mut limit = ConcurrencyLimit::new(256);
        let mut tick = 0;
        while limit.now() == 1 {
            limit.step(measure(0.5, u64::from(tick % 4 == 0), 500));
            tick += 1;
        }
        let before = limit.proven;
        // A third more.
        let ticks = (0..200).position(|tick| {
            limit.step(measure(0.6, u64::from(tick % 3 == 0), 600));
            limit.proven != before
        });
        assert!(ticks.is_none_or(|ticks| ticks > 100), "{ticks:?} {limit:?}");
    }

    /// Also where not every place ends a call soon, because calls wait longer the more of them run.
    #[test]
    fn a_vain_trial_is_over_soon() {
        let of = |ended| measure(0.0, ended, 0);
        let mut limit = ConcurrencyLimit::new(256);
        while limit.now() < 64 {
            limit.step(of(limit.now() as u64));
        }
        let proven = limit.proven;
        let ticks = (0..1000).position(|tick| limit.step(of(u64::from(tick % 20 == 0))) == proven);
        assert!(proven < 64 && ticks.is_some_and(|ticks| ticks < 200), "{ticks:?} {limit:?}");
    }

    /// Calls that take a second, also where all begin and end at the same time.
    #[test]
    fn long_calls_soon_run_side_by_side() {
        for varies in [true, false] {
            let work = Work { varies, ..Work::new(2, 10_000) };
            let (_, limits) = Simulator::new(work, 256).ours(&mut ConcurrencyLimit::new(256), 4 * SECOND);
            assert_eq!(limits.last(), Some(&256), "{}", runs(&limits));
        }
    }

    /// Arrivals that never end, of all service times and waiting shares, alone and beside others on the
    /// processor: the best fixed limit is never better by more than a tenth, on average of some runs.
    #[test]
    fn it_is_as_good_as_the_best_fixed_limit() {
        for share in [100, 40] {
            for (computes, least) in [(5, 0.9), (20, 0.9), (60, 0.9), (200, 0.85)] {
                for ratio in [0, 1, 3, 8, 20, 60] {
                    let work = Work::new(computes, computes * ratio);
                    let of_best = mean(|seed| settled(work, share, seed).1);
                    assert!(of_best > least, "{computes}, waits {ratio} times as long, {share} %: {of_best}");
                }
            }
        }
    }

    /// Calls of two kinds, of clients that ask again as soon as they are answered.
    #[test]
    fn calls_of_two_kinds_fare_as_well() {
        let kinds = [
            (Work::new(20, 0), (10, Work::new(5, 2000))),
            (Work::new(20, 20), (10, Work::new(200, 0))),
            (Work::new(2, 200), (5, Work::new(60, 0))),
        ];
        for (work, others) in kinds {
            let of_best = mean(|random| {
                let simulator = || Simulator { random, others: Some(others), ..Simulator::new(work, 64) };
                let (mut ours, mut limit) = (simulator(), ConcurrencyLimit::new(256));
                ours.ours(&mut limit, 2 * SECOND);
                let computed = ours.ours(&mut limit, 8 * SECOND).0;
                let best = FIXED.iter().map(|fixed| simulator().fixed(*fixed, 8 * SECOND)).max().unwrap_or(1);
                computed as f64 / best as f64
            });
            assert!(of_best > 0.9, "{work:?} {others:?}: {of_best}");
        }
    }

    /// Clients that ask whenever they like, evenly or many at a time: for how long calls take on average,
    /// from asking to the end.
    #[test]
    fn bursts_are_soon_over() {
        for (burst, period) in [(2, 50), (32, 2500), (200, 20_000)] {
            for work in [Work::new(20, 0), Work::new(20, 20), Work::new(20, 200), Work::new(2, 500)] {
                let times_the_best = mean(|random| {
                    // What is sums up over the steps to the time of all calls.
                    let run = |limit: &mut dyn FnMut(&mut Simulator) -> usize| {
                        let mut simulator = Simulator { random, queue: Some(0), ..Simulator::new(work, 0) };
                        let mut time = 0;
                        for tick in 0..12 * SECOND / TICK {
                            let come = if (tick * TICK).is_multiple_of(period) { burst } else { 0 };
                            simulator.queue = simulator.queue.map(|queue| queue + come);
                            let there = limit(&mut simulator);
                            time += if tick * TICK >= 2 * SECOND { there } else { 0 };
                        }
                        time
                    };
                    let there = |simulator: &Simulator| simulator.calls.len() + simulator.queue.unwrap_or(0);
                    let mut limit = ConcurrencyLimit::new(256);
                    let ours = run(&mut |simulator| {
                        simulator.ours(&mut limit, TICK);
                        there(simulator)
                    });
                    let fixed = |fixed| {
                        run(&mut |simulator| {
                            for _ in 0..TICK {
                                simulator.step(fixed);
                            }
                            there(simulator)
                        })
                    };
                    ours as f64 / FIXED.into_iter().map(fixed).min().unwrap_or(1).max(1) as f64
                });
                assert!(times_the_best < 1.2, "{burst} every {period}, {work:?}: {times_the_best}");
            }
        }
    }

    /// What comes of the first second and of the one after it, in which it has settled.
    #[test]
    fn it_settles_within_a_second() {
        for waits in [0, 20, 60, 200, 2000] {
            let of_best = mean(|random| {
                let simulator = || Simulator { random, ..Simulator::new(Work::new(20, waits), 64) };
                let (mut ours, mut limit) = (simulator(), ConcurrencyLimit::new(256));
                ours.ours(&mut limit, SECOND);
                let second = ours.ours(&mut limit, SECOND).0;
                let best = FIXED.iter().map(|fixed| simulator().fixed(*fixed, SECOND)).max().unwrap_or(1);
                second as f64 / best as f64
            });
            assert!(of_best > 0.9, "{waits}: {of_best}");
        }
    }

    #[test]
    fn it_falls_fast() {
        let mut limit = ConcurrencyLimit::new(256);
        Simulator::new(Work::new(2, 2000), 256).ours(&mut limit, 3 * SECOND);
        assert!(limit.now() > 100, "{limit:?}");
        let (_, limits) = Simulator::new(Work::new(100, 0), 256).ours(&mut limit, 4 * SECOND);
        let ticks = |most| limits.iter().position(|limit| *limit <= most).unwrap_or(limits.len());
        assert!(ticks(32) <= 450 && ticks(8) <= 650, "{}", runs(&limits));
    }

    /// Calls that wait for calls which have not begun.
    #[test]
    fn who_waits_for_each_other_is_let_through() {
        let mut limit = ConcurrencyLimit::new(256);
        let ticks = (0..1000).position(|_| limit.step(measure(0.0, 0, 0)) == 256);
        assert!(ticks.is_some_and(|ticks| ticks <= 420), "{limit:?}");
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(
            threads in 1..300_usize,
            measures in proptest::collection::vec(
                (0..100_u64, 0.0..1.0_f32, 0..1000_u64, 0..1000_u64, any::<bool>()),
                0..200,
            ),
        ) {
            let mut limit = ConcurrencyLimit::new(threads);
            for (time, busy, ended, computed, is_short) in measures {
                let (time, computed) = (Duration::from_millis(time), Duration::from_millis(computed));
                let now = limit.step(Measure { time, busy, ended, computed, is_short });
                prop_assert!((1..=threads).contains(&now));
            }
        }
    }
}
