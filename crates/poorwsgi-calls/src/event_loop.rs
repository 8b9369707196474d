//! The event loop: one thread drives all connections, and a second one takes over when the first is blocked.
//!
//! Inline calls run on the thread that drives the connections. The calls of an inline route have proved
//! short, but any call may suddenly wait: for example, for a lock of the application that another thread
//! holds while that thread waits for its client. If the connections stood still meanwhile, that client would
//! wait for ever, and so would all others. So a second thread, the watcher, watches the driving one. When one
//! task has blocked the driving thread for 5 to 10 ms, the watcher starts to drive all other connections, and
//! a new thread becomes the watcher. When the blocked task ends, its thread finds that it has been replaced.
//!
//! Calls run in batches, when no connection has anything to read or write, and not between the reading and
//! the writing of each request: each call then finds the code and data of the call before in the processor's
//! cache, not those of the network stack.
//!
//! Tokio's runtime waits for sockets and timers. Nobody can take tokio's own tasks away from a thread that is
//! blocked in one of them, so this module has its own queue of tasks, and runs them between two waits.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use async_task::Runnable;
use tokio::runtime::Runtime;
use tokio::sync::oneshot;

use crate::threads::{Around, Closure};
use crate::turn::{Turn, Watched};
use crate::{IDLE_THREADS_END, PATIENCE};

/// After how many checks in a row without a task the watcher sleeps until it is woken.
const IDLE: u32 = 20;

/// How many tasks run in a row before the calls have their turn, and how many calls before the tasks do. A
/// batch of calls ends sooner once it has taken [`PATIENCE`]. The sockets are polled in between.
const IN_A_ROW: usize = 32;

/// Drives the connections of a server on one thread at a time.
#[derive(Clone)]
pub struct EventLoop(Arc<LoopShared>);

struct LoopShared {
    runtime: InBackground,
    around: Around,
    around_calls: Around,
    /// How many threads may be blocked at a time.
    most: usize,
    queue: Mutex<LoopQueue>,
    /// The tasks that have not ended, so that a shutdown can end them.
    tasks: Mutex<Tasks>,
    watched: Watched,
    threads: Mutex<LoopThreads>,
    /// Told when a thread ends.
    ended: Condvar,
}

/// What is ready to run.
#[derive(Default)]
struct LoopQueue {
    ready: VecDeque<Runnable>,
    /// At most one call for each connection.
    calls: VecDeque<Closure>,
    /// Wakes the driving thread, which waits for the sockets.
    waiting: Option<Waker>,
    is_over: bool,
}

#[derive(Default)]
struct Tasks {
    next: u64,
    wakers: HashMap<u64, Waker>,
}

#[derive(Default)]
struct LoopThreads {
    running: usize,
    watching: Option<Thread>,
    /// The drivers that were replaced, each with the time of its replacement.
    held_up: HashMap<u32, Instant>,
}

/// Keeps a loop running; dropping it ends all tasks.
#[derive(Debug)]
pub struct Begun<'a>(&'a EventLoop);

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.0.0.end();
    }
}

enum Role {
    Driving(u32),
    Watching,
}

impl EventLoop {
    /// A loop on a runtime of one thread. Each of its threads does its work within `around`, and runs each
    /// batch of calls within `around_calls`. `most` threads may be blocked at a time; one more blocks all
    /// connections.
    #[must_use]
    pub fn new(runtime: Runtime, around: Around, around_calls: Around, most: usize) -> Self {
        EventLoop(Arc::new(LoopShared {
            runtime: InBackground(Some(runtime)),
            around,
            around_calls,
            most,
            queue: Mutex::default(),
            tasks: Mutex::default(),
            watched: Watched::new(),
            threads: Mutex::default(),
            ended: Condvar::new(),
        }))
    }

