//! The thread pool: its threads may block, and run the calls that are not made inline.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::runtime::Handle;

use crate::PATIENCE;
use crate::inlining::{Load, RouteTimes};
use crate::limit::{ConcurrencyLimit, LOOK, Measure};
pub use crate::meter::TakeLock;
use crate::meter::{Meter, Sample};
pub use crate::threads::Around;
use crate::threads::Threads;

/// Once this many calls are queued, the queue drops those whose clients have gone away.
const SWEEP: usize = 1024;

/// A thread pool of bounded size, separate from the runtime's blocking threads that read files, so that no
/// file waits for a slow handler. A thread stays alive for the next call and keeps the thread-local objects
/// of the application, such as a database connection. The thread that finished a call last gets the next one,
/// so that only few threads hold such objects where few calls run at a time.
///
/// How many calls run at a time follows from how busy the compute lock is (module `limit`). Brief calls do not
/// wait for long ones: when long calls hold all places, one brief call runs beyond the limit. Otherwise calls
/// run first come, first served. A call that only waits for its client any more soon gives its place back;
/// such calls are bounded by the number of threads, not by the limit.
#[derive(Clone)]
pub struct Pool(Arc<PoolShared>);

struct PoolShared {
    threads: Threads,
    state: Mutex<PoolState>,
    meter: Meter,
}

struct PoolState {
    /// How many threads there are.
    threads: usize,
    limit: ConcurrencyLimit,
    /// How many running calls hold a place of the limit; `long` of them compute for long.
    running: usize,
    long: usize,
    /// Calls that wait for their clients and hold no place: `beside` until they end, `aside` for a while (see
    /// [`step_aside`]).
    beside: usize,
    aside: usize,
    /// Calls that only wait for their clients any more and still hold their places, by the order in which
    /// they said so ([`only_waits_now`]); `streamed` counts them.
    streams: BTreeMap<u64, (Instant, CallClass)>,
    streamed: u64,
    /// How many calls have arrived, and how many of those that held a place have ended.
    come: u64,
    ended: u64,
    brief_calls: Queue,
    long_calls: Queue,
    calls_beside: Queue,
    /// Whether a meter thread measures this pool.
    is_measured: bool,
    /// The pool has ended: new calls are dropped.
    is_over: bool,
}

/// Calls that wait for a place.
#[derive(Default)]
struct Queue {
    calls: VecDeque<QueuedCall>,
    /// The length from which on the queue is next searched for calls that nobody wants any more.
    sweep_at: usize,
}

impl Queue {
    fn put(&mut self, call: QueuedCall) {
        if self.calls.len() >= self.sweep_at.max(SWEEP) {
            self.calls.retain(|call| call.job.is_wanted());
            self.sweep_at = self.calls.len() * 2;
        }
        self.calls.push_back(call);
    }

    /// The arrival number of the first call.
    fn first(&self) -> Option<u64> {
        self.calls.front().map(|call| call.number)
    }
}

struct QueuedCall {
    route_times: Arc<RouteTimes>,
    /// Calls are numbered in order of arrival.
    number: u64,
    /// The runtime that the call came from; it drives the I/O that the call waits for.
    runtime: Handle,
    job: Box<dyn Job>,
}

/// The work of a call.
pub trait Job: Send {
    /// Does the work.
    fn run(self: Box<Self>);

    /// Whether somebody still waits for the result. A job that nobody waits for may be dropped.
    fn is_wanted(&self) -> bool {
        true
    }
}

impl<F: FnOnce() + Send> Job for F {
    fn run(self: Box<Self>) {
        self();
    }
}

impl QueuedCall {
    /// `None` outside a runtime: the call is dropped, and its client is told so.
    fn new(route_times: &Arc<RouteTimes>, job: impl Job + 'static) -> Option<Self> {
        let runtime = Handle::try_current().ok()?;
        Some(QueuedCall { route_times: Arc::clone(route_times), number: 0, runtime, job: Box::new(job) })
    }
}

