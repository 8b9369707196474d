//! The threads that may block: they make the calls that are not made inline.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;

use crate::LOG;
use crate::inlining::{Load, Pace};
pub use crate::threads::Around;
use crate::threads::Threads;

/// How many calls are made at a time that take long because they compute, or of which nothing is known, on one loop. Where
/// one lock is around all computing, as in most of Python, more of them would but slow each other down, and all that is short
/// as well; where there is none, there is a loop for each processor.
const NARROW: usize = 2;

/// The same of calls that compute, but not for long: some more, as they may wait for something else than the lock half of the
/// time. Of sixteen at a time each would ask for the lock every millisecond, and that leaves a processor idle now and then.
const MIDDLE: usize = 4;

/// How many threads there are for calls in no lane, and for those that are let in because nothing goes on.
const BESIDES: usize = 16;

/// When this number of calls waits in a lane, the lane drops the calls whose clients wait no longer.
const SWEEP: usize = 1024;

/// A bounded number of threads, apart from those of the runtime that read files, so that no file waits for a slow handler.
/// Each stays for the next call, with what the application keeps for a thread.
///
/// Calls are made first come, first served, in three lanes. In the narrow one, of what computes for long and of routes that
/// are not known yet, few are made at a time, in the middle one, of what else computes, some; should those wait for a call
/// behind them, nothing would go on for good, so another one is let in when none has ended for a while. A call that has come to where it
/// only waits for its client leaves them for the wide one. The first call of a route is made at once, in no lane: it tells
/// where the others go.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    threads: Threads,
    narrow: Mutex<Queue>,
    middle: Mutex<Queue>,
    wide: Mutex<Queue>,
}

struct Queue {
    /// How many are made at a time.
    most: usize,
    /// How many besides, as none had ended for a while: one for each of those that still have not.
    besides: usize,
    /// How often one was let in besides.
    let_in: u64,
    busy: usize,
    /// How many have ended.
    done: u64,
    waiting: VecDeque<Call>,
    /// How many may wait until those are looked for that nobody wants any more.
    sweep_at: usize,
    is_watched: bool,
    /// Calls that come are dropped.
    is_over: bool,
}

struct Call {
    pace: Arc<Pace>,
    /// Whether it begins with waiting for its client, so that it belongs to the wide lane, whatever its route.
    waits: bool,
    /// How often one was let into its lane besides when it began.
    after: u64,
    /// Where it came from, and where what it waits for is driven.
    runtime: Handle,
    job: Box<dyn Job>,
}

/// What is done for a call.
pub trait Job: Send {
    /// Does it.
    fn run(self: Box<Self>);

    /// Whether somebody still waits for it. One that nobody waits for may be dropped.
    fn is_wanted(&self) -> bool {
        true
    }
}

impl<F: FnOnce() + Send> Job for F {
    fn run(self: Box<Self>) {
        self();
    }
}

impl Call {
    /// `None` outside a runtime: the call is dropped, and its client told.
    fn new(pace: &Arc<Pace>, waits: bool, job: impl Job + 'static) -> Option<Self> {
        let runtime = Handle::try_current().ok()?;
        Some(Call { pace: Arc::clone(pace), waits, after: 0, runtime, job: Box::new(job) })
    }
}

/// Where a call is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lane {
    Narrow,
    Middle,
    Wide,
    None,
}

impl Lane {
    const fn of(load: Load) -> Self {
        match load {
            Load::Unknown | Load::Hard => Lane::Narrow,
            Load::Medium => Lane::Middle,
            Load::Light => Lane::Wide,
        }
    }
}

impl Queue {
    fn new(most: usize) -> Mutex<Self> {
        Mutex::new(Queue {
            most,
            besides: 0,
            let_in: 0,
            busy: 0,
            done: 0,
            waiting: VecDeque::new(),
            sweep_at: SWEEP,
            is_watched: false,
            is_over: false,
        })
    }

    fn wait(&mut self, call: Call) {
        if self.waiting.len() >= self.sweep_at {
            self.waiting.retain(|call| call.job.is_wanted());
            self.sweep_at = SWEEP.max(self.waiting.len() * 2);
        }
        self.waiting.push_back(call);
    }

