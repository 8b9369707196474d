//! How many calls run at a time: as many as the interpreter has something left to give to.
//!
//! While the calls that run keep the interpreter busy, another thread helps nobody: it waits for its turn, and everybody's turn comes
//! later. While they wait for something else, such as a database, more of them can run. So the limit follows from how busy
//! the interpreter is, and where that leaves room, from whether a higher limit has helped.
//!
//! ```text
//!                         busy, above the lowest
//!               ┌──────────────────────────────────────────┐
//!               ▼                                          │
//!         ┌───────────┐  idle, calls wait            ┌───────────┐
//!    ┌───▶│  proven   │─────────────────────────────▶│  on trial │◀──┐ idle, calls wait,
//!    │    └───────────┘  a limit half as high again  └───────────┘───┘ up to 4 times the proven one
//!    │      ▲     ▲                                    │       │
//!    │      │     └── more calls end in a second ──────┘       │
//!    │      │         (or none ended before)                   │
//!    └──────┴───────── no more end: back, and no trial for ────┘
//!  fewer while busy    a second, the next time for two, …
//! ```
//!
//! It is a pure function of what is measured: clocks, threads and queues are elsewhere, and a simulator in its tests shows how it
//! settles.

use std::time::Duration;

/// How busy the interpreter is to be. It is never found busy all of the time: when it changes hands, it is nobody's for a moment.
const AIM: f32 = 0.95;

/// Up to here it has something left to give.
const IDLE: f32 = 0.91;

/// Up to here nothing need be proven: what one more of so few brings is less than what can be told within a second.
const HANDFUL: usize = 6;

/// A limit above this one falls fast.
const MANY: usize = 32;

/// The limit falls where the interpreter has been found busy each time for so long, which by chance is rare where it is just
/// as busy as it is to be; many need less.
const SURE: Duration = Duration::from_millis(600);
const SURE_OF_MANY: Duration = Duration::from_millis(300);

/// How long a look takes: from then on it is seen whether it has much left to give; a trial takes ten times as long, unless it is
/// clearly better before.
const GLANCE: Duration = Duration::from_millis(100);

/// So many times the limit of calls have to end until a rate says something: each place has its turn.
const TURNS: u64 = 2;

/// How far beyond the proven limit a trial goes where the interpreter has much left to give.
const UNPROVEN: usize = 4;

/// The part of what a trial can bring that it must bring, and at which it is clearly better. Half as high a limit again brings
/// half as much again where calls wait for what has room for all, up to what keeps the interpreter busy, and nothing where
/// they wait for each other.
const GAIN: f32 = 0.3;
const CLEAR_GAIN: f32 = 0.5;

/// What a lower limit may cost: less is an error of measuring, and fewer threads are better.
const LOSS: f32 = 0.03;

/// For how long nothing is concluded after a change: what is measured then is of the calls of before.
const SETTLING: Duration = Duration::from_millis(50);

/// For how long there is no trial after one that has brought nothing, and the most that becomes of it.
const REST: Duration = Duration::from_secs(1);
const LONGEST_REST: Duration = Duration::from_secs(16);

/// Where no call has ended for so long, those that run may wait for those that wait, and nothing need be proven.
const STALLED: Duration = Duration::from_millis(100);

/// What was measured since the last time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Measure {
    /// How long that is.
    pub(crate) time: Duration,
    /// The part of it in which the interpreter was somebody's, from 0 to 1; of all processors where it has no lock.
    pub(crate) busy: f32,
    /// How many calls have ended.
    pub(crate) ended: u64,
    /// Whether calls wait for a place, and all places are taken.
    pub(crate) is_short: bool,
}

