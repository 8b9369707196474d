//! Watches inline calls, because a call that has always been short may block all the same.
//!
//! A thread of tokio's runtime that blocks keeps its own task only, except that it may be the one that waits
//! for the sockets on behalf of all: the other threads sleep then until something wakes one of them. So the
//! watch wakes one when a call lasts too long, which then takes over the sockets and the other tasks.

use std::cell::OnceCell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::thread::{self, Thread};
use std::time::Duration;

use tokio::runtime::Handle;

/// A call that runs for one to two such times is held to block.
const TICK: Duration = Duration::from_millis(5);
/// How many ticks without a call the watch waits before it sleeps.
const IDLE_TICKS: u32 = 200;

/// How many inline calls run in this process.
static RUNNING: AtomicUsize = AtomicUsize::new(0);
static WATCH: OnceLock<Watch> = OnceLock::new();

thread_local! {
    static OWN: OnceCell<Arc<AtomicUsize>> = const { OnceCell::new() };
}

/// An inline call that runs on this thread.
pub(super) struct InlineCall(Option<Arc<AtomicUsize>>);

impl InlineCall {
    /// Begins a call; `None` where no thread of the runtime would be left for other requests.
    pub(super) fn begin(runtime: &Handle) -> Option<Self> {
        // Made first, so that it is also taken back by `drop`.
        let mut call = InlineCall(None);
        if RUNNING.fetch_add(1, Ordering::Relaxed) + 1 >= runtime.metrics().num_workers() {
            return None;
        }
        let watch = WATCH.get_or_init(Watch::start);
        let count = OWN.with(|own| Arc::clone(own.get_or_init(|| watch.register(runtime))));
        count.fetch_add(1, Ordering::Relaxed);
        call.0 = Some(count);
        watch.wake();
        Some(call)
    }
}

impl Drop for InlineCall {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
        if let Some(count) = &self.0 {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// A thread that makes inline calls.
struct WatchedThread {
    /// How often a call has begun or ended on the thread: odd while a call runs.
    count: Weak<AtomicUsize>,
    last: usize,
    runtime: Handle,
}

struct Watch {
    threads: Arc<Mutex<Vec<WatchedThread>>>,
    sleeps: Arc<AtomicBool>,
    thread: Option<Thread>,
}

impl Watch {
    fn start() -> Self {
        let (threads, sleeps) = (Arc::default(), Arc::default());
        let own = (Arc::clone(&threads), Arc::clone(&sleeps));
        let thread =
            thread::Builder::new().name("poorwsgi-watch".to_owned()).spawn(move || watch(&own.0, &own.1));
        if let Err(error) = &thread {
            tracing::warn!(target: "poorwsgi", "inline calls are not watched, because no thread could be started: {error}");
        }
        Watch { threads, sleeps, thread: thread.ok().map(|handle| handle.thread().clone()) }
    }

    fn register(&self, runtime: &Handle) -> Arc<AtomicUsize> {
        let count = Arc::new(AtomicUsize::new(0));
        let watched = WatchedThread { count: Arc::downgrade(&count), last: 0, runtime: runtime.clone() };
        self.threads.lock().unwrap_or_else(PoisonError::into_inner).push(watched);
        count
    }

    fn wake(&self) {
        // Most calls find the watch awake, and write nothing.
        if self.sleeps.load(Ordering::Acquire) && self.sleeps.swap(false, Ordering::AcqRel) {
            self.thread.iter().for_each(Thread::unpark);
        }
    }
}

fn watch(threads: &Mutex<Vec<WatchedThread>>, sleeps: &AtomicBool) {
    let mut idle = 0;
    loop {
        thread::sleep(TICK);
        idle += 1;
        threads.lock().unwrap_or_else(PoisonError::into_inner).retain_mut(|watched| {
            let Some(count) = watched.count.upgrade() else { return false };
            let count = count.load(Ordering::Relaxed);
            if count != watched.last {
                idle = 0;
            } else if count % 2 == 1 {
                idle = 0;
                // Any task wakes a thread of the runtime that has nothing to do.
                watched.runtime.spawn(std::future::ready(()));
            }
            watched.last = count;
            true
        });
        if idle >= IDLE_TICKS {
            sleeps.store(true, Ordering::Release);
            while sleeps.load(Ordering::Acquire) {
                thread::park();
            }
            idle = 0;
        }
    }
}
