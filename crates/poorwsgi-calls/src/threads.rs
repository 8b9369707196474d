//! Threads that start when there is work for them, and stay for a while without work.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, mem, thread};

use crate::IDLE_THREADS_END;

/// Runs the work of a thread, which it is passed as a function, within what the work needs (for example,
/// registered with the runtime of a language).
pub type Around = fn(&mut (dyn FnMut() + Send));

pub(crate) type Closure = Box<dyn FnOnce() + Send>;

/// How long an idle thread waits for the next job before it ends.
const KEEP: Duration = Duration::from_secs(10);

/// A bounded number of threads. The thread that ended a job last gets the next one, so that the others end
/// after a while, and free their thread-local objects.
pub(crate) struct Threads(Arc<ThreadsShared>);

struct ThreadsShared {
    around: Around,
    most: usize,
    keep: Duration,
    state: Mutex<ThreadsState>,
    /// Told when a thread ends.
    ended: Condvar,
}

#[derive(Default)]
struct ThreadsState {
    running: usize,
    /// The threads that wait for a job, the one that began to wait last at the end; and how many threads are
    /// about to end.
    idle: Vec<Arc<Idle>>,
    leaving: usize,
    /// Jobs for a thread that has just been started; others only while all threads are busy.
    jobs: VecDeque<Closure>,
    is_over: bool,
}

/// A thread that waits for a job.
#[derive(Default)]
struct Idle {
    /// The job for this thread, if any, and whether the thread has been called.
    found: Mutex<(Option<Closure>, bool)>,
    called: Condvar,
}

impl Idle {
    fn give(&self, job: Option<Closure>) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = (job, true);
        self.called.notify_one();
    }
}

impl ThreadsState {
    /// How many threads will look at the queue of jobs again.
    const fn working(&self) -> usize {
        self.running.saturating_sub(self.leaving)
    }
}

impl Threads {
    /// At most `most` threads. Each does all its work within `around`.
    pub(crate) fn new(most: usize, around: Around) -> Self {
        Threads::kept(most, around, KEEP)
    }

    fn kept(most: usize, around: Around, keep: Duration) -> Self {
        let most = most.max(1);
        Threads(Arc::new(ThreadsShared {
            around,
            most,
            keep,
            state: Mutex::default(),
            ended: Condvar::new(),
        }))
    }

    /// Runs a job on an idle thread, or on a new one. After the end, the job is dropped. If the system gives
    /// no new thread, the job waits for one of the others.
    ///
    /// # Errors
    ///
    /// No thread could be started, and no other one exists. The job is dropped.
    pub(crate) fn run(&self, job: Closure) -> io::Result<()> {
        let mut state = self.0.state();
        if state.is_over {
            // Release the lock first: dropping the job may run other jobs.
            drop(state);
            drop(job);
            return Ok(());
        }
        if let Some(idle) = state.idle.pop() {
            drop(state);
            idle.give(Some(job));
            return Ok(());
        }
        state.jobs.push_back(job);
        if state.working() >= self.0.most {
            return Ok(());
        }
        state.running += 1;
        drop(state);
        let shared = Arc::clone(&self.0);
        let started = thread::Builder::new().name("poorwsgi call".to_owned()).spawn(move || {
            (shared.around)(&mut || shared.work());
            let mut state = shared.state();
            state.running -= 1;
            state.leaving -= 1;
            drop(state);
            shared.ended.notify_all();
        });
        started.map(drop).or_else(|error| self.0.give_up(error))
    }

    /// Ends the idle threads, and waits for their end; the others end after their jobs.
    pub(crate) fn end(&self) {
        let idle = self.begin_end();
        let is_ending = |state: &mut ThreadsState| state.leaving > 0;
        let _ = self.0.ended.wait_timeout_while(self.0.state(), IDLE_THREADS_END, is_ending);
        drop(idle);
    }

    fn begin_end(&self) -> Vec<Arc<Idle>> {
        let (left, idle) = {
            let mut state = self.0.state();
            state.is_over = true;
            let idle = mem::take(&mut state.idle);
            state.leaving += idle.len();
            (mem::take(&mut state.jobs), idle)
        };
        idle.iter().for_each(|idle| idle.give(None));
        drop(left);
        idle
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        drop(self.begin_end());
    }
}

