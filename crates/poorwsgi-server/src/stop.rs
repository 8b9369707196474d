//! The signal by which a server stops its connections, or closes some idle ones.

use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

/// How far the stop has come. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Running,
    /// Each connection may send one more request, and is closed after the response.
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
    /// How many idle connections are to close, for queued ones.
    room: AtomicU32,
    /// How often the waiting tasks were notified of a change.
    signals: AtomicU32,
    changed: Notify,
    /// The requests that were cut off.
    left: Mutex<Vec<String>>,
}

impl Stop {
    pub(crate) const fn new() -> Self {
        Stop {
            level: AtomicU8::new(0),
            room: AtomicU32::new(0),
            signals: AtomicU32::new(0),
            changed: Notify::const_new(),
            left: Mutex::new(Vec::new()),
        }
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
        self.tell();
    }

    /// Asks this many idle connections to close; replaces an earlier number.
    pub(crate) fn make_room(&self, connections: u32) {
        self.room.store(connections, Ordering::Release);
        if connections > 0 {
            self.tell();
        }
    }

    pub(crate) fn wants_room(&self) -> bool {
        self.room.load(Ordering::Acquire) > 0
    }

    /// Whether the calling idle connection is to close.
    pub(crate) fn takes_room(&self) -> bool {
        self.room.fetch_update(Ordering::AcqRel, Ordering::Acquire, |room| room.checked_sub(1)).is_ok()
    }

    fn tell(&self) {
        self.signals.fetch_add(1, Ordering::AcqRel);
        self.changed.notify_waiters();
    }

    /// The number of the last signal.
    pub(crate) fn signals(&self) -> u32 {
        self.signals.load(Ordering::Acquire)
    }

    /// Waits until the stop has come this far.
    pub(crate) async fn reached(&self, level: Level) {
        loop {
            // Notified of every change from here on, so none is missed between the look and the wait.
            let changed = self.changed();
            if self.level() >= level {
                return;
            }
            changed.await;
        }
    }

    /// Waits for the next signal.
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
