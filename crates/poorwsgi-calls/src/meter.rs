//! How busy the compute lock is.
//!
//! A meter thread takes the lock every 5 ms, as long as calls are queued or more than one runs.
//! Each sample asks whether the meter had to wait, that is, whether another thread held the lock. A thread
//! that holds the lock and waits for a processor counts as busy; a thread that waits for a database does not.
//! The CPU times of the threads would say none of this on a machine that also does other work.

use std::time::Instant;
use std::{io, thread};

use crate::PATIENCE;
use crate::limit::{LOOK, Measure};
use crate::pool::Pool;
use crate::threads::Around;
use crate::usage;

/// Takes the compute lock for a moment.
pub type TakeLock = fn();

pub(crate) struct Meter {
    pub(crate) around: Around,
    pub(crate) take_lock: Option<TakeLock>,
}

impl Meter {
    /// Starts the meter thread of a pool. The caller ensures that there is only one.
    pub(crate) fn start(&self, pool: &Pool) -> io::Result<()> {
        let (pool, around, take_lock) = (pool.clone(), self.around, self.take_lock);
        let thread = thread::Builder::new().name("poorwsgi meter".to_owned());
        thread.spawn(move || around(&mut || measure(&pool, take_lock))).map(drop)
    }
}

fn measure(pool: &Pool, take_lock: Option<TakeLock>) {
    let processors = thread::available_parallelism().map_or(1, usize::from) as f32;
    let mut worth_it_at = Instant::now();
    let mut ended = {
        let mut state = pool.shared().state();
        state.limit.begin();
        state.ended
    };
    loop {
        let (begun, computed) = (Instant::now(), usage::of_process());
        // After the sleep, the thread that computes has to hand the lock over, which costs some 20 µs.
        thread::sleep(PATIENCE);
        let had_to_wait = take_lock.map(usage::had_to_wait);
        let (time, computed) = (begun.elapsed(), usage::of_process().saturating_sub(computed));
        let busy = had_to_wait.map_or_else(
            || computed.as_secs_f32() / time.as_secs_f32().max(1e-6) / processors,
            |had_to_wait| f32::from(u8::from(had_to_wait)),
        );
        let mut state = pool.shared().state();
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
            pool.fill();
        }
    }
}
