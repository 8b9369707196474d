//! Balances the connections of one socket among the processes that accept from it.
//!
//! The process that wakes first would accept all queued connections, and keep those that stay open, while the
//! other processes are idle. So each process writes its number of open connections into a table in shared
//! memory, and a process that has many more than another one leaves the next connection to that one, for a
//! moment.

use std::env;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Environment variable with the file descriptor of the table, a colon, and the number of the process's own
/// entry.
const VARIABLE: &str = "POORWSGI_SIBLINGS";
/// How many entries the table has; an entry is a `u32` in native byte order: 0 for a process that does not
/// accept, otherwise its number of connections plus one.
const ENTRIES: usize = 256;
const ENTRY: usize = size_of::<u32>();

/// How long a connection is left to a process with fewer connections before the next check: long enough for
/// an idle process, which needs some ten microseconds to accept.
const CHANCE: Duration = Duration::from_millis(1);
/// How often a connection is left to the others before they count as stuck.
const CHANCES: u32 = 5;
/// How long no connection is left to the others after one that they did not accept.
const GRUDGE: Duration = Duration::from_millis(100);

/// From how many connections on a process has many more than one with `few`. Being a little ahead does no
/// harm, and with brief connections a process would otherwise wait for the others all the time.
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
    /// Notified when a connection has closed.
    closed: Notify,
    /// When the others last did not accept a connection that was left to them.
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

    /// `None` for a file that is not such a table: the table has no name.
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

    /// Marks this process as accepting.
    pub(crate) fn join(&self) {
        self.change(|_| Some(0));
    }

    /// Marks this process as not accepting, whatever happens to its connections.
    pub(crate) fn leave(&self) {
        self.change(|_| None);
    }

    /// Counts a connection until the result is dropped.
    pub(crate) fn count(self: &Arc<Self>) -> Counted {
        self.change(|connections| connections.map(|count| count.saturating_add(1)));
        Counted(Arc::clone(self))
    }

    /// Leaves a queued connection to another process, if that one has far fewer.
    pub(crate) async fn give_way(&self) {
        let refused = *lock(&self.refused);
        if refused.is_some_and(|refused| refused.elapsed() < GRUDGE) {
            return;
        }
        for _ in 0..CHANCES {
            if !self.is_ahead() {
                return;
            }
            // Either way the numbers may have changed.
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
        // Under the lock: the last write has to be the latest number.
        let mut connections = lock(&self.connections);
        *connections = change(*connections);
        let entry = connections.map_or(0, |count| count.saturating_add(1));
        // Only the balance depends on it.
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

    /// A file without a name, opened by two processes.
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