/// Where a call is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CallClass {
    Brief,
    Long,
    Beside,
}

impl PoolState {
    fn new(threads: usize) -> Self {
        PoolState {
            threads: threads.max(1),
            limit: ConcurrencyLimit::new(threads),
            running: 0,
            long: 0,
            beside: 0,
            aside: 0,
            streams: BTreeMap::new(),
            streamed: 0,
            come: 0,
            ended: 0,
            brief_calls: Queue::default(),
            long_calls: Queue::default(),
            calls_beside: Queue::default(),
            is_measured: false,
            is_over: false,
        }
    }

    fn queue(&mut self, place: CallClass) -> &mut Queue {
        match place {
            CallClass::Brief => &mut self.brief_calls,
            CallClass::Long => &mut self.long_calls,
            CallClass::Beside => &mut self.calls_beside,
        }
    }

    /// Whether calls wait for a place, and all places are taken.
    fn is_short(&self) -> bool {
        !self.has_place() && self.is_waited_for()
    }

    fn is_waited_for(&self) -> bool {
        self.brief_calls.first().is_some() || self.long_calls.first().is_some()
    }

    fn has_place(&self) -> bool {
        self.running < self.limit.now()
    }

    /// Brief calls do not wait for long ones: where long calls hold all places, one brief call runs beyond
    /// the limit.
    fn has_place_for_brief(&self) -> bool {
        self.has_place() || self.running == self.long && self.running < self.limit.highest()
    }

    /// Whether a measurement can change the limit: calls are queued, or more than one runs.
    fn is_worth_measuring(&self) -> bool {
        self.is_waited_for() || self.running > 1
    }

    const fn has_thread(&self) -> bool {
        self.running + self.beside + self.aside < self.threads
    }

    /// Whether one more call may wait for its client until it ends. A quarter of the threads, at least one,
    /// stays free for other calls, unless there is only one thread.
    fn may_be_beside(&self) -> bool {
        self.beside < (self.threads - (self.threads / 4).max(1)).max(1)
    }

    fn count(&mut self, place: CallClass) {
        match place {
            CallClass::Beside => self.beside += 1,
            CallClass::Brief => self.running += 1,
            CallClass::Long => (self.running, self.long) = (self.running + 1, self.long + 1),
        }
    }

    fn uncount(&mut self, place: CallClass) {
        match place {
            CallClass::Beside => self.beside -= 1,
            CallClass::Brief => self.running -= 1,
            CallClass::Long => (self.running, self.long) = (self.running - 1, self.long - 1),
        }
    }

    /// Stops counting the call, and returns the class that it was counted in.
    fn leave(&mut self, CountedCall { place, stream }: CountedCall) -> CallClass {
        let has_place = stream.is_none_or(|number| self.streams.remove(&number).is_some());
        let place = if has_place { place } else { CallClass::Beside };
        self.uncount(place);
        place
    }

    /// Takes their places from calls that have only waited for longer than [`PATIENCE`]; for the limit, these
    /// calls have ended. A page that is merely generated in pieces ends sooner and keeps its place, so that
    /// it needs no more threads than any other page. Returns whether a place came free.
    fn release_streams(&mut self) -> bool {
        let before = self.streams.len();
        while self.may_be_beside()
            && let Some(first) = self.streams.first_entry()
            && first.get().0.elapsed() >= PATIENCE
        {
            let (_, place) = first.remove();
            self.uncount(place);
            self.count(CallClass::Beside);
            self.ended += 1;
        }
        self.streams.len() < before
    }

