//! Whether the calls of a route run inline, by what its last calls were; shared without a lock.

use super::atomic::{AtomicBool, AtomicU32, Ordering};

/// How many short calls in a row first move a route inline, and the most credit that an inline route has.
pub(crate) const FULL: u32 = 64;

/// What one call that is not short weighs, in short calls: a call that is not short subtracts this from the
/// credit of an inline route, a short one adds 1. A route that keeps leaving has to make at most
/// `FULL * FINE` short calls in a row to come back. `1 / FINE` is also the weight of one call in the moving
/// average of what the calls of a route compute.
pub(crate) const FINE: u32 = 16;

/// How many of the short calls before it an unclear call cancels: a route with more than one such call in
/// four stays on the pool.
const UNCLEAR: u32 = 3;

/// What one call says about its route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    Short,
    NotShort,
    /// So long that a single such call moves an inline route to the pool.
    Long,
    /// A call on the pool that may only have waited for the compute lock.
    Unclear,
}

/// Concurrent calls update the numbers without a lock: racing updates may drop one. Whatever the race, the
/// next long call moves an inline route to the pool.
#[derive(Debug)]
pub(crate) struct Credit {
    pub(crate) is_inline: AtomicBool,
    /// On the pool: how many short calls there were in a row. Inline: at 0 the route moves back to the pool.
    pub(crate) calls: AtomicU32,
    /// How many short calls in a row move the route inline.
    pub(crate) needed: AtomicU32,
}

impl Credit {
    pub(crate) fn new() -> Self {
        Credit { is_inline: AtomicBool::new(false), calls: AtomicU32::new(0), needed: AtomicU32::new(FULL) }
    }

    pub(crate) fn is_inline(&self) -> bool {
        self.is_inline.load(Ordering::Relaxed)
    }

    /// Whether no call is remembered that was not short.
    pub(crate) fn is_full(&self) -> bool {
        self.calls.load(Ordering::Relaxed) >= FULL
    }

    /// Decides where the next calls run.
    pub(crate) fn judge(&self, evidence: Evidence) {
        let calls = self.calls.load(Ordering::Relaxed);
        match (self.is_inline(), evidence) {
            (true, Evidence::Short) => self.calls.store(FULL.min(calls + 1), Ordering::Relaxed),
            (true, Evidence::NotShort) if calls > FINE => self.calls.store(calls - FINE, Ordering::Relaxed),
            (true, Evidence::NotShort | Evidence::Long) => self.leave(),
            (true, Evidence::Unclear) => {}
            (false, Evidence::Short) if calls + 1 < self.needed() => {
                self.calls.store(calls + 1, Ordering::Relaxed);
            }
            (false, Evidence::Short) => {
                self.calls.store(FULL, Ordering::Relaxed);
                self.is_inline.store(true, Ordering::Relaxed);
            }
            (false, Evidence::NotShort | Evidence::Long) => self.calls.store(0, Ordering::Relaxed),
            (false, Evidence::Unclear) => self.calls.store(calls.saturating_sub(UNCLEAR), Ordering::Relaxed),
        }
    }

    /// Moves the route back to the pool, where it needs twice as many short calls in a row as before.
    pub(crate) fn leave(&self) {
        let needed = self.needed().saturating_mul(2).min(FULL * FINE);
        self.needed.store(needed, Ordering::Relaxed);
        self.calls.store(0, Ordering::Relaxed);
        self.is_inline.store(false, Ordering::Relaxed);
    }

    /// How many short calls in a row move the route inline.
    pub(crate) fn needed(&self) -> u32 {
        self.needed.load(Ordering::Relaxed)
    }
}