    const fn has_room(&self) -> bool {
        self.busy < self.most.saturating_add(self.besides)
    }

    fn begin(&mut self, mut call: Call) -> Call {
        self.busy += 1;
        call.after = self.let_in;
        call
    }

    /// One that began after so many were let in has ended; the next one, if any waits and there is room for it.
    fn next(&mut self, after: u64) -> Option<Call> {
        self.done += 1;
        self.busy -= 1;
        if after < self.let_in {
            self.besides = self.besides.saturating_sub(1);
        }
        let next = if self.has_room() { self.waiting.pop_front() } else { None };
        next.map(|call| self.begin(call))
    }

    /// Another one, though there is no room for it.
    fn let_in(&mut self) -> Option<Call> {
        let next = self.waiting.pop_front()?;
        self.besides += 1;
        self.let_in += 1;
        Some(self.begin(next))
    }
}

thread_local! {
    /// Where the call is counted that this thread makes, and after how many that were let in.
    static COUNTED: RefCell<Option<(Pool, Lane, u64)>> = const { RefCell::new(None) };
}

/// Says of the call that this thread makes on a [`Pool`] that the rest of it waits for somebody else, as for its client, so that
/// no other call has to wait for it.
pub fn only_waits_now() {
    let Some((pool, lane, after)) = COUNTED.take() else { return };
    if !matches!(lane, Lane::Narrow | Lane::Middle) {
        return COUNTED.set(Some((pool, lane, after)));
    }
    pool.0.queue(Lane::Wide).busy += 1;
    let next = pool.0.queue(lane).next(after);
    if let Some(next) = next {
        pool.begin(lane, next);
    }
    COUNTED.set(Some((pool, Lane::Wide, 0)));
}

/// Until the result is dropped, the call that this thread makes on a [`Pool`] takes no place in its lane, because it waits for
/// its client: others may be made meanwhile. How many do so at a time is the caller's to limit.
#[must_use]
pub fn step_aside() -> Aside {
    let Some((pool, lane, after)) = COUNTED.take() else { return Aside(None) };
    if lane == Lane::None {
        COUNTED.set(Some((pool, lane, after)));
        return Aside(None);
    }
    let next = pool.0.queue(lane).next(after);
    if let Some(next) = next {
        pool.begin(lane, next);
    }
    COUNTED.set(Some((pool.clone(), Lane::None, 0)));
    Aside(Some((pool, lane)))
}

/// See [`step_aside`].
pub struct Aside(Option<(Pool, Lane)>);

impl Drop for Aside {
    fn drop(&mut self) {
        let Some((pool, lane)) = self.0.take() else { return };
        let after = {
            let mut queue = pool.0.queue(lane);
            queue.busy += 1;
            queue.let_in
        };
        COUNTED.set(Some((pool, lane, after)));
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aside").field(&self.0.as_ref().map(|(_, lane)| lane)).finish()
    }
}

impl Pool {
    /// A pool of so many threads for so many loops. Each thread does its work within `around`.
    #[must_use]
    pub fn new(threads: usize, loops: usize, around: Around) -> Self {
        let of_all = |most: usize| most.saturating_mul(loops).min(threads);
        let (narrow, middle) = (of_all(NARROW), of_all(MIDDLE));
        let all = [threads, narrow, middle, BESIDES].into_iter().fold(0, usize::saturating_add);
        Pool(Arc::new(Shared {
            threads: Threads::new(all, around),
            narrow: Queue::new(narrow),
            middle: Queue::new(middle),
            wide: Queue::new(threads),
        }))
    }

    /// Drops what waits, ends the threads that have nothing to do, and waits for that. The others end after their calls.
    pub fn end(&self) {
        for lane in [Lane::Narrow, Lane::Middle, Lane::Wide] {
            let left = {
                let mut queue = self.0.queue(lane);
                queue.is_over = true;
                mem::take(&mut queue.waiting)
            };
            drop(left);
        }
        self.0.threads.end();
    }

