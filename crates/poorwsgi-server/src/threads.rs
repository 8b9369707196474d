//! Threads that are begun when there is work for them, and stay for a while when there is none.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// What a thread does around its work, which it gets as a function.
pub type Around = fn(&mut (dyn FnMut() + Send));

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// How long a thread waits for the next job.
const KEEP: Duration = Duration::from_secs(10);

/// How long threads without a job get for their end.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// A bounded number of threads.
pub(crate) struct Threads(Arc<Shared>);

struct Shared {
    around: Around,
    most: usize,
    state: Mutex<State>,
    /// Told that there is a job, or that all is over.
    called: Condvar,
    /// Told when a thread ends.
    ended: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Of those: how many wait for a job, and how many are about to end.
    idle: usize,
    leaving: usize,
    /// More than there are idle threads only where there are as many threads as there may be.
    jobs: VecDeque<Job>,
    is_over: bool,
}

impl Threads {
    /// So many at most. Each does all that it does within `around`.
    pub(crate) fn new(most: usize, around: Around) -> Self {
        let (called, ended) = (Condvar::new(), Condvar::new());
        Threads(Arc::new(Shared { around, most, state: Mutex::default(), called, ended }))
    }

    /// Does a job, on a new thread where none is free; no job any more after the end.
    ///
    /// # Errors
    ///
    /// The system gives no thread. The job is dropped.
    pub(crate) fn run(&self, job: Job) -> io::Result<()> {
        let mut state = self.0.state();
        if state.is_over {
            // The lock first: what ends with it may run other jobs.
            drop(state);
            drop(job);
            return Ok(());
        }
        if state.idle > state.jobs.len() || state.running >= self.0.most {
            state.jobs.push_back(job);
            drop(state);
            self.0.called.notify_one();
            return Ok(());
        }
        state.running += 1;
        drop(state);
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new().name("poorwsgi call".to_owned()).spawn(move || {
            let mut first = Some(job);
            (shared.around)(&mut || shared.work(first.take()));
            let mut state = shared.state();
            state.running -= 1;
            state.leaving -= 1;
            drop(state);
            shared.ended.notify_all();
        });
        started.map(drop).inspect_err(|_| self.0.state().running -= 1)
    }

    /// Ends those that have no job, and waits for that; the others end after their job.
    pub(crate) fn end(&self) {
        self.begin_end();
        let is_ending = |state: &mut State| state.idle + state.leaving > 0;
        let _ = self.0.ended.wait_timeout_while(self.0.state(), LAST_WORDS, is_ending);
    }

    fn begin_end(&self) {
        let left = {
            let mut state = self.0.state();
            state.is_over = true;
            mem::take(&mut state.jobs)
        };
        self.0.called.notify_all();
        drop(left);
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.begin_end();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self, first: Option<Job>) {
        let mut next = first;
        while let Some(job) = next.or_else(|| self.next()) {
            job();
            next = None;
        }
    }

    /// The next job; `None` after a while without one.
    fn next(&self) -> Option<Job> {
        let mut state = self.state();
        state.idle += 1;
        let is_idle = |state: &mut State| state.jobs.is_empty() && !state.is_over;
        let waited = self.called.wait_timeout_while(state, KEEP, is_idle);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.idle -= 1;
        let job = state.jobs.pop_front();
        state.leaving += usize::from(job.is_none());
        job
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    fn told(sender: &Sender<thread::ThreadId>) -> Job {
        let sender = sender.clone();
        Box::new(move || sender.send(thread::current().id()).unwrap())
    }

    fn waiting(barrier: &Arc<Barrier>) -> Job {
        let barrier = Arc::clone(barrier);
        Box::new(move || {
            barrier.wait();
        })
    }

    fn next<T>(receiver: &Receiver<T>) -> T {
        receiver.recv_timeout(SOON).unwrap()
    }

    fn until(is_so: impl Fn(&State) -> bool, threads: &Threads) {
        while !is_so(&threads.0.state()) {
            thread::yield_now();
        }
    }

    #[test]
    fn a_thread_stays_for_the_next_job() {
        let threads = Threads::new(4, |work| work());
        let (sender, receiver) = channel();
        let seen: HashSet<_> = (0..20)
            .map(|_| {
                threads.run(told(&sender)).unwrap();
                let id = next(&receiver);
                until(|state| state.idle == 1, &threads);
                id
            })
            .collect();
        assert_eq!(seen.len(), 1);
    }

    #[test]
    fn jobs_beyond_the_threads_wait_for_one() {
        static ENDED: AtomicUsize = AtomicUsize::new(0);
        let threads = Threads::new(2, |work| {
            work();
            ENDED.fetch_add(1, Ordering::SeqCst);
        });
        let (sender, receiver) = channel();
        let barrier = Arc::new(Barrier::new(3));
        for _ in 0..2 {
            threads.run(waiting(&barrier)).unwrap();
        }
        (0..20).for_each(|_| threads.run(told(&sender)).unwrap());
        assert_eq!(threads.0.state().jobs.len(), 20);
        barrier.wait();
        let seen: HashSet<_> = (0..20).map(|_| next(&receiver)).collect();
        assert!(seen.len() <= 2);
        threads.end();
        assert_eq!(ENDED.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn the_end_waits_for_no_job_and_drops_those_that_come_later() {
        let threads = Threads::new(1, |work| work());
        let barrier = Arc::new(Barrier::new(2));
        let (sender, receiver) = channel();
        threads.run(waiting(&barrier)).unwrap();
        threads.run(told(&sender)).unwrap();
        threads.end();
        threads.run(told(&sender)).unwrap();
        drop(sender);
        assert!(receiver.recv().is_err());
        assert_eq!(threads.0.state().running, 1);
        barrier.wait();
        until(|state| state.running == 0, &threads);
    }
}