impl ThreadsShared {
    fn state(&self) -> MutexGuard<'_, ThreadsState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handles a job that was queued for a thread which could not be started.
    fn give_up(&self, error: io::Error) -> io::Result<()> {
        let mut state = self.state();
        state.running -= 1;
        if state.working() > 0 {
            return Ok(());
        }
        let job = state.jobs.pop_back();
        drop(state);
        job.map_or(Ok(()), |_| Err(error))
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            job();
        }
    }

    /// The next job; `None` after a while without one.
    fn next(&self) -> Option<Closure> {
        let idle = Arc::new(Idle::default());
        {
            let mut state = self.state();
            if let Some(job) = state.jobs.pop_front() {
                return Some(job);
            }
            if state.is_over {
                state.leaving += 1;
                return None;
            }
            state.idle.push(Arc::clone(&idle));
        }
        let deadline = Instant::now() + self.keep;
        let mut found = idle.found.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if found.1 {
                return found.0.take();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                drop(found);
                let mut state = self.state();
                if let Some(at) = state.idle.iter().position(|each| Arc::ptr_eq(each, &idle)) {
                    state.idle.remove(at);
                    state.leaving += 1;
                    return None;
                }
                // A job is on its way.
                drop(state);
                found = idle.found.lock().unwrap_or_else(PoisonError::into_inner);
                found =
                    idle.called.wait_while(found, |found| !found.1).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            found = idle.called.wait_timeout(found, left).unwrap_or_else(PoisonError::into_inner).0;
        }
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

    fn told(sender: &Sender<thread::ThreadId>) -> Closure {
        let sender = sender.clone();
        Box::new(move || sender.send(thread::current().id()).unwrap())
    }

    fn waiting(barrier: &Arc<Barrier>) -> Closure {
        let barrier = Arc::clone(barrier);
        Box::new(move || {
            barrier.wait();
        })
    }

    fn next<T>(receiver: &Receiver<T>) -> T {
        receiver.recv_timeout(SOON).unwrap()
    }

    fn until(is_so: impl Fn(&ThreadsState) -> bool, threads: &Threads) {
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
                until(|state| state.idle.len() == 1, &threads);
                id
            })
            .collect();
        assert_eq!(seen.len(), 1);
    }

    /// Among several idle threads, as long as no more jobs run at a time than before.
    #[test]
    fn the_thread_that_had_a_job_last_gets_the_next_one() {
        let threads = Threads::new(4, |work| work());
        let (sender, receiver) = channel();
        let barrier = Arc::new(Barrier::new(5));
        (0..4).for_each(|_| threads.run(waiting(&barrier)).unwrap());
        barrier.wait();
        until(|state| state.idle.len() == 4, &threads);
        let mut seen: Vec<_> = (0..20)
            .map(|_| {
                threads.run(told(&sender)).unwrap();
                let id = next(&receiver);
                until(|state| state.idle.len() == 4, &threads);
                id
            })
            .collect();
        seen.dedup();
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
        until(|state| state.jobs.len() == 20, &threads);
        barrier.wait();
        let seen: HashSet<_> = (0..20).map(|_| next(&receiver)).collect();
        assert!(seen.len() <= 2);
        until(|state| state.idle.len() == 2, &threads);
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
        until(|state| state.jobs.len() == 1, &threads);
        threads.end();
        threads.run(told(&sender)).unwrap();
        drop(sender);
        assert!(receiver.recv().is_err());
        assert_eq!(threads.0.state().running, 1);
        barrier.wait();
        until(|state| state.running == 0, &threads);
    }

    #[test]
    fn a_thread_that_is_about_to_end_is_not_waited_for() {
        static LEAVING: Barrier = Barrier::new(3);
        let threads = Threads::kept(
            1,
            |work| {
                work();
                LEAVING.wait();
            },
            Duration::ZERO,
        );
        let (sender, receiver) = channel();
        let seen: HashSet<_> = (0..2)
            .map(|_| {
                threads.run(told(&sender)).unwrap();
                let id = next(&receiver);
                until(|state| state.working() == 0, &threads);
                id
            })
            .collect();
        assert_eq!((seen.len(), threads.0.state().running), (2, 2));
        LEAVING.wait();
    }

    #[test]
    fn without_a_new_thread_another_one_does_the_job() {
        let threads = Threads::new(2, |work| work());
        let (sender, receiver) = channel();
        let barrier = Arc::new(Barrier::new(2));
        threads.run(waiting(&barrier)).unwrap();
        until(|state| state.jobs.is_empty(), &threads);
        // The state after the system has refused a thread.
        let refused = || {
            let mut state = threads.0.state();
            state.running += 1;
            state.jobs.push_back(told(&sender));
            drop(state);
            threads.0.give_up(io::ErrorKind::WouldBlock.into())
        };
        refused().unwrap();
        barrier.wait();
        next(&receiver);
        threads.end();
        until(|state| state.running == 0, &threads);
        assert!(refused().is_err());
        assert!(threads.0.state().jobs.is_empty());
    }
}
