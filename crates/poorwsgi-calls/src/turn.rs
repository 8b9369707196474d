//! Which thread drives the connections of a loop, shared without a lock: the driving thread says which task
//! it runs, and the watcher takes over.
//!
//! ```text
//!              begin                     take_over, by the watching thread
//!    waiting ─────────▶ running a task ──────────────────────────────────▶ waiting, of the next driver
//!       ▲                     │
//!       └─────────────────────┘
//!                end
//! ```

use super::atomic::{AtomicBool, AtomicU64, Ordering, fence};

/// The number of the driving thread, counted from 0, and the number of the task that it runs; 0 while it
/// waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) driver: u32,
    pub(crate) task: u32,
}

impl Turn {
    pub(crate) const fn waiting(driver: u32) -> Self {
        Turn { driver, task: 0 }
    }

    const fn next_driver(self) -> Self {
        Turn::waiting(self.driver.wrapping_add(1))
    }

    const fn packed(self) -> u64 {
        (self.driver as u64) << 32 | self.task as u64
    }

    const fn of(packed: u64) -> Self {
        Turn { driver: (packed >> 32) as u32, task: packed as u32 }
    }
}

/// The turn that all threads of a loop see.
pub(crate) struct Watched {
    turn: AtomicU64,
    /// Whether the watcher sleeps until it is woken.
    is_asleep: AtomicBool,
}

impl Watched {
    pub(crate) fn new() -> Self {
        Watched { turn: AtomicU64::new(Turn::waiting(0).packed()), is_asleep: AtomicBool::new(false) }
    }

    pub(crate) fn now(&self) -> Turn {
        Turn::of(self.turn.load(Ordering::Acquire))
    }

    /// The driving thread begins its next task. Returns whether it has to wake the watcher.
    #[must_use]
    pub(crate) fn begin(&self, turn: &mut Turn) -> bool {
        turn.task = turn.task.checked_add(1).unwrap_or(1);
        self.turn.store(turn.packed(), Ordering::Release);
        // Either this thread sees that the watcher sleeps, or the watcher sees the task and does not sleep.
        fence(Ordering::SeqCst);
        self.is_asleep.load(Ordering::Relaxed) && self.is_asleep.swap(false, Ordering::Relaxed)
    }

    /// The task has ended. Returns whether the thread still drives.
    #[must_use]
    pub(crate) fn end(&self, turn: Turn) -> bool {
        self.replace(turn, Turn::waiting(turn.driver))
    }

    /// Replaces a driver that is still at this task, and returns the number of the new one; `None` if the
    /// task has ended.
    #[must_use]
    pub(crate) fn take_over(&self, from: Turn) -> Option<u32> {
        let next = from.next_driver();
        self.replace(from, next).then_some(next.driver)
    }

    fn replace(&self, from: Turn, to: Turn) -> bool {
        self.turn.compare_exchange(from.packed(), to.packed(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    /// The watcher is about to sleep. Returns whether it may, because no task runs.
    #[must_use]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.is_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        self.now().task == 0
    }

    /// The watcher is awake again.
    pub(crate) fn wake_up(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }
}
