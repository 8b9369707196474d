//! How busy the compute lock is.
//!
//! A meter thread takes the lock every 5 ms, as long as calls are queued or more than one runs.
//! Each sample asks whether the meter had to wait, that is, whether another thread held the lock. A thread
//! that holds the lock and waits for a processor counts as busy; a thread that waits for a database does not.
//! The CPU times of the threads would say none of this on a machine that also does other work.

use std::time::{Duration, Instant};
use std::{io, thread};

use crate::PATIENCE;
use crate::threads::Around;
use crate::usage;

/// Takes the compute lock for a moment.
pub type TakeLock = fn();

pub(crate) struct Meter {
    pub(crate) around: Around,
    pub(crate) take_lock: Option<TakeLock>,
}

/// What the meter saw in one look.
pub(crate) struct Sample {
    /// How long the look took.
    pub(crate) time: Duration,
    /// The CPU time of the process meanwhile.
    pub(crate) computed: Duration,
    /// The share of the time in which a thread held the lock; see [`Measure`](crate::limit::Measure).
    pub(crate) busy: f32,
}

impl Meter {
    /// Starts the meter thread of a pool: `follow` runs there, and is given the function that takes a sample.
    /// The caller ensures that there is only one such thread.
    pub(crate) fn start(
        &self,
        mut follow: impl FnMut(&dyn Fn() -> Sample) + Send + 'static,
    ) -> io::Result<()> {
        let (around, take_lock) = (self.around, self.take_lock);
        let mut measure = move || {
            let processors = thread::available_parallelism().map_or(1, usize::from) as f32;
            follow(&|| sample(take_lock, processors));
        };
        let thread = thread::Builder::new().name("poorwsgi meter".to_owned());
        thread.spawn(move || around(&mut measure)).map(drop)
    }
}

fn sample(take_lock: Option<TakeLock>, processors: f32) -> Sample {
    let (begun, computed) = (Instant::now(), usage::of_process());
    // After the sleep, the thread that computes has to hand the lock over, which costs some 20 µs.
    thread::sleep(PATIENCE);
    let had_to_wait = take_lock.map(usage::had_to_wait);
    let (time, computed) = (begun.elapsed(), usage::of_process().saturating_sub(computed));
    let busy = had_to_wait.map_or_else(
        || computed.as_secs_f32() / time.as_secs_f32().max(1e-6) / processors,
        |had_to_wait| f32::from(u8::from(had_to_wait)),
    );
    Sample { time, computed, busy }
}