    /// Makes a call of a route on a thread of its own, as soon as one is free; within the tokio runtime that this is called
    /// on.
    pub fn spawn(&self, pace: &Arc<Pace>, job: impl Job + 'static) {
        let Some(call) = Call::new(pace, false, job) else { return };
        match pace.load() {
            Load::Unknown if pace.is_first() => self.begin(Lane::None, call),
            load => self.enter(Lane::of(load), call),
        }
    }

    /// The same for a call that begins with waiting for its client: it holds up nothing that computes.
    pub fn spawn_waiting(&self, pace: &Arc<Pace>, job: impl Job + 'static) {
        let Some(call) = Call::new(pace, true, job) else { return };
        self.enter(Lane::Wide, call);
    }

    fn enter(&self, lane: Lane, call: Call) {
        let mut queue = self.0.queue(lane);
        if queue.is_over {
            // The lock first: what ends with the call may make others.
            drop(queue);
            drop(call);
        } else if queue.has_room() {
            let call = queue.begin(call);
            drop(queue);
            self.begin(lane, call);
        } else {
            let runtime = call.runtime.clone();
            queue.wait(call);
            if lane != Lane::Wide && !mem::replace(&mut queue.is_watched, true) {
                drop(queue);
                runtime.spawn(self.clone().watch(lane));
            }
        }
    }

    fn begin(&self, lane: Lane, call: Call) {
        let pool = self.clone();
        let started = self.0.threads.run(Box::new(move || pool.work(lane, call)));
        if let Err(error) = started {
            // The call is dropped, and its client told; so are those that nobody would come for.
            tracing::error!(target: LOG, %error, "no thread for a call");
            if lane != Lane::None {
                let mut queue = self.0.queue(lane);
                queue.busy -= 1;
                let left = if queue.busy == 0 { mem::take(&mut queue.waiting) } else { VecDeque::new() };
                drop(queue);
                drop(left);
            }
        }
    }

    /// Makes this call, and then what waits in its lane.
    fn work(&self, lane: Lane, first: Call) {
        let (mut lane, mut next) = (lane, Some(first));
        while let Some(Call { pace, waits, mut after, runtime, job }) = next {
            let waited_in = if lane == Lane::None { Lane::of(Load::Unknown) } else { lane };
            COUNTED.set(Some((self.clone(), lane, after)));
            let entered = runtime.enter();
            // A panic is told by its hook, and whoever waits for an answer by its going away.
            let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
            drop(entered);
            (lane, after) = COUNTED.take().map_or((lane, after), |(_, lane, after)| (lane, after));
            let belongs_to = Lane::of(pace.load());
            if belongs_to != waited_in && !waits {
                self.sort(&pace, waited_in, belongs_to);
            }
            if lane == Lane::None {
                return;
            }
            next = self.0.queue(lane).next(after);
        }
    }

    /// Has those calls of a route that wait in one lane wait in another.
    fn sort(&self, pace: &Arc<Pace>, from: Lane, to: Lane) {
        let calls = {
            let mut queue = self.0.queue(from);
            let all = mem::take(&mut queue.waiting).into_iter();
            let (calls, rest) =
                all.partition::<VecDeque<_>, _>(|call| !call.waits && Arc::ptr_eq(&call.pace, pace));
            queue.waiting = rest;
            calls
        };
        calls.into_iter().for_each(|call| self.enter(to, call));
    }

    /// Lets another call into a lane whenever none has ended for as long as the first one wants to wait.
    async fn watch(self, lane: Lane) {
        loop {
            let (patience, done) = {
                let mut queue = self.0.queue(lane);
                match queue.waiting.front() {
                    Some(first) => (first.pace.load().patience(), queue.done),
                    None => {
                        queue.is_watched = false;
                        return;
                    }
                }
            };
            tokio::time::sleep(patience).await;
            let next = {
                let mut queue = self.0.queue(lane);
                if queue.done == done { queue.let_in() } else { None }
            };
            if let Some(call) = next {
                self.begin(lane, call);
            }
        }
    }
}