    /// Runs a future to its end, while this thread waits. All other tasks end with it, except one that blocks
    /// its thread. A loop runs only once.
    ///
    /// # Errors
    ///
    /// As [`begin`](Self::begin), or the future has panicked.
    pub fn run<T: Send + 'static>(&self, future: impl Future<Output = T> + Send + 'static) -> io::Result<T> {
        let (sender, receiver) = oneshot::channel();
        self.spawn(async {
            // The receiver is below, in this function.
            let _ = sender.send(future.await);
        });
        let _begun = self.begin()?;
        receiver.blocking_recv().map_err(io::Error::other)
    }

    /// Runs the spawned tasks, on threads of its own, until the result is dropped. A loop runs only once.
    ///
    /// # Errors
    ///
    /// No thread can be started.
    pub fn begin(&self) -> io::Result<Begun<'_>> {
        let begun = Begun(self);
        self.start(Role::Driving(0))?;
        self.start(Role::Watching)?;
        Ok(begun)
    }

    /// How many tasks have been spawned and have not ended.
    #[must_use]
    pub fn tasks(&self) -> usize {
        self.0.tasks().wakers.len()
    }

    /// Spawns a future as a task.
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        let shared = Arc::clone(&self.0);
        let runnable = {
            let mut tasks = shared.tasks();
            let id = tasks.next;
            tasks.next += 1;
            let scheduler = Arc::clone(&shared);
            let future = Listed { future, id, shared: Arc::clone(&shared) };
            let (runnable, task) =
                async_task::spawn(future, move |runnable| scheduler.put(runnable, |queue| &mut queue.ready));
            task.detach();
            tasks.wakers.insert(id, runnable.waker());
            runnable
        };
        runnable.schedule();
    }

    /// Queues a call for the thread that drives the connections; it runs in the next batch of calls.
    pub fn call(&self, call: impl FnOnce() + Send + 'static) {
        let call: Closure = Box::new(call);
        self.0.put(call, |queue| &mut queue.calls);
    }

    /// How long ago the thread blocked longest was replaced; zero while no thread is blocked.
    #[must_use]
    pub fn held_up_for(&self) -> Duration {
        self.0.threads().held_up.values().min().map_or(Duration::ZERO, Instant::elapsed)
    }

    fn start(&self, role: Role) -> io::Result<()> {
        let shared = Arc::clone(&self.0);
        shared.threads().running += 1;
        let started = thread::Builder::new().name("poorwsgi loop".to_owned()).spawn(move || {
            let mut role = Some(role);
            (shared.around)(&mut || {
                if let Some(role) = role.take() {
                    LoopShared::work(&shared, role);
                }
            });
            shared.threads().running -= 1;
            shared.ended.notify_all();
        });
        started.map(drop).inspect_err(|_| self.0.threads().running -= 1)
    }
}