/// How many calls may run at a time.
#[derive(Clone, Debug)]
pub(crate) struct Limit {
    now: usize,
    highest: usize,
    /// What is seen since the last change or conclusion, while calls wait for a place.
    time: Duration,
    held: Duration,
    ended: u64,
    /// What was seen of this limit; of the proven one while another is on trial.
    seen: Option<Seen>,
    proven: usize,
    /// For how long the interpreter has been busy each time it was asked for.
    full: Duration,
    /// Until something is concluded after a change.
    settling: Duration,
    /// Since a call has ended, or the limit was raised.
    stalled: Duration,
    /// Until the next trial of a higher limit, and of a lower one.
    higher: Rest,
    lower: Rest,
}

/// What comes of a limit.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Calls that end in a second.
    rate: f32,
    busy: f32,
}

/// How long there is no trial after a vain one: each time twice as long.
#[derive(Clone, Debug)]
struct Rest {
    left: Duration,
    next: Duration,
}

impl Rest {
    const NONE: Rest = Rest { left: Duration::ZERO, next: REST };

    const fn is_over(&self) -> bool {
        self.left.is_zero()
    }

    fn after_a_vain_trial(&self) -> Self {
        Rest { left: self.next, next: LONGEST_REST.min(self.next * 2) }
    }
}

impl Limit {
    /// The lowest limit, where there are so many threads: one call computes while another is on its way in or out, and two
    /// places are left for what is brief.
    pub(crate) const LOWEST: usize = 4;

    /// The limit of a pool with so many threads.
    pub(crate) fn new(threads: usize) -> Self {
        let highest = threads.max(1);
        let lowest = Self::LOWEST.min(highest);
        Limit {
            now: lowest,
            highest,
            time: Duration::ZERO,
            held: Duration::ZERO,
            ended: 0,
            seen: None,
            proven: lowest,
            full: Duration::ZERO,
            settling: Duration::ZERO,
            stalled: Duration::ZERO,
            higher: Rest::NONE,
            lower: Rest::NONE,
        }
    }

    pub(crate) const fn now(&self) -> usize {
        self.now
    }

    /// Measures begin, after a while without any.
    pub(crate) fn begin(&mut self) {
        self.full = Duration::ZERO;
        self.look_again();
    }

    /// Takes note of a measure; for the limit from now on.
    pub(crate) fn step(&mut self, measure: Measure) -> usize {
        for rest in [&mut self.higher, &mut self.lower] {
            rest.left = rest.left.saturating_sub(measure.time);
        }
        self.stalled = if measure.ended > 0 { Duration::ZERO } else { self.stalled + measure.time };
        if !self.settling.is_zero() {
            self.settling = self.settling.saturating_sub(measure.time);
            return self.now;
        }
        self.full = if measure.busy < 1.0 { Duration::ZERO } else { self.full + measure.time };
        let sure = if self.now > MANY { SURE_OF_MANY } else { SURE };
        if self.full >= sure && self.now > HANDFUL {
            self.prove((self.now - self.now / 3).max(HANDFUL), None);
            // The next step needs less.
            self.full = sure / 2;
            return self.now;
        }
        if measure.is_short {
            self.time += measure.time;
            self.held += measure.time.mul_f32(measure.busy.clamp(0.0, 1.0));
            self.ended += measure.ended;
            self.conclude();
        }
        self.now
    }

    /// Changes the limit where enough was seen.
    fn conclude(&mut self) {
        let time = self.time.as_secs_f32().max(1e-6);
        let seen = Seen { rate: self.ended as f32 / time, busy: self.held.as_secs_f32() / time };
        if self.time < GLANCE {
            return;
        }
        if self.stalled >= STALLED && seen.busy < IDLE {
            self.higher = Rest::NONE;
            return self.prove(self.highest.min(self.now * 2), None);
        }
        if self.now != self.proven {
            return self.judge(seen);
        }
        let has_much_left = seen.busy < IDLE / 2.0;
        let has_turned = self.ended >= TURNS * self.now as u64;
        let is_thorough = self.time >= GLANCE * 10;
        if !(is_thorough || has_much_left && (has_turned || self.seen.is_none())) {
            return;
        }
        if is_thorough || has_turned {
            self.seen = Some(seen);
        }
        self.look_again();
        if seen.busy < IDLE && self.now < self.highest && self.higher.is_over() {
            // As many more as would keep it busy, were they like those that run; no fewer than a trial can tell apart.
            let step = (self.now as f32 * (AIM / seen.busy.max(0.01) - 1.0)) as usize;
            let more = self.highest.min(self.now + step.clamp((self.now / 3).max(1), self.now));
            if more <= HANDFUL { self.prove(more, None) } else { self.set(more) }
        } else if self.now > HANDFUL && self.lower.is_over() {
            self.set(HANDFUL.max(self.now - (self.now / 4).max(1)));
        }
    }

