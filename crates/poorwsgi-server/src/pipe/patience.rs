//! For which slow clients threads wait, and which client is cut off when no more threads may wait.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use crate::spool::Spool;

/// The file of one response may take this fraction of the spool.
const PART: u64 = 32;

/// How long a client has to have read nothing before another one may have its place. Between two blocks that
/// a steady client reads, the system may first empty a good part of the socket's send buffer.
const TURN: Duration = Duration::from_secs(5);

/// How often a thread in the queue checks whether its turn has come.
const LOOK: Duration = Duration::from_secs(1);

/// The limits of waiting for clients that read slowly. `P` is the pipe of a client.
pub(super) struct Limits<P> {
    turns: Mutex<Turns>,
    /// Notified when a permission is free, or the queue has moved on.
    pub(super) freed: Condvar,
    /// How many permissions stay free for clients whose file is full.
    pub(super) kept_free: usize,
    /// Clients that threads wait for.
    pub(super) waited_for: CutOrder<P>,
    /// Clients that have unread bytes in a file; a client that reads a block goes to the end.
    pub(super) in_files: CutOrder<P>,
    pub(super) spool: Spool,
}

/// The permissions to wait for a client.
pub(super) struct Turns {
    /// How many more threads may wait.
    free: usize,
    /// The threads that queue for a permission, and how many may queue.
    line: VecDeque<u64>,
    longest_line: usize,
    next: u64,
}

impl Turns {
    /// Queues for a permission; `None` if the queue is full.
    fn enter(&mut self) -> Option<u64> {
        // A thread that is just about to get a free permission is in the queue as well.
        if self.line.len() >= self.longest_line + self.free {
            return None;
        }
        self.next += 1;
        self.line.push_back(self.next);
        Some(self.next)
    }
}

/// The pipes of clients, by number, and the time when each got its number.
type Places<P> = BTreeMap<u64, (Instant, Weak<P>)>;

/// Clients in the order in which they are cut off for others: first the one that has read nothing for
/// longest.
pub(super) struct CutOrder<P> {
    numbers: AtomicU64,
    places: Mutex<Places<P>>,
}

impl<P> Default for CutOrder<P> {
    fn default() -> Self {
        CutOrder { numbers: AtomicU64::default(), places: Mutex::default() }
    }
}

impl<P> CutOrder<P> {
    fn places(&self) -> MutexGuard<'_, Places<P>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends a client, and returns its number.
    pub(super) fn enter(&self, pipe: &Arc<P>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.places().insert(number, (Instant::now(), Arc::downgrade(pipe)));
        number
    }

    pub(super) fn leave(&self, number: u64) {
        self.places().remove(&number);
    }

    /// Takes the first client out, which is to be cut off, unless it has read something within [`TURN`].
    pub(super) fn take_first(&self) -> Option<Weak<P>> {
        let mut places = self.places();
        let first = places.first_entry().filter(|entry| entry.get().0.elapsed() >= TURN);
        first.map(|entry| entry.remove().1)
    }
}

impl<P> Limits<P> {
    /// For a server with this number of threads.
    pub(super) fn new(threads: usize, spool: Spool) -> Self {
        let most = (threads / 4).max(1);
        Limits {
            turns: Mutex::new(Turns { free: most, line: VecDeque::new(), longest_line: most, next: 0 }),
            freed: Condvar::new(),
            kept_free: most - threads / 8,
            waited_for: CutOrder::default(),
            in_files: CutOrder::default(),
            spool,
        }
    }

    /// The permission to wait for a client, if more than `kept_free` are left and no other thread queues.
    pub(super) fn may_wait(&self, kept_free: usize) -> Option<WaitPermit<'_, P>> {
        let mut turns = self.turns();
        if turns.free <= kept_free || !turns.line.is_empty() {
            return None;
        }
        turns.free -= 1;
        Some(WaitPermit(self))
    }

    /// A place in the queue for the permission to wait; `None` if the queue is full.
    pub(super) fn enter_line(&self) -> Option<InLine<'_, P>> {
        self.turns().enter().map(|number| InLine { limits: self, number })
    }

    /// Whether no further thread may wait.
    pub(super) fn are_reached(&self) -> bool {
        self.turns().free == 0
    }

    pub(super) fn turns(&self) -> MutexGuard<'_, Turns> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn file_bytes(&self) -> u64 {
        self.spool.file_bytes() / PART
    }
}

/// The permission to wait for a client, until it is dropped.
pub(super) struct WaitPermit<'a, P>(&'a Limits<P>);

impl<P> Drop for WaitPermit<'_, P> {
    fn drop(&mut self) {
        self.0.turns().free += 1;
        self.0.freed.notify_all();
    }
}

/// A place in the queue, until it is dropped.
pub(super) struct InLine<'a, P> {
    limits: &'a Limits<P>,
    number: u64,
}

impl<'a, P> InLine<'a, P> {
    /// Waits a moment for the permission, or until this client has read something.
    pub(super) fn turn(&self, has_moved: &AtomicBool) -> Option<WaitPermit<'a, P>> {
        let InLine { limits, number } = *self;
        let must_wait = |turns: &mut Turns| {
            (turns.free == 0 || turns.line.front() != Some(&number)) && !has_moved.load(Ordering::Relaxed)
        };
        let waited = limits.freed.wait_timeout_while(limits.turns(), LOOK, must_wait);
        let (mut turns, result) = waited.unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() || turns.free == 0 || turns.line.front() != Some(&number) {
            return None;
        }
        // At once: a thread with a permission takes no room in the queue.
        turns.line.pop_front();
        turns.free -= 1;
        Some(WaitPermit(limits))
    }
}

impl<P> Drop for InLine<'_, P> {
    fn drop(&mut self) {
        self.limits.turns().line.retain(|number| *number != self.number);
        self.limits.freed.notify_all();
    }
}
