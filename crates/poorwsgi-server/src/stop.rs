//! The signal by which a server stops its connections.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How far the stop has come. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Running,
    /// Each connection may ask once more, and is closed with the answer.
    Draining,
    /// Idle connections close, running requests finish.
    Graceful,
    /// Everything ends now.
    AtOnce,
}

/// Shared by a server and its connections.
#[derive(Debug)]
pub(crate) struct Stop {
    level: AtomicU8,
    changed: Notify,
    /// The requests that were cut off.
    left: Mutex<Vec<String>>,
}

impl Stop {
    pub(crate) const fn new() -> Self {
        Stop { level: AtomicU8::new(0), changed: Notify::const_new(), left: Mutex::new(Vec::new()) }
    }

    pub(crate) fn level(&self) -> Level {
        match self.level.load(Ordering::Acquire) {
            0 => Level::Running,
            1 => Level::Draining,
            2 => Level::Graceful,
            _ => Level::AtOnce,
        }
    }

    pub(crate) fn raise(&self, level: Level) {
        self.level.fetch_max(level as u8, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// Ends when the level is raised after this future was first polled.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    /// Notes a request that was cut off.
    pub(crate) fn leave(&self, request: String) {
        self.left.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    }

    pub(crate) fn take_left(&self) -> Vec<String> {
        std::mem::take(&mut *self.left.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