impl Shared {
    fn queue(&self, lane: Lane) -> MutexGuard<'_, Queue> {
        let queue = match lane {
            Lane::Narrow => &self.narrow,
            Lane::Middle => &self.middle,
            // Nothing waits in none.
            Lane::Wide | Lane::None => &self.wide,
        };
        queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.0.queue(Lane::Wide).most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use tokio::sync::mpsc;

    use super::*;
    use crate::inlining::{Place, Rule};
    use crate::usage::Usage;

    /// Calls that are timed, as those of a server are: how many were made at a time, and how long all took.
    async fn run(pool: &Pool, pace: &Arc<Pace>, calls: usize, call: fn()) -> (usize, Duration) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (sender, mut receiver) = mpsc::channel(calls);
        let begun = Instant::now();
        for _ in 0..calls {
            let (now, most, sender) = (Arc::clone(&now), Arc::clone(&most), sender.clone());
            let timed = Arc::clone(pace);
            pool.spawn(pace, move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                timed.time(&Rule::default(), Place::Pool, |_| call());
                now.fetch_sub(1, Ordering::SeqCst);
                sender.blocking_send(()).unwrap();
            });
        }
        for _ in 0..calls {
            tokio::time::timeout(Duration::from_secs(30), receiver.recv()).await.unwrap().unwrap();
        }
        (most.load(Ordering::SeqCst), begun.elapsed())
    }

    fn compute() {
        let end = Usage::now().computed + Duration::from_millis(10);
        while Usage::now().computed < end {}
    }

    fn wait() {
        std::thread::sleep(Duration::from_millis(200));
    }

    fn compute_briefly() {
        let end = Usage::now().computed + Duration::from_millis(2);
        while Usage::now().computed < end {}
    }

    /// On a machine that has other work a call may seem to wait, and more are made then.
    #[tokio::test]
    async fn few_calls_compute_at_a_time() {
        for (call, at_a_time) in [(compute as fn(), NARROW), (compute_briefly, MIDDLE)] {
            let mut seen = Vec::new();
            while seen.last() != Some(&at_a_time) {
                assert!(seen.len() < 10, "{seen:?}");
                let (pool, pace) = (Pool::new(16, 1, |work| work()), Arc::default());
                run(&pool, &pace, 1, call).await;
                seen.push(run(&pool, &pace, 20, call).await.0);
            }
        }
    }

    /// Those that stream to their clients leave the lanes to others.
    #[tokio::test]
    async fn calls_that_only_wait_now_hold_up_no_others() {
        let (pool, pace) = (Pool::new(32, 1, |work| work()), Arc::<Pace>::default());
        run(&pool, &pace, 1, compute).await;
        let barrier = Arc::new(Barrier::new(17));
        for _ in 0..16 {
            let (barrier, timed) = (Arc::clone(&barrier), Arc::clone(&pace));
            pool.spawn(&pace, move || {
                timed.time(&Rule::default(), Place::Pool, |_| compute());
                only_waits_now();
                barrier.wait();
            });
        }
        // Patience alone would let one in each second.
        let all_wait = tokio::task::spawn_blocking(move || barrier.wait());
        tokio::time::timeout(Duration::from_secs(8), all_wait).await.unwrap().unwrap();
        assert!(run(&pool, &pace, 4, compute).await.1 < Duration::from_secs(5));
    }

    /// The first call tells that they only wait: then those that came meanwhile go on side by side.
    #[tokio::test]
    async fn many_calls_wait_at_a_time() {
        let (pool, pace) = (Pool::new(64, 1, |work| work()), Arc::default());
        let (most, took) = run(&pool, &pace, 50, wait).await;
        assert!(most > 40, "{most}");
        assert!(took < Duration::from_secs(2), "{took:?}");
    }

    struct Unwanted(Arc<AtomicUsize>);

    impl Job for Unwanted {
        fn run(self: Box<Self>) {}

        fn is_wanted(&self) -> bool {
            false
        }
    }

    impl Drop for Unwanted {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn calls_that_nobody_wants_do_not_pile_up() {
        let (pool, pace) = (Pool::new(1, 1, |work| work()), Arc::<Pace>::default());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        pool.spawn_waiting(&pace, move || receiver.recv().unwrap_or_default());
        let (left, mut most) = (Arc::new(AtomicUsize::new(0)), 0);
        for _ in 0..SWEEP * 10 {
            left.fetch_add(1, Ordering::SeqCst);
            pool.spawn_waiting(&pace, Unwanted(Arc::clone(&left)));
            most = most.max(left.load(Ordering::SeqCst));
        }
        assert!(most <= SWEEP + 1, "{most}");
        drop(sender);
    }

    /// One that waits for its client leaves its place to another, and takes it again.
    #[tokio::test]
    async fn who_steps_aside_holds_up_no_other() {
        let (pool, pace) = (Pool::new(1, 1, |work| work()), Arc::<Pace>::default());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (ended, mut all_ended) = mpsc::channel(4);
        let first = ended.clone();
        pool.spawn_waiting(&pace, move || {
            let aside = step_aside();
            receiver.recv_timeout(Duration::from_secs(20)).unwrap();
            drop(aside);
            first.blocking_send("first").unwrap();
        });
        pool.spawn_waiting(&pace, move || {
            sender.send(()).unwrap();
            ended.blocking_send("second").unwrap();
        });
        for _ in 0..2 {
            tokio::time::timeout(Duration::from_secs(20), all_ended.recv()).await.unwrap().unwrap();
        }
        while pool.0.queue(Lane::Wide).busy > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(run(&pool, &pace, 8, || ()).await.0, 1);
    }

    #[tokio::test]
    async fn no_more_than_there_are_threads() {
        let (pool, pace) = (Pool::new(4, 1, |work| work()), Arc::default());
        run(&pool, &pace, 1, wait).await;
        assert_eq!(run(&pool, &pace, 12, wait).await.0, 4);
    }

    /// Requests that wait for each other are not held up for good.
    #[tokio::test]
    async fn calls_that_wait_for_each_other_go_on() {
        let (pool, pace) = (Pool::new(16, 1, |work| work()), Arc::<Pace>::default());
        let barrier = Arc::new(Barrier::new(6));
        let (sender, mut receiver) = mpsc::channel(6);
        for _ in 0..6 {
            let (barrier, sender) = (Arc::clone(&barrier), sender.clone());
            pool.spawn(&pace, move || {
                barrier.wait();
                sender.blocking_send(()).unwrap();
            });
        }
        for _ in 0..6 {
            tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.unwrap();
        }
        // The lane is as narrow as before once they have ended.
        while pool.0.queue(Lane::Narrow).busy > 0 {
            tokio::task::yield_now().await;
        }
        let queue = pool.0.queue(Lane::Narrow);
        assert_eq!((queue.besides, queue.let_in >= 3), (0, true));
    }

    #[tokio::test]
    async fn a_panic_takes_no_thread_away() {
        let (pool, pace) = (Pool::new(1, 1, |work| work()), Arc::default());
        run(&pool, &pace, 1, wait).await;
        pool.spawn(&pace, || panic!("on purpose"));
        assert_eq!(run(&pool, &pace, 1, wait).await.0, 1);
    }

    #[tokio::test]
    async fn what_waits_at_the_end_is_dropped() {
        let (pool, pace) = (Pool::new(1, 1, |work| work()), Arc::<Pace>::default());
        // Its route is known, and not the first call.
        run(&pool, &pace, 1, wait).await;
        let barrier = Arc::new(Barrier::new(2));
        let (sender, mut receiver) = mpsc::channel(3);
        let released = Arc::clone(&barrier);
        pool.spawn(&pace, move || {
            released.wait();
            released.wait();
        });
        // It has begun, and so it is made to its end.
        barrier.wait();
        let call = || {
            let sender = sender.clone();
            pool.spawn(&pace, move || sender.blocking_send(()).unwrap());
        };
        call();
        pool.end();
        call();
        barrier.wait();
        drop(sender);
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.unwrap(), None);
    }
}