    /// Looks whether the limit on trial is better than the proven one.
    fn judge(&mut self, seen: Seen) {
        let is_over = self.time >= GLANCE * 10;
        let has_turned = self.ended >= TURNS * self.now as u64;
        let Some(before) = self.seen else {
            return match has_turned || is_over {
                true => self.prove(self.now, Some(seen)),
                false => self.go_on(seen.busy),
            };
        };
        let ratio = seen.rate / before.rate.max(1e-6);
        let change = self.now as f32 / self.proven as f32 - 1.0;
        let is_higher = self.now > self.proven;
        let is_worth_it = if !is_higher {
            is_over.then_some(ratio >= 1.0 - LOSS)
        } else if before.busy < IDLE / 2.0 {
            // What the interpreter does of it is too little to be measured.
            let is_clear = has_turned && ratio >= 1.0 + change * CLEAR_GAIN;
            (is_over || is_clear).then_some(ratio >= 1.0 + change * GAIN)
        } else {
            let hope = (before.busy * (1.0 + change)).min(AIM) - before.busy;
            is_over.then_some(seen.busy >= before.busy + hope * CLEAR_GAIN && ratio >= 1.0)
        };
        let Some(is_worth_it) = is_worth_it else {
            if is_higher {
                self.go_on(before.busy.max(seen.busy));
            }
            return;
        };
        let rest = if is_higher { &mut self.higher } else { &mut self.lower };
        if is_worth_it {
            *rest = Rest::NONE;
            if is_higher {
                self.lower.left = self.lower.left.max(REST * 4);
            }
            self.prove(self.now, Some(seen));
        } else {
            *rest = rest.after_a_vain_trial();
            self.set(self.proven);
        }
    }

    /// Goes further with a trial: calls that wait for long take long to prove anything.
    fn go_on(&mut self, busy: f32) {
        let more = self.highest.min(self.proven * UNPROVEN).min(self.now * 2);
        if busy < IDLE / 2.0 && more > self.now {
            self.set(more);
        }
    }

    fn prove(&mut self, limit: usize, seen: Option<Seen>) {
        self.set(limit);
        self.proven = limit;
        self.seen = seen;
    }

    fn set(&mut self, limit: usize) {
        if limit != self.now {
            self.settling = SETTLING;
            self.full = Duration::ZERO;
            self.stalled = Duration::ZERO;
        }
        self.now = limit;
        self.look_again();
    }