    /// Takes the next call for which there are a place and a thread.
    fn next(&mut self) -> Option<(CallClass, QueuedCall)> {
        if !self.has_thread() {
            return None;
        }
        let brief = self.brief_calls.first().filter(|_| self.has_place_for_brief());
        let long = self.long_calls.first().filter(|_| self.has_place());
        let place = match (brief, long) {
            (Some(brief), Some(long)) if long < brief => Some(CallClass::Long),
            (Some(_), _) => Some(CallClass::Brief),
            (None, Some(_)) => Some(CallClass::Long),
            (None, None) => None,
        };
        let place = place.or_else(|| self.may_be_beside().then_some(CallClass::Beside))?;
        let call = self.queue(place).calls.pop_front()?;
        self.count(place);
        Some((place, call))
    }
}

thread_local! {
    /// How the call that this thread runs is counted.
    static COUNTED: RefCell<Option<(Pool, CountedCall)>> = const { RefCell::new(None) };
}

/// The class in which a call has been counted since it began, and its key in `streams` once it only waits.
#[derive(Clone, Copy, Debug)]
struct CountedCall {
    place: CallClass,
    stream: Option<u64>,
}

/// Declares that the call which this thread runs on a [`Pool`] only waits from now on, for example for its
/// client. The call soon gives its place to another one.
pub fn only_waits_now() {
    let Some((pool, mut counted)) = COUNTED.take() else { return };
    if counted.place != CallClass::Beside && counted.stream.is_none() {
        let mut state = pool.0.state();
        state.streamed += 1;
        let number = state.streamed;
        state.streams.insert(number, (Instant::now(), counted.place));
        counted.stream = Some(number);
    }
    COUNTED.set(Some((pool, counted)));
}

/// Frees the place of the call that this thread runs on a [`Pool`], until the result is dropped: the call
/// waits for its client, and other calls may run meanwhile. The caller limits how many calls step aside at a
/// time.
#[must_use]
pub fn step_aside() -> Aside {
    let Some((pool, counted)) = COUNTED.take() else { return Aside(None) };
    let mut state = pool.0.state();
    let mut place = state.leave(counted);
    if counted.stream.is_some() && state.may_be_beside() {
        // The call streams to its client, and will go on doing so.
        place = CallClass::Beside;
    }
    state.aside += 1;
    drop(state);
    pool.fill();
    Aside(Some((pool, place)))
}

/// See [`step_aside`].
pub struct Aside(Option<(Pool, CallClass)>);

impl Drop for Aside {
    fn drop(&mut self) {
        let Some((pool, place)) = self.0.take() else { return };
        let mut state = pool.0.state();
        state.aside -= 1;
        state.count(place);
        drop(state);
        COUNTED.set(Some((pool, CountedCall { place, stream: None })));
    }
}

impl fmt::Debug for Aside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Aside").field(&self.0.as_ref().map(|(_, place)| place)).finish()
    }
}

impl Pool {
    /// A pool of this number of threads, at least one. Each thread does its work within `around`. `take_lock`
    /// takes the compute lock for a moment, within `around` as well; it is `None` where calls share no such
    /// lock.
    #[must_use]
    pub fn new(threads: usize, around: Around, take_lock: Option<TakeLock>) -> Self {
        Pool(Arc::new(PoolShared {
            threads: Threads::new(threads, around),
            state: Mutex::new(PoolState::new(threads)),
            meter: Meter { around, take_lock },
        }))
    }

    /// How many of its threads make calls now.
    #[must_use]
    pub fn busy(&self) -> usize {
        let state = self.0.state();
        state.running + state.beside + state.aside
    }

    /// Drops the queued calls, ends the idle threads, and waits for their end. The other threads end after
    /// their calls.
    pub fn end(&self) {
        let left = {
            let mut state = self.0.state();
            state.is_over = true;
            [CallClass::Brief, CallClass::Long, CallClass::Beside].map(|place| mem::take(state.queue(place)))
        };
        drop(left);
        self.0.threads.end();
    }