impl LoopShared {
    fn queue(&self) -> MutexGuard<'_, LoopQueue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn threads(&self) -> MutexGuard<'_, LoopThreads> {
        self.threads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a task or call for the driving thread, or drops it once the loop has ended.
    fn put<T>(&self, what: T, place: impl FnOnce(&mut LoopQueue) -> &mut VecDeque<T>) {
        let mut queue = self.queue();
        if queue.is_over {
            // Release the lock first: dropping a task may wake others.
            drop(queue);
            return drop(what);
        }
        place(&mut queue).push_back(what);
        let waiting = queue.waiting.take();
        drop(queue);
        waiting.into_iter().for_each(Waker::wake);
    }

    /// What a thread does from its start to its end.
    fn work(self: &Arc<Self>, mut role: Role) {
        loop {
            match role {
                Role::Driving(driver) if self.drive(driver) => role = Role::Watching,
                Role::Driving(_) => return,
                Role::Watching => {
                    let Some(driver) = self.watch() else { return };
                    if let Err(error) = EventLoop(Arc::clone(self)).start(Role::Watching) {
                        // The blocked thread becomes the watcher when it comes back.
                        tracing::warn!(%error, "the thread that watches the event loop cannot be started");
                    }
                    role = Role::Driving(driver);
                }
            }
        }
    }

    /// Runs what is ready, and waits for the sockets. `false` when the loop has ended, `true` when another
    /// thread has taken over.
    fn drive(&self, driver: u32) -> bool {
        let Some(runtime) = &self.runtime.0 else { return false };
        let _entered = runtime.enter();
        let mut driving = Driving { shared: self, turn: Turn::waiting(driver) };
        loop {
            // The requests that have arrived, the calls for them, and their answers.
            if !(driving.run_tasks() && driving.make_calls() && driving.run_tasks()) {
                self.threads().held_up.remove(&driver);
                return true;
            }
            let (is_over, is_ready) = {
                let queue = self.queue();
                (queue.is_over, queue.is_ready())
            };
            if is_over {
                return false;
            }
            if is_ready {
                // Poll the sockets without waiting.
                runtime.block_on(tokio::task::yield_now());
            } else {
                runtime.block_on(poll_fn(|cx| self.poll_ready(cx)));
            }
        }
    }

    fn poll_ready(&self, cx: &Context<'_>) -> Poll<()> {
        let mut queue = self.queue();
        if queue.is_over || queue.is_ready() {
            return Poll::Ready(());
        }
        queue.waiting = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Watches the driving thread until this one takes over; returns its number as driver. `None` when the
    /// loop has ended, or another thread is the watcher.
    fn watch(&self) -> Option<u32> {
        let mut threads = self.threads();
        if threads.watching.is_some() {
            return None;
        }
        threads.watching = Some(thread::current());
        drop(threads);
        let mut seen = Turn::waiting(0);
        let mut idle = 0;
        loop {
            if idle < IDLE {
                thread::park_timeout(PATIENCE);
            } else {
                if self.watched.fall_asleep() && !self.queue().is_over {
                    thread::park();
                }
                self.watched.wake_up();
                idle = 0;
            }
            if self.queue().is_over {
                return None;
            }
            let now = self.watched.now();
            idle = if now == seen { idle + 1 } else { 0 };
            if now.task != 0
                && now == seen
                && let Some(driver) = self.take_over(now)
            {
                return Some(driver);
            }
            seen = now;
        }
    }

    /// Takes the connections over from a blocked thread; returns the number of the new driver.
    fn take_over(&self, now: Turn) -> Option<u32> {
        let mut threads = self.threads();
        if threads.held_up.len() >= self.most {
            return None;
        }
        let driver = self.watched.take_over(now)?;
        threads.held_up.insert(now.driver, Instant::now());
        threads.watching = None;
        Some(driver)
    }

    fn wake_watching(&self) {
        if let Some(watching) = &self.threads().watching {
            watching.unpark();
        }
    }

    /// Ends all tasks, and all threads that are not blocked.
    fn end(&self) {
        let (ready, calls, waiting) = {
            let mut queue = self.queue();
            queue.is_over = true;
            (mem::take(&mut queue.ready), mem::take(&mut queue.calls), queue.waiting.take())
        };
        // A task that is scheduled now is dropped.
        let wakers: Vec<_> = mem::take(&mut self.tasks().wakers).into_values().collect();
        wakers.into_iter().for_each(Waker::wake);
        drop((ready, calls));
        waiting.into_iter().for_each(Waker::wake);
        self.wake_watching();
        let is_working = |threads: &mut LoopThreads| threads.running > threads.held_up.len();
        let _ = self.ended.wait_timeout_while(self.threads(), IDLE_THREADS_END, is_working);
    }
}

impl LoopQueue {
    fn is_ready(&self) -> bool {
        !self.ready.is_empty() || !self.calls.is_empty()
    }
}

/// The thread that drives, until another one takes over. Each function returns whether it still drives.
struct Driving<'a> {
    shared: &'a LoopShared,
    turn: Turn,
}

impl Driving<'_> {
    fn run_tasks(&mut self) -> bool {
        for _ in 0..IN_A_ROW {
            let Some(task) = self.shared.queue().ready.pop_front() else { break };
            if !self.run(|| {
                task.run();
            }) {
                return false;
            }
        }
        true
    }

    fn make_calls(&mut self) -> bool {
        if self.shared.queue().calls.is_empty() {
            return true;
        }
        let mut is_driving = false;
        // `around_calls` may block as well: it is watched like a task.
        self.begin();
        (self.shared.around_calls)(&mut || {
            is_driving = self.end();
            let begun = Instant::now();
            for _ in 0..IN_A_ROW {
                let next = is_driving.then(|| self.shared.queue().calls.pop_front()).flatten();
                let Some(call) = next else { break };
                is_driving = self.run(call);
                if begun.elapsed() >= PATIENCE {
                    break;
                }
            }
        });
        is_driving
    }

    /// Runs one poll of a task, or one call, under watch.
    fn run(&mut self, part: impl FnOnce()) -> bool {
        self.begin();
        // The panic hook logs a panic; the connection has ended with it.
        let _ = catch_unwind(AssertUnwindSafe(part));
        self.end()
    }

