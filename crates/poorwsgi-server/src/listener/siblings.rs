//! Processes that accept from one socket, and share its connections evenly.
//!
//! Whoever wakes first would take all connections that wait, and with connections that stay open it would
//! keep them, while the other processes have nothing to do. So each one writes into a table that all of them
//! have how many connections it has open, and one that has many more than another leaves the next one to
//! that, for a moment.

use std::env;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// What a process finds in its environment: the file descriptor of the table, a colon, and the number of its
/// own entry.
const VARIABLE: &str = "POORWSGI_SIBLINGS";
/// How many entries the table has; an entry is a `u32` in the machine's byte order: 0 of a process that does
/// not accept, otherwise its connections and one.
const ENTRIES: usize = 256;
const ENTRY: usize = size_of::<u32>();

/// For how long a connection is left to a process that has fewer, before one looks again: long for one that
/// waits for work, which needs some ten microseconds.
const CHANCE: Duration = Duration::from_millis(1);
/// How often it is left to others, until it is clear that they are stuck.
const CHANCES: u32 = 5;
/// For how long none is, after one that nobody took.
const GRUDGE: Duration = Duration::from_millis(100);

/// How many connections are many more than so few. A process that is a little ahead is none the worse for it,
/// and where connections are brief, it would wait for others all the time.
const fn many_more(few: u32) -> u32 {
    few.saturating_add(few / 8).saturating_add(4)
}

/// The table, and the entry of this process.
#[derive(Debug)]
pub(crate) struct Siblings {
    table: File,
    entry: usize,
    /// `None` while it does not accept.
    connections: Mutex<Option<u32>>,
    /// Tells that there is one connection less.
    closed: Notify,
    /// When nobody took a connection that was left to others.
    refused: Mutex<Option<Instant>>,
}

impl Siblings {
    /// The table that a supervisor has handed over.
    pub(crate) fn inherited() -> Option<Arc<Self>> {
        let variable = env::var(VARIABLE).ok()?;
        let (descriptor, entry) = variable.split_once(':')?;
        let (descriptor, entry) = (descriptor.parse::<u32>().ok()?, entry.parse().ok()?);
        let table = File::options().read(true).write(true).open(format!("/dev/fd/{descriptor}")).ok()?;
        Self::new(table, entry)
    }

    /// `None` of a file that is no such table, which has no name.
    fn new(table: File, entry: usize) -> Option<Arc<Self>> {
        let metadata = table.metadata().ok()?;
        let is_table = metadata.len() == (ENTRIES * ENTRY) as u64 && metadata.nlink() == 0;
        (is_table && entry < ENTRIES).then(|| {
            Arc::new(Siblings {
                table,
                entry,
                connections: Mutex::default(),
                closed: Notify::new(),
                refused: Mutex::default(),
            })
        })
    }

    /// From now on this process accepts.
    pub(crate) fn join(&self) {
        self.change(|_| Some(0));
    }

    /// From now on it does not, whatever becomes of its connections.
    pub(crate) fn leave(&self) {
        self.change(|_| None);
    }

    /// Counts a connection until the result is dropped.
    pub(crate) fn count(self: &Arc<Self>) -> Counted {
        self.change(|connections| connections.map(|count| count.saturating_add(1)));
        Counted(Arc::clone(self))
    }

    /// Leaves a connection that waits to another process, where that one ought to take it.
    pub(crate) async fn give_way(&self) {
        let refused = *lock(&self.refused);
        if refused.is_some_and(|refused| refused.elapsed() < GRUDGE) {
            return;
        }
        for _ in 0..CHANCES {
            if !self.is_ahead() {
                return;
            }
            // Either way there may be a change.
            let _ = timeout(CHANCE, self.closed.notified()).await;
        }
        *lock(&self.refused) = Some(Instant::now());
    }

    /// Whether this process has many more connections than another one that accepts.
    fn is_ahead(&self) -> bool {
        let ours = *lock(&self.connections);
        let mut table = [0; ENTRIES * ENTRY];
        let (Some(ours), Ok(read)) = (ours, self.table.read_at(&mut table, 0)) else { return false };
        let (entries, _) = table.as_chunks::<ENTRY>();
        let mut others = entries.iter().take(read / ENTRY).map(|entry| u32::from_ne_bytes(*entry));
        others.any(|entry| entry.checked_sub(1).is_some_and(|theirs| ours >= many_more(theirs)))
    }

    fn change(&self, change: impl FnOnce(Option<u32>) -> Option<u32>) {
        // While it is locked: what is written last is what holds.
        let mut connections = lock(&self.connections);
        *connections = change(*connections);
        let entry = connections.map_or(0, |count| count.saturating_add(1));
        // Nothing but fairness depends on it.
        let _ = self.table.write_at(&entry.to_ne_bytes(), (self.entry * ENTRY) as u64);
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Counted(Arc<Siblings>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.change(|connections| connections.map(|count| count.saturating_sub(1)));
        self.0.closed.notify_one();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file without a name, as two processes have it.
    fn table(length: usize) -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(length as u64).unwrap();
        file
    }

    fn two() -> [Arc<Siblings>; 2] {
        let file = table(ENTRIES * ENTRY);
        [0, ENTRIES - 1].map(|entry| {
            let siblings = Siblings::new(file.try_clone().unwrap(), entry).unwrap();
            siblings.join();
            siblings
        })
    }

    fn some(siblings: &Arc<Siblings>, count: u32) -> Vec<Counted> {
        (0..count).map(|_| siblings.count()).collect()
    }

    #[test]
    fn whoever_has_many_more_connections_is_ahead() {
        let [a, b] = two();
        assert!(!a.is_ahead() && !b.is_ahead());
        let mut of_a = some(&a, many_more(0));
        assert!(a.is_ahead() && !b.is_ahead());
        b.leave();
        assert!(!a.is_ahead(), "nobody else accepts");
        b.join();
        let of_b = some(&b, 1);
        assert!(!a.is_ahead() && !b.is_ahead());
        of_a.extend(some(&a, 1));
        assert!(a.is_ahead() && !b.is_ahead());
        of_a.pop();
        assert!(!a.is_ahead());
        drop(of_a);
        let more_of_b = some(&b, many_more(0) - 1);
        assert!(b.is_ahead());
        a.leave();
        assert!(!b.is_ahead());
        drop((of_b, more_of_b));
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_ahead_waits_until_it_is_not_and_not_for_one_that_is_stuck() {
        let waits = async |siblings: &Arc<Siblings>| {
            let begun = Instant::now();
            siblings.give_way().await;
            begun.elapsed().as_millis()
        };
        let [a, b] = two();
        assert_eq!(waits(&a).await, 0);
        let mut of_a = some(&a, many_more(0));
        assert_eq!(waits(&b).await, 0);
        let closes = async {
            tokio::time::sleep(Duration::from_millis(2)).await;
            of_a.pop();
        };
        assert_eq!(tokio::join!(waits(&a), closes).0, 2);
        of_a.extend(some(&a, 1));
        assert!(waits(&a).await >= u128::from(CHANCES));
        assert_eq!(waits(&a).await, 0, "b had its chances");
        tokio::time::advance(GRUDGE).await;
        assert!(waits(&a).await >= u128::from(CHANCES));
    }

    #[test]
    fn any_other_file_is_left_alone() {
        assert!(Siblings::new(table(ENTRIES * ENTRY + 1), 0).is_none());
        assert!(Siblings::new(table(ENTRIES * ENTRY), ENTRIES).is_none());
        assert!(Siblings::new(File::open("/dev/null").unwrap(), 0).is_none());
    }
}