    /// Runs a call of a route on a thread of the pool as soon as there are a place and a thread, within the
    /// tokio runtime that `spawn` is called on. The first call of a route counts as brief; its time tells
    /// what the others are.
    pub fn spawn(&self, route_times: &Arc<RouteTimes>, job: impl Job + 'static) {
        let Some(call) = QueuedCall::new(route_times, job) else { return };
        let place = match route_times.load() {
            Load::Brief => CallClass::Brief,
            Load::Unknown if route_times.is_first() => CallClass::Brief,
            Load::Unknown | Load::Long => CallClass::Long,
        };
        self.enter(place, call);
    }

    /// Like [`spawn`](Self::spawn), but for a call that begins by waiting for its client: the call takes no place of the limit.
    pub fn spawn_waiting(&self, route_times: &Arc<RouteTimes>, job: impl Job + 'static) {
        let Some(call) = QueuedCall::new(route_times, job) else { return };
        self.enter(CallClass::Beside, call);
    }

    fn enter(&self, place: CallClass, mut call: QueuedCall) {
        let mut state = self.0.state();
        if state.is_over {
            // Release the lock first: dropping the call may spawn others.
            drop(state);
            return drop(call);
        }
        state.come += 1;
        call.number = state.come;
        state.queue(place).put(call);
        drop(state);
        self.fill();
    }

    /// Begins as many calls as there are places and threads for; starts the meter while other calls wait.
    fn fill(&self) {
        loop {
            let mut state = self.0.state();
            if let Some((place, call)) = state.next() {
                drop(state);
                self.begin(place, call);
                continue;
            }
            if state.is_waited_for() && state.release_streams() {
                continue;
            }
            if state.is_measured || state.is_over || !state.is_worth_measuring() {
                return;
            }
            state.is_measured = true;
            drop(state);
            let pool = self.clone();
            if let Err(error) = self.0.meter.start(move |sample| pool.follow(sample)) {
                // The limit stays as it is.
                tracing::warn!(%error, "the thread that measures how busy the interpreter is cannot be started");
                self.0.state().is_measured = false;
            }
            return;
        }
    }

    /// Adapts the limit to the samples, in the meter thread, as long as a measurement can change it.
    fn follow(&self, sample: &dyn Fn() -> Sample) {
        let mut worth_it_at = Instant::now();
        let mut ended = {
            let mut state = self.0.state();
            state.limit.begin();
            state.ended
        };
        loop {
            let Sample { time, computed, busy } = sample();
            let mut state = self.0.state();
            let measure =
                Measure { time, busy, ended: state.ended - ended, computed, is_short: state.is_short() };
            ended = state.ended;
            let before = state.limit.now();
            let has_risen = state.limit.step(measure) > before;
            let has_more = has_risen | state.release_streams();
            if state.is_worth_measuring() {
                worth_it_at = Instant::now();
            }
            if state.is_over || worth_it_at.elapsed() >= LOOK {
                state.is_measured = false;
                return;
            }
            drop(state);
            if has_more {
                self.fill();
            }
        }
    }

    fn begin(&self, place: CallClass, call: QueuedCall) {
        let pool = self.clone();
        let started = self.0.threads.run(Box::new(move || pool.work(place, call)));
        if let Err(error) = started {
            // The call is dropped, and its client is told so. So are the queued calls, if no thread is left
            // to run them.
            tracing::error!(%error, "a thread for a call cannot be started");
            let mut state = self.0.state();
            state.uncount(place);
            let is_alone = state.running + state.beside + state.aside == 0;
            let all = [CallClass::Brief, CallClass::Long, CallClass::Beside];
            let left =
                if is_alone { all.map(|place| mem::take(state.queue(place))) } else { Default::default() };
            drop(state);
            drop(left);
        }
    }

