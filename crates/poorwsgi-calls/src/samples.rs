//! Measurements that threads write without a lock, and read at any time.

use std::time::Duration;

use super::atomic::{AtomicU32, Ordering};

/// Ring buffer of the last `N` times in nanoseconds; 0 means no sample. Racing updates may overwrite each
/// other's sample.
#[derive(Debug)]
pub(super) struct LastTimes<const N: usize> {
    times: [AtomicU32; N],
    next: AtomicU32,
}

impl<const N: usize> LastTimes<N> {
    pub(super) fn new() -> Self {
        LastTimes { times: std::array::from_fn(|_| AtomicU32::new(0)), next: AtomicU32::new(0) }
    }

    pub(super) fn add(&self, took: Duration) {
        let nanoseconds = u32::try_from(took.as_nanos()).unwrap_or(u32::MAX).max(1);
        let next = self.next.load(Ordering::Relaxed);
        if let Some(time) = self.times.get(next as usize % N) {
            time.store(nanoseconds, Ordering::Relaxed);
        }
        self.next.store(next.wrapping_add(1), Ordering::Relaxed);
    }

    /// The times in nanoseconds, shortest first.
    pub(super) fn sorted(&self) -> Vec<u32> {
        let known = self.times.iter().map(|time| time.load(Ordering::Relaxed)).filter(|time| *time > 0);
        let mut times: Vec<_> = known.collect();
        times.sort_unstable();
        times
    }
}

/// Exponential moving average (weight `1 / WEIGHT`), stored as `f32` bits; 0 means no sample. Racing updates
/// may drop one.
#[derive(Debug)]
pub(super) struct Mean<const WEIGHT: u32>(AtomicU32);

impl<const WEIGHT: u32> Mean<WEIGHT> {
    pub(super) fn new() -> Self {
        Mean(AtomicU32::new(0))
    }

    pub(super) fn get(&self) -> f32 {
        f32::from_bits(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn add(&self, value: f32) {
        let mean = match self.get() {
            0.0 => value,
            mean => mean + (value - mean) / WEIGHT as f32,
        };
        self.0.store(mean.to_bits(), Ordering::Relaxed);
    }
}
