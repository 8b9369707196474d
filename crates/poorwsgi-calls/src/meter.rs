//! How busy the interpreter is.
//!
//! A thread asks for it now and then, as long as calls wait for a place or more run than always may. Whether it had to wait tells whether
//! the interpreter was somebody's at that moment. That counts a thread that holds it and waits for a processor, which
//! other processes have, and does not count one that waits for a database, nor one that waits for a processor and then for the
//! interpreter. What the threads have had of the processors says none of this on a machine that has other work.

use std::time::{Duration, Instant};
use std::{io, thread};

use crate::limit::Measure;
use crate::pool::Pool;
use crate::threads::Around;
use crate::usage;

/// Takes the interpreter for a moment.
pub type Attach = fn();

/// How often it is asked for. Whoever computes has to hand it over then, which costs some 20 µs.
const PROBE: Duration = Duration::from_millis(5);

/// How many times the limit is left alone in between.
const PROBES: usize = 5;

/// After so long without anything to find out the thread ends.
const KEEP: Duration = Duration::from_secs(1);

pub(crate) struct Meter {
    pub(crate) around: Around,
    pub(crate) attach: Option<Attach>,
}

impl Meter {
    /// Has a thread measure for a pool. Nobody else does.
    pub(crate) fn start(&self, pool: &Pool) -> io::Result<()> {
        let (pool, around, attach) = (pool.clone(), self.around, self.attach);
        let thread = thread::Builder::new().name("poorwsgi meter".to_owned());
        thread.spawn(move || around(&mut || measure(&pool, attach))).map(drop)
    }
}

fn measure(pool: &Pool, attach: Option<Attach>) {
    let mut idle_since = None;
    let mut ended = {
        let mut state = pool.shared().state();
        state.limit.begin();
        state.ended
    };
    loop {
        let begun = Instant::now();
        let computed = usage::of_process();
        let mut taken = Duration::ZERO;
        let mut short = 0;
        for _ in 0..PROBES {
            let before = Instant::now();
            thread::sleep(PROBE);
            if attach.is_some_and(usage::had_to_wait) {
                taken += before.elapsed();
            }
            short += usize::from(pool.shared().state().is_short());
        }
        let time = begun.elapsed();
        if attach.is_none() {
            let processors = thread::available_parallelism().map_or(1, usize::from) as u32;
            taken = usage::of_process().saturating_sub(computed) / processors;
        }
        let mut state = pool.shared().state();
        let busy = (taken.as_secs_f32() / time.as_secs_f32().max(1e-6)).min(1.0);
        let measure = Measure { time, busy, ended: state.ended - ended, is_short: short * 2 > PROBES };
        ended = state.ended;
        state.limit.step(measure);
        let is_idle = !state.is_worth_measuring();
        let since = *idle_since.get_or_insert_with(Instant::now);
        if state.is_over || (is_idle && since.elapsed() >= KEEP) {
            state.is_measured = false;
            return;
        }
        drop(state);
        if !is_idle {
            idle_since = None;
        }
        pool.fill();
    }
}