    /// Runs this call, and then the queued ones.
    fn work(&self, place: CallClass, first: QueuedCall) {
        let mut next = Some((place, first));
        while let Some((place, QueuedCall { route_times, runtime, job, .. })) = next {
            let before = route_times.load();
            let counted = CountedCall { place, stream: None };
            COUNTED.set(Some((self.clone(), counted)));
            let entered = runtime.enter();
            // The panic hook logs a panic; whoever waits for the answer sees its channel close.
            let _ = catch_unwind(AssertUnwindSafe(|| job.run()));
            drop(entered);
            let counted = COUNTED.take().map_or(counted, |(_, counted)| counted);
            let mut state = self.0.state();
            let place = state.leave(counted);
            state.ended += u64::from(place != CallClass::Beside);
            if route_times.load() != before {
                state.sort(&route_times);
            }
            next = state.next();
            drop(state);
            // The limit may have risen meanwhile.
            self.fill();
        }
    }
}

impl PoolState {
    /// Moves the queued calls of a route to the queue of their class, in order of arrival.
    fn sort(&mut self, route_times: &Arc<RouteTimes>) {
        let (from, to) = match route_times.load() {
            Load::Brief => (&mut self.long_calls, &mut self.brief_calls),
            Load::Long => (&mut self.brief_calls, &mut self.long_calls),
            Load::Unknown => return,
        };
        let all = mem::take(&mut from.calls).into_iter();
        let (moved, rest) =
            all.partition::<VecDeque<_>, _>(|call| Arc::ptr_eq(&call.route_times, route_times));
        from.calls = rest;
        let mut both: Vec<_> = mem::take(&mut to.calls).into_iter().chain(moved).collect();
        both.sort_by_key(|call| call.number);
        to.calls = both.into();
    }
}