    fn begin(&mut self) {
        if self.shared.watched.begin(&mut self.turn) {
            self.shared.wake_watching();
        }
    }

    fn end(&mut self) -> bool {
        self.shared.watched.end(self.turn)
    }
}

pin_project_lite::pin_project! {
    /// A task that is listed as running until it is dropped.
    struct Listed<F> {
        #[pin]
        future: F,
        id: u64,
        shared: Arc<LoopShared>,
    }

    impl<F> PinnedDrop for Listed<F> {
        fn drop(this: Pin<&mut Self>) {
            let waker = this.shared.tasks().wakers.remove(&this.id);
            drop(waker);
        }
    }
}

impl<F: Future> Future for Listed<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        self.project().future.poll(cx)
    }
}

/// A runtime that does not wait for its threads when it is dropped.
struct InBackground(Option<Runtime>);

impl Drop for InBackground {
    fn drop(&mut self) {
        self.0.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

impl fmt::Debug for EventLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventLoop").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use tokio::runtime::Builder;
    use tokio::time::sleep;

    use super::*;

    fn event_loop(most: usize) -> EventLoop {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        EventLoop::new(runtime, |work| work(), |calls| calls(), most)
    }

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn it_runs_to_the_end_of_its_future() {
        let it = event_loop(4);
        let other = it.clone();
        let result = it.run(async move {
            let (sender, receiver) = oneshot::channel();
            other.spawn(async {
                sleep(Duration::from_millis(20)).await;
                sender.send(42).unwrap();
            });
            receiver.await.unwrap()
        });
        assert_eq!(result.unwrap(), 42);
    }

    /// Several tasks, one after the other, wait for what only other tasks can bring about.
    #[test]
    fn a_task_that_holds_its_thread_up_holds_up_no_other() {
        let it = event_loop(4);
        let other = it.clone();
        let result = it.run(async move {
            let (sender, receiver) = mpsc::channel::<()>();
            let receiver = Arc::new(Mutex::new(receiver));
            let done = Arc::new(AtomicUsize::new(0));
            for _ in 0..3 {
                let (receiver, done) = (Arc::clone(&receiver), Arc::clone(&done));
                other.spawn(async move {
                    receiver.lock().unwrap().recv_timeout(SOON).unwrap();
                    done.fetch_add(1, Ordering::SeqCst);
                });
            }
            sleep(Duration::from_millis(100)).await;
            assert!(other.held_up_for() > Duration::from_millis(20));
            for _ in 0..3 {
                sender.send(()).unwrap();
            }
            while done.load(Ordering::SeqCst) < 3 {
                sleep(Duration::from_millis(1)).await;
            }
            sleep(Duration::from_millis(20)).await;
            assert_eq!(other.held_up_for(), Duration::ZERO);
            let running = other.0.threads().running;
            assert!(running <= 3, "{running} threads");
        });
        result.unwrap();
    }

    /// A blocked thread is replaced again and again, even if the watcher slept.
    #[test]
    fn the_watching_thread_wakes_again() {
        let it = event_loop(4);
        let other = it.clone();
        let result = it.run(async move {
            for _ in 0..3 {
                sleep(PATIENCE * (IDLE * 2)).await;
                let (sender, receiver) = mpsc::channel::<()>();
                let (told, tell) = oneshot::channel();
                other.spawn(async move {
                    receiver.recv_timeout(SOON).unwrap();
                    told.send(()).unwrap();
                });
                sleep(Duration::from_millis(1)).await;
                sender.send(()).unwrap();
                tell.await.unwrap();
            }
        });
        result.unwrap();
    }

    #[test]
    fn its_end_waits_for_no_thread_that_is_held_up() {
        let it = event_loop(4);
        let other = it.clone();
        let (sender, receiver) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        it.run(async move {
            other.spawn(async move {
                receiver.recv().unwrap_err();
                ended.send(()).unwrap();
            });
            sleep(Duration::from_millis(50)).await;
        })
        .unwrap();
        assert!(has_ended.try_recv().is_err());
        drop(sender);
        has_ended.recv_timeout(SOON).unwrap();
    }

    #[test]
    fn calls_follow_each_other_when_no_task_can_go_on() {
        let it = event_loop(4);
        let (other, done) = (it.clone(), Arc::new(Mutex::new(String::new())));
        let result = it.run(async move {
            for task in ["a", "b", "c"] {
                let (inner, done) = (other.clone(), Arc::clone(&done));
                other.spawn(async move {
                    let (answered, answer) = oneshot::channel();
                    done.lock().unwrap().push_str(task);
                    let calls = Arc::clone(&done);
                    inner.call(move || {
                        calls.lock().unwrap().push('-');
                        answered.send(()).unwrap();
                    });
                    answer.await.unwrap();
                    done.lock().unwrap().push_str(task);
                });
            }
            sleep(Duration::from_millis(20)).await;
            Arc::into_inner(done).unwrap().into_inner().unwrap()
        });
        assert_eq!(result.unwrap(), "abc---abc");
    }

    #[test]
    fn a_call_that_holds_its_thread_up_holds_up_no_other() {
        let it = event_loop(4);
        let other = it.clone();
        let result = it.run(async move {
            let (sender, receiver) = mpsc::channel::<()>();
            let (told, tell) = oneshot::channel();
            other.call(move || receiver.recv_timeout(SOON).unwrap());
            other.call(|| panic!("on purpose"));
            other.call(move || {
                sender.send(()).unwrap();
                told.send(()).unwrap();
            });
            tell.await.unwrap();
        });
        result.unwrap();
    }

    /// Everything is dropped with the loop: tasks that wait, and the loop itself.
    #[test]
    fn nothing_is_left() {
        struct Told(mpsc::Sender<()>);
        impl Drop for Told {
            fn drop(&mut self) {
                let _ = self.0.send(());
            }
        }
        let it = event_loop(4);
        let shared = Arc::downgrade(&it.0);
        let (sender, receiver) = mpsc::channel();
        let other = it.clone();
        it.run(async move {
            for _ in 0..10 {
                let told = Told(sender.clone());
                other.spawn(async move {
                    sleep(Duration::from_secs(1000)).await;
                    drop(told);
                });
            }
            sleep(Duration::from_millis(10)).await;
        })
        .unwrap();
        for _ in 0..10 {
            receiver.recv_timeout(SOON).unwrap();
        }
        drop(it);
        let begun = Instant::now();
        while shared.strong_count() > 0 {
            assert!(begun.elapsed() < SOON);
            thread::yield_now();
        }
    }

    #[test]
    fn a_panic_ends_its_task_alone() {
        let it = event_loop(4);
        let other = it.clone();
        let result = it.run(async move {
            other.spawn(async { panic!("on purpose") });
            sleep(Duration::from_millis(20)).await;
            7
        });
        assert_eq!(result.unwrap(), 7);
        assert!(event_loop(1).run(async { panic!("on purpose") }).is_err());
    }

    /// Neither does a task that the timer has woken: within the runtime, such a task would keep the sockets from
    /// all others.
    #[test]
    fn a_task_that_the_sockets_woke_holds_up_no_other() {
        let event_loop = event_loop(4);
        let other = event_loop.clone();
        let result = event_loop.run(async move {
            let (sender, receiver) = mpsc::channel::<()>();
            let (told, tell) = oneshot::channel();
            other.spawn(async move {
                sleep(Duration::from_millis(20)).await;
                told.send(receiver.recv_timeout(Duration::from_secs(20)).is_ok()).unwrap();
            });
            sleep(Duration::from_millis(100)).await;
            sender.send(()).unwrap();
            assert!(tell.await.unwrap());
        });
        result.unwrap();
    }

    #[test]
    fn the_end_drops_the_others_though_one_is_held_up() {
        let event_loop = event_loop(4);
        let other = event_loop.clone();
        let (sender, receiver) = mpsc::channel::<()>();
        let (alive, is_alive) = mpsc::channel::<()>();
        event_loop
            .run(async move {
                other.spawn(async move { assert!(receiver.recv().is_ok()) });
                other.spawn(async move {
                    std::future::pending::<()>().await;
                    drop(alive);
                });
                sleep(Duration::from_millis(50)).await;
            })
            .unwrap();
        assert!(matches!(is_alive.try_recv(), Err(mpsc::TryRecvError::Disconnected)));
        sender.send(()).unwrap();
    }
}
