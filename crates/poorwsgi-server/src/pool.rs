//! The threads that may block: they make the calls that are not made inline.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::inlining::Lane;

/// How many calls are made at a time that take long because they compute, or of which nothing is known. Where one lock
/// is around all computing, as in Python, more of them would but slow each other down, and all that is short as well.
const NARROW: usize = 2;

type Job = Box<dyn FnOnce() + Send>;

/// What a thread does around its work, which it gets as a function.
pub type Around = fn(&mut (dyn FnMut() + Send));

/// A bounded number of the runtime's blocking threads. What is left of those is for reading files, so that no file waits
/// for a slow handler.
///
/// Jobs are done first come, first served, in two lanes. In the narrow one few are done at a time; should those wait for
/// one of the jobs behind them, nothing would go on for good, so another one is let in when none has ended for a while.
#[derive(Clone)]
pub struct Pool(Arc<Shared>);

struct Shared {
    around: Around,
    narrow: Mutex<Queue>,
    wide: Mutex<Queue>,
}

struct Queue {
    /// How many are done at a time.
    most: usize,
    busy: usize,
    /// How many have ended.
    done: u64,
    /// No longer than there are connections.
    waiting: VecDeque<(Duration, Job)>,
    is_watched: bool,
}

impl Queue {
    fn new(most: usize) -> Mutex<Self> {
        Mutex::new(Queue { most, busy: 0, done: 0, waiting: VecDeque::new(), is_watched: false })
    }
}

impl Pool {
    /// A pool of so many threads, each of which does its work within `around`.
    #[must_use]
    pub fn new(threads: usize, around: Around) -> Self {
        Pool(Arc::new(Shared { around, narrow: Queue::new(threads.min(NARROW)), wide: Queue::new(threads) }))
    }

    /// Does something on a thread of its own, as soon as one is free. It is called on a tokio runtime.
    pub fn spawn(&self, lane: Lane, job: impl FnOnce() + Send + 'static) {
        let job: Job = Box::new(job);
        let mut queue = self.0.queue(lane.is_wide());
        if queue.busy < queue.most {
            queue.busy += 1;
            drop(queue);
            return self.begin(lane.is_wide(), job);
        }
        queue.waiting.push_back((lane.patience(), job));
        if !lane.is_wide() && !std::mem::replace(&mut queue.is_watched, true) {
            drop(queue);
            tokio::spawn(self.clone().watch());
        }
    }

    fn begin(&self, wide: bool, job: Job) {
        let shared = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || {
            let mut job = Some(job);
            (shared.around)(&mut || {
                if let Some(job) = job.take() {
                    shared.work(wide, job);
                }
            });
        });
    }

    /// Lets another job of the narrow lane in whenever none has ended for as long as the first one wants to wait.
    async fn watch(self) {
        loop {
            let (patience, done) = {
                let mut queue = self.0.queue(false);
                match queue.waiting.front() {
                    Some((patience, _)) => (*patience, queue.done),
                    None => {
                        queue.is_watched = false;
                        return;
                    }
                }
            };
            tokio::time::sleep(patience).await;
            let next = {
                let mut queue = self.0.queue(false);
                let next = if queue.done == done { queue.waiting.pop_front() } else { None };
                queue.busy += usize::from(next.is_some());
                next
            };
            if let Some((_, job)) = next {
                self.begin(false, job);
            }
        }
    }
}

impl Shared {
    fn queue(&self, wide: bool) -> MutexGuard<'_, Queue> {
        if wide { &self.wide } else { &self.narrow }.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does this, and then what waits.
    fn work(&self, wide: bool, first: Job) {
        let mut next = Some(first);
        while let Some(job) = next {
            // A panic is told by its hook, and whoever waits for an answer by its going away.
            let _ = catch_unwind(AssertUnwindSafe(job));
            let mut queue = self.queue(wide);
            queue.done += 1;
            // Those that were let in besides leave first.
            next = if queue.busy > queue.most { None } else { queue.waiting.pop_front().map(|(_, job)| job) };
            if next.is_none() {
                queue.busy -= 1;
            }
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.0.queue(true).most).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn few_are_done_at_a_time_in_the_narrow_lane() {
        let pool = Pool::new(16, |work| work());
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (sender, mut receiver) = mpsc::channel(20);
        for _ in 0..20 {
            let (now, most, sender) = (Arc::clone(&now), Arc::clone(&most), sender.clone());
            pool.spawn(Lane::Narrow, move || {
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(5));
                now.fetch_sub(1, Ordering::SeqCst);
                sender.blocking_send(()).unwrap();
            });
        }
        for _ in 0..20 {
            receiver.recv().await.unwrap();
        }
        assert_eq!(most.load(Ordering::SeqCst), NARROW);
    }

    /// Requests that wait for each other are not held up for good, whatever the lane.
    #[tokio::test]
    async fn jobs_that_wait_for_each_other_go_on() {
        for lane in [Lane::Unknown, Lane::Wide] {
            let pool = Pool::new(16, |work| work());
            let barrier = Arc::new(Barrier::new(6));
            let (sender, mut receiver) = mpsc::channel(6);
            for _ in 0..6 {
                let (barrier, sender) = (Arc::clone(&barrier), sender.clone());
                pool.spawn(lane, move || {
                    barrier.wait();
                    sender.blocking_send(()).unwrap();
                });
            }
            for _ in 0..6 {
                tokio::time::timeout(Duration::from_secs(20), receiver.recv()).await.unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_panic_takes_no_thread_away() {
        let pool = Pool::new(1, |work| work());
        let (sender, mut receiver) = mpsc::channel(1);
        pool.spawn(Lane::Wide, || panic!("on purpose"));
        pool.spawn(Lane::Wide, move || sender.blocking_send(()).unwrap());
        assert!(receiver.recv().await.is_some());
    }
}