    const fn look_again(&mut self) {
        self.time = Duration::ZERO;
        self.held = Duration::ZERO;
        self.ended = 0;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Steps of the simulator, of 0.1 ms, and how many of them there are to a tick.
    const TICK: usize = 250;
    const SECOND: usize = 10_000;

    /// What the calls do, in steps.
    #[derive(Clone, Copy, Debug)]
    struct Work {
        computes: usize,
        waits: usize,
        /// In how many parts, one after the other.
        parts: usize,
        /// How many may wait at a time, as for connections of a database.
        room: usize,
    }

    impl Work {
        const fn new(computes: usize, waits: usize) -> Self {
            Work { computes, waits, parts: 2, room: usize::MAX }
        }
    }

    #[derive(Clone, Copy)]
    struct Call {
        parts: usize,
        computes: usize,
        waits: usize,
        waits_now: bool,
    }

    /// Calls under one lock, in virtual time.
    struct Simulator {
        work: Work,
        /// In percent: how much of the time the lock is nobody's because the next thread is being woken.
        handover: usize,
        /// In percent: the share of the processor that others leave.
        share: usize,
        clients: usize,
        calls: Vec<Call>,
        turn: usize,
        random: u64,
        /// Steps that calls have computed.
        computed: usize,
    }

    impl Simulator {
        fn new(work: Work, clients: usize) -> Self {
            Simulator {
                work,
                handover: 0,
                share: 100,
                clients,
                calls: Vec::new(),
                turn: 0,
                random: 1,
                computed: 0,
            }
        }

        fn random(&mut self, below: usize) -> usize {
            self.random =
                self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.random >> 33) as usize % below.max(1)
        }

        fn begin(&mut self) {
            let Work { computes, waits, parts, .. } = self.work;
            // Each is half as long to half as long again.
            let mut vary = |steps: usize| steps / 2 + self.random(steps + 1);
            let (computes, waits) = (vary(computes), vary(waits));
            self.calls.push(Call {
                parts,
                computes: computes / parts,
                waits: waits / parts,
                waits_now: false,
            });
        }

        /// A step; whether the lock was somebody's, and how many have ended.
        fn step(&mut self, limit: usize) -> (bool, u64) {
            while self.calls.len() < limit.min(self.clients) {
                self.begin();
            }
            let mut room = self.work.room;
            let Work { computes, waits, parts, .. } = self.work;
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
                    (call.computes, call.waits, call.waits_now) = (computes / parts, waits / parts, false);
                }
            }
            let before = self.calls.len();
            self.calls.retain(|call| call.parts > 0);
            (holder.is_some(), (before - self.calls.len()) as u64)
        }

        /// How much is computed in so many steps under a fixed limit.
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

        /// The same under ours; with the limits after each tick.
        fn ours(&mut self, limit: &mut Limit, steps: usize) -> (usize, Vec<usize>) {
            let (before, mut limits) = (self.computed, Vec::new());
            for _ in 0..steps / TICK {
                let (mut ended, mut seen) = (0, 0_usize);
                for step in 0..TICK {
                    let (is_held, done) = self.step(limit.now());
                    // Looked at five times a tick.
                    seen += usize::from(is_held && step % (TICK / 5) == 0);
                    ended += done;
                }
                let is_short = self.clients > limit.now();
                limits.push(limit.step(Measure {
                    time: Duration::from_millis(25),
                    busy: seen as f32 / 5.0,
                    ended,
                    is_short,
                }));
            }
            (self.computed - before, limits)
        }
    }

    fn settled(work: Work, share: usize, clients: usize, threads: usize) -> (Vec<usize>, f64) {
        let simulator = || Simulator { share, ..Simulator::new(work, clients) };
        let mut ours = simulator();
        let mut limit = Limit::new(threads);
        ours.ours(&mut limit, 4 * SECOND);
        let (ended, limits) = ours.ours(&mut limit, 4 * SECOND);
        let mut best = 0;
        let mut fixed = 1;
        while fixed <= threads {
            best = best.max(simulator().fixed(fixed, 4 * SECOND));
            fixed *= 2;
        }
        (limits, ended as f64 / best as f64)
    }

    #[test]
    fn calls_that_compute_run_a_handful_at_a_time() {
        for share in [100, 30] {
            for computes in [10, 100, 1000] {
                let (limits, of_best) = settled(Work::new(computes, 0), share, 64, 256);
                assert!(limits.iter().all(|limit| *limit <= 8), "{computes} {share}: {limits:?}");
                assert!(of_best > 0.9, "{computes} {share}: {of_best}");
            }
        }
    }

    #[test]
    fn calls_that_wait_run_side_by_side() {
        for waits in [200, 2000, 10_000] {
            let (limits, of_best) = settled(Work::new(2, waits), 100, 64, 256);
            let most = limits.iter().max();
            assert!(most.is_some_and(|most| *most >= 64), "{waits}: {limits:?}");
            assert!(of_best > 0.9, "{waits}: {of_best} {limits:?}");
        }
    }

    /// As a page on SQLite does: the lock changes hands so often that it is found free, though more threads bring nothing.
    #[test]
    fn handing_over_is_no_reason_for_more() {
        for handover in [15, 20, 30] {
            let mut simulator = Simulator { handover, ..Simulator::new(Work::new(50, 2), 64) };
            let mut limit = Limit::new(256);
            simulator.ours(&mut limit, SECOND);
            let (_, limits) = simulator.ours(&mut limit, 20 * SECOND);
            let mean = limits.iter().sum::<usize>() as f64 / limits.len() as f64;
            let most = limits.iter().max().copied().unwrap_or_default();
            assert!(mean < 9.0 && most <= 16, "{handover}: {mean} {most} {limits:?}");
        }
    }

    /// Once it has settled it stays, but for trials, which become rare.
    #[test]
    fn it_does_not_swing() {
        let works =
            [Work::new(100, 0), Work::new(20, 20), Work::new(20, 60), Work::new(20, 200), Work::new(2, 2000)];
        for work in works {
            let (mut limit, mut simulator) = (Limit::new(256), Simulator::new(work, 64));
            simulator.ours(&mut limit, 10 * SECOND);
            let (_, limits) = simulator.ours(&mut limit, 20 * SECOND);
            // Of a handful one more or less is nothing.
            let changes = limits.windows(2).filter(|pair| pair[0].abs_diff(pair[1]) > 1).count();
            assert!(changes <= 40, "{work:?}: {changes} {limits:?}");
        }
    }

    /// A page with queries: what is in between.
    #[test]
    fn calls_that_do_both_run_as_many_as_it_takes() {
        for (computes, waits) in [(20, 20), (20, 60), (20, 200), (50, 500), (5, 100)] {
            for share in [100, 40] {
                let (limits, of_best) = settled(Work::new(computes, waits), share, 64, 256);
                assert!(of_best > 0.9, "{computes} {waits} {share}: {of_best} {limits:?}");
            }
        }
    }

    /// Where calls wait for what has room for few, more of them bring nothing.
    #[test]
    fn what_brings_nothing_is_taken_back() {
        let work = Work { room: 2, ..Work::new(2, 200) };
        let (limits, of_best) = settled(work, 100, 256, 256);
        let mean = limits.iter().sum::<usize>() as f64 / limits.len() as f64;
        assert!(mean < 24.0, "{mean}: {limits:?}");
        assert!(of_best > 0.9, "{of_best}");
    }

    #[test]
    fn it_falls_fast() {
        let mut limit = Limit::new(256);
        Simulator::new(Work::new(2, 2000), 256).ours(&mut limit, 3 * SECOND);
        assert!(limit.now() > 100, "{limit:?}");
        let (_, limits) = Simulator::new(Work::new(100, 0), 256).ours(&mut limit, 3 * SECOND);
        let ticks = |most| limits.iter().position(|limit| *limit <= most).unwrap_or(limits.len());
        assert!(ticks(32) <= 60 && ticks(8) <= 110, "{limits:?}");
    }

    /// Calls that wait for calls which have not begun.
    #[test]
    fn who_waits_for_each_other_is_let_through() {
        let mut limit = Limit::new(256);
        let stalled = Measure { time: Duration::from_millis(25), busy: 0.0, ended: 0, is_short: true };
        let ticks = (0..200).position(|_| limit.step(stalled) == 256);
        assert!(ticks.is_some_and(|ticks| ticks <= 40), "{limit:?}");
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(
            threads in 1..300_usize,
            measures in proptest::collection::vec((0..100_u64, 0.0..1.0_f32, 0..1000_u64, any::<bool>()), 0..200),
        ) {
            let mut limit = Limit::new(threads);
            for (time, busy, ended, is_short) in measures {
                let time = Duration::from_millis(time);
                let now = limit.step(Measure { time, busy, ended, is_short });
                prop_assert!((1..=threads).contains(&now));
            }
        }
    }
}