impl PoolShared {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.state();
        f.debug_struct("Pool")
            .field("threads", &state.threads)
            .field("limit", &state.limit.now())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, Instant};

    use tokio::sync::mpsc;

    use super::*;
    use crate::inlining::{CallPlace, Rule};
    use crate::usage::Usage;

    /// Runs calls that are timed, as those of a server are. Returns how many ran at a time, and how long all
    /// took.
    async fn run(pool: &Pool, route_times: &Arc<RouteTimes>, calls: usize, call: fn()) -> (usize, Duration) {
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (sender, mut receiver) = mpsc::channel(calls);
        let begun = Instant::now();
        for _ in 0..calls {
            let (now, most, sender) = (Arc::clone(&now), Arc::clone(&most), sender.clone());
            let timed = Arc::clone(route_times);
            pool.spawn(route_times, move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                timed.time(&Rule::default(), CallPlace::Pool, |_| call());
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

    /// The lock under which calls compute.
    static COMPUTE_LOCK: Mutex<()> = Mutex::new(());

    fn compute_lock() -> MutexGuard<'static, ()> {
        COMPUTE_LOCK.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A pool of calls that compute under one lock.
    fn with_lock(threads: usize) -> Pool {
        Pool::new(threads, |work| work(), Some(|| drop(compute_lock())))
    }

    fn compute_in_turn() {
        for _ in 0..10 {
            let _taken = compute_lock();
            let end = Usage::now().computed + Duration::from_millis(1);
            while Usage::now().computed < end {}
        }
    }

    #[tokio::test]
    async fn few_calls_compute_at_a_time() {
        let (pool, route_times) = (with_lock(64), Arc::default());
        run(&pool, &route_times, 1, compute_in_turn).await;
        let most = run(&pool, &route_times, 60, compute_in_turn).await.0;
        assert!(most <= 8, "{most}");
    }

    /// A brief call does not wait for calls that compute for long.
    #[tokio::test]
    async fn places_are_left_for_what_is_brief() {
        let (pool, long, brief) = (with_lock(64), Arc::<RouteTimes>::default(), Arc::<RouteTimes>::default());
        let longest = Duration::from_millis(400);
        run(&pool, &long, 1, compute).await;
        run(&pool, &brief, 1, || ()).await;
        let ended = Arc::new(AtomicUsize::new(0));
        for _ in 0..8 {
            let ended = Arc::clone(&ended);
            pool.spawn(&long, move || {
                std::thread::sleep(longest);
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        run(&pool, &brief, 1, || ()).await;
        assert_eq!(ended.load(Ordering::SeqCst), 0);
    }

    /// No call holds a thread that the limit does not allow.
    #[tokio::test]
    async fn the_thread_that_was_busy_last_gets_the_next_call() {
        let (pool, route_times) = (Pool::new(64, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
        let (sender, mut receiver) = mpsc::channel(64);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..50 {
            let sender = sender.clone();
            pool.spawn(&route_times, move || sender.blocking_send(std::thread::current().id()).unwrap());
            seen.insert(receiver.recv().await.unwrap());
            while pool.0.state().running > 0 {
                tokio::task::yield_now().await;
            }
            // The thread waits for the next call, or is about to.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert!(seen.len() <= 2, "{}", seen.len());
    }

    /// Calls that stream to their clients give their places to others.
    #[tokio::test]
    async fn calls_that_only_wait_now_hold_up_no_others() {
        let (pool, route_times) = (Pool::new(32, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
        run(&pool, &route_times, 1, compute).await;
        let barrier = Arc::new(Barrier::new(17));
        for _ in 0..16 {
            let (barrier, timed) = (Arc::clone(&barrier), Arc::clone(&route_times));
            pool.spawn(&route_times, move || {
                timed.time(&Rule::default(), CallPlace::Pool, |_| compute());
                only_waits_now();
                barrier.wait();
            });
        }
        // Patience alone would let one in each second.
        let all_wait = tokio::task::spawn_blocking(move || barrier.wait());
        tokio::time::timeout(Duration::from_secs(8), all_wait).await.unwrap().unwrap();
        assert!(run(&pool, &route_times, 4, compute).await.1 < Duration::from_secs(5));
    }

    /// A page that is generated in pieces needs no more threads than any other page.
    #[tokio::test]
    async fn streams_that_are_soon_over_run_few_at_a_time() {
        fn compute_in_pieces() {
            only_waits_now();
            let _taken = compute_lock();
            let end = Usage::now().computed + Duration::from_millis(1);
            while Usage::now().computed < end {}
        }
        let (pool, route_times) = (with_lock(64), Arc::default());
        run(&pool, &route_times, 1, compute_in_pieces).await;
        let most = run(&pool, &route_times, 200, compute_in_pieces).await.0;
        assert!(most <= 8, "{most}");
    }

    /// Four at a time would take ten seconds.
    #[tokio::test]
    async fn many_calls_wait_at_a_time() {
        let (pool, route_times) = (Pool::new(64, |work| work(), Some(|| ())), Arc::default());
        let (most, took) = run(&pool, &route_times, 200, wait).await;
        assert!(most > 40, "{most}");
        assert!(took < Duration::from_secs(3), "{took:?}");
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
        let (pool, route_times) = (Pool::new(1, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        pool.spawn_waiting(&route_times, move || receiver.recv().unwrap_or_default());
        let (left, mut most) = (Arc::new(AtomicUsize::new(0)), 0);
        for _ in 0..SWEEP * 10 {
            left.fetch_add(1, Ordering::SeqCst);
            pool.spawn_waiting(&route_times, Unwanted(Arc::clone(&left)));
            most = most.max(left.load(Ordering::SeqCst));
        }
        assert!(most <= SWEEP + 1, "{most}");
        drop(sender);
    }

    /// A call that waits for its client gives its place to another call, and takes it back.
    #[tokio::test]
    async fn who_steps_aside_holds_up_no_other() {
        let (pool, route_times) = (Pool::new(2, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let (ended, mut all_ended) = mpsc::channel(4);
        let first = ended.clone();
        pool.spawn_waiting(&route_times, move || {
            let aside = step_aside();
            receiver.recv_timeout(Duration::from_secs(20)).unwrap();
            drop(aside);
            first.blocking_send("first").unwrap();
        });
        pool.spawn_waiting(&route_times, move || {
            sender.send(()).unwrap();
            ended.blocking_send("second").unwrap();
        });
        for _ in 0..2 {
            tokio::time::timeout(Duration::from_secs(20), all_ended.recv()).await.unwrap().unwrap();
        }
        while pool.0.state().beside > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        assert_eq!(run(&pool, &route_times, 8, || ()).await.0, 1);
    }

    #[tokio::test]
    async fn no_more_than_there_are_threads() {
        for threads in [1, 4] {
            let (pool, route_times) = (Pool::new(threads, |work| work(), Some(|| ())), Arc::default());
            run(&pool, &route_times, 1, wait).await;
            assert_eq!(run(&pool, &route_times, 12, wait).await.0, threads);
        }
    }

    /// Whatever the calls wait for: one thread runs one call at a time, and forgets none.
    #[tokio::test]
    async fn streams_take_no_more_threads_than_there_are() {
        for threads in [1, 2, 4] {
            let (pool, route_times) =
                (Pool::new(threads, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
            let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (sender, mut receiver) = mpsc::channel(30);
            for number in 0..30 {
                let (now, most, sender) = (Arc::clone(&now), Arc::clone(&most), sender.clone());
                let stream = move || {
                    most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    match number % 3 {
                        0 => only_waits_now(),
                        1 => {
                            let aside = step_aside();
                            std::thread::sleep(Duration::from_millis(2));
                            drop(aside);
                        }
                        _ => std::thread::sleep(Duration::from_millis(2)),
                    }
                    now.fetch_sub(1, Ordering::SeqCst);
                    sender.blocking_send(()).unwrap();
                };
                if number % 2 == 0 {
                    pool.spawn(&route_times, stream)
                } else {
                    pool.spawn_waiting(&route_times, stream)
                }
            }
            for _ in 0..30 {
                tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.unwrap().unwrap();
            }
            assert!(most.load(Ordering::SeqCst) <= threads, "{most:?} {threads}");
        }
    }

    /// Requests that wait for each other do not deadlock.
    #[tokio::test]
    async fn calls_that_wait_for_each_other_go_on() {
        let (pool, route_times) = (Pool::new(16, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
        let barrier = Arc::new(Barrier::new(6));
        let (sender, mut receiver) = mpsc::channel(6);
        for _ in 0..6 {
            let (barrier, sender) = (Arc::clone(&barrier), sender.clone());
            pool.spawn(&route_times, move || {
                barrier.wait();
                sender.blocking_send(()).unwrap();
            });
        }
        for _ in 0..6 {
            tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_panic_takes_no_thread_away() {
        let (pool, route_times) = (Pool::new(1, |work| work(), Some(|| ())), Arc::default());
        run(&pool, &route_times, 1, wait).await;
        pool.spawn(&route_times, || panic!("on purpose"));
        assert_eq!(run(&pool, &route_times, 1, wait).await.0, 1);
    }

    #[tokio::test]
    async fn what_waits_at_the_end_is_dropped() {
        let (pool, route_times) = (Pool::new(1, |work| work(), Some(|| ())), Arc::<RouteTimes>::default());
        // Its route has been measured, and this call is not the first.
        run(&pool, &route_times, 1, wait).await;
        let barrier = Arc::new(Barrier::new(2));
        let (sender, mut receiver) = mpsc::channel(3);
        let released = Arc::clone(&barrier);
        pool.spawn(&route_times, move || {
            released.wait();
            released.wait();
        });
        // A call that has begun runs to its end.
        barrier.wait();
        let call = || {
            let sender = sender.clone();
            pool.spawn(&route_times, move || sender.blocking_send(()).unwrap());
        };
        call();
        pool.end();
        call();
        barrier.wait();
        drop(sender);
        assert_eq!(tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.unwrap(), None);
    }
}
