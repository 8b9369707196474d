//! Which answers to a nonce were accepted already, so that a recorded one is worth nothing.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::nonce::CLOCK_TOLERANCE;
use super::now;

/// How far behind the highest count of a nonce a request may arrive. Browsers send many requests at once over
/// several connections (100 streams in one HTTP/2 connection), and they overtake each other.
const WINDOW: u32 = u128::BITS;

/// Remembers the counts (`nc`) seen with each nonce (RFC 7616, section 3.4): each nonce accepts each count
/// once.
///
/// Memory is bounded. When the table is full, the oldest quarter of the nonces is forgotten, and from then on
/// no nonce as old as these is taken for new: their owners get a fresh one without being asked for their
/// password. Only answers with the right password are entered, so a stranger cannot fill it.
///
/// A table knows nothing of what was used before it was made, so it takes no nonce from before: an answer
/// that was recorded is worth nothing after a restart. Its clients get a fresh nonce without being asked for
/// their password.
///
/// A table knows one process. Where several serve one site, a recorded answer is worth one request in each of
/// the others until its nonce expires, and so it is in a process that starts while the one that took it still
/// runs; shorten the timeout, or send requests that need digest login to one process.
///
/// Time is that of the clock on the wall. Where it is set back, nonces from the time that comes once more are
/// taken for what they say, but none from after now. What is in the table stays used in any case; what the
/// table has forgotten is good once more when its time comes again, or else nobody could log in until then.
#[derive(Debug)]
pub struct NonceTable {
    capacity: usize,
    seen: Mutex<KnownNonces>,
}

#[derive(Debug)]
struct KnownNonces {
    nonces: HashMap<[u8; 32], Counts>,
    /// Nonces issued before this time are of an earlier process.
    started: u64,
    /// Nonces issued at this time or before were forgotten.
    forgotten: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    issued: u64,
    highest: u32,
    /// Bit *n*: the count `highest - n` was seen.
    recent: u128,
}

impl Default for NonceTable {
    /// Room for 16,384 nonces in use, some 2 MiB.
    fn default() -> Self {
        NonceTable::new(16_384)
    }
}

impl NonceTable {
    /// The table that all applications of this process share. The first of them makes it.
    #[must_use]
    pub fn of_process() -> Arc<Self> {
        static OF_PROCESS: LazyLock<Arc<NonceTable>> = LazyLock::new(Arc::default);
        Arc::clone(&OF_PROCESS)
    }

    /// A table for this many nonces at a time, at least 4, that takes those from now on.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        NonceTable::starting_at(capacity, now())
    }

    /// A table that takes nonces from this time on, in milliseconds since 1970.
    #[must_use]
    pub fn starting_at(capacity: usize, started: u64) -> Self {
        let seen = KnownNonces { nonces: HashMap::new(), started, forgotten: None };
        NonceTable { capacity: capacity.max(4), seen: Mutex::new(seen) }
    }

    /// Enters a count for a nonce. `false` where it may not be accepted: it was seen before, is too far
    /// behind the highest one, is 0, or the nonce is older than the table, or as old as others that the table
    /// has forgotten.
    ///
    /// `issued` is when the nonce was made, and `now` the time, in milliseconds since 1970. Call this only
    /// once everything else about the answer was found right.
    #[must_use]
    pub fn claim(&self, nonce: &str, issued: u64, count: u32, now: u64) -> bool {
        let key = Sha256::digest(nonce).into();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = seen.nonces.get_mut(&key) {
            return counts.claim(count);
        }
        if count == 0 || !seen.takes(issued, now) {
            return false;
        }
        if seen.nonces.len() >= self.capacity {
            seen.forget_oldest(self.capacity / 4);
        }
        seen.nonces.insert(key, Counts { issued, highest: count, recent: 1 });
        true
    }

    /// Whether a nonce that was issued at this time is neither older than the table nor as old as others that
    /// the table has forgotten. Times are in milliseconds since 1970.
    #[must_use]
    pub fn takes(&self, issued: u64, now: u64) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).takes(issued, now)
    }
}

impl Counts {
    fn claim(&mut self, count: u32) -> bool {
        if count > self.highest {
            self.recent = self.recent.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let behind = self.highest - count;
        if count == 0 || behind >= WINDOW {
            return false;
        }
        let bit = 1 << behind;
        let new = self.recent & bit == 0;
        self.recent |= bit;
        new
    }
}

impl KnownNonces {
    fn takes(&mut self, issued: u64, now: u64) -> bool {
        self.follow_clock(now);
        issued >= self.started && self.forgotten.is_none_or(|forgotten| issued > forgotten)
    }

    /// Where the clock was set back, nonces are made before the start, or before those that were forgotten,
    /// and must be good all the same. One that was forgotten may be a little after now, where clocks differ.
    fn follow_clock(&mut self, now: u64) {
        if self.forgotten.is_some_and(|forgotten| forgotten > now.saturating_add(CLOCK_TOLERANCE)) {
            self.forgotten = None;
            self.started = now;
        }
        self.started = self.started.min(now);
    }

    /// Forgets at least `count` nonces, and with each one all that were issued at the same time or before.
    fn forget_oldest(&mut self, count: usize) {
        let mut times: Vec<u64> = self.nonces.values().map(|counts| counts.issued).collect();
        if count == 0 || count > times.len() {
            return;
        }
        let (_, &mut newest, _) = times.select_nth_unstable(count - 1);
        self.nonces.retain(|_, counts| counts.issued > newest);
        self.forgotten = self.forgotten.max(Some(newest));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: u64 = 1_800_000_000_000;

    /// Each nonce accepts each `nc` once.
    #[test]
    fn the_same_count_twice_is_refused() {
        let table = NonceTable::starting_at(16_384, 0);
        assert!(table.claim("a", 1, 1, NOW));
        assert!(!table.claim("a", 1, 1, NOW));
        assert!(table.claim("b", 1, 1, NOW) && table.claim("a", 1, 2, NOW));
        assert!(!table.claim("a", 1, 0, NOW) && !table.claim("c", 1, 0, NOW));
    }

    #[test]
    fn parallel_requests_may_overtake_each_other() {
        let table = NonceTable::starting_at(16_384, 0);
        for count in [3, 1, 2, 130, 129] {
            assert!(table.claim("a", 1, count, NOW), "{count}");
        }
        for count in [3, 129, 130, 1, 2] {
            assert!(!table.claim("a", 1, count, NOW), "{count}");
        }
        assert!(table.claim("a", 1, 4, NOW), "inside the window");
        assert!(table.claim("a", 1, u32::MAX, NOW) && !table.claim("a", 1, 5, NOW), "behind the window");
    }

    /// The table of nonces is bounded, and what it forgot cannot be replayed.
    #[test]
    fn forgotten_nonces_are_not_new() {
        let table = NonceTable::starting_at(8, 0);
        for second in 0..1000 {
            assert!(table.claim(&second.to_string(), second, 1, NOW));
        }
        assert!(table.seen.lock().unwrap().nonces.len() <= 8);
        for second in 0..1000 {
            assert!(!table.claim(&second.to_string(), second, 1, NOW));
        }
        assert!(table.claim("new", 1000, 1, NOW));
    }

    /// A new process has not seen what was used in the one before.
    #[test]
    fn nonces_of_an_earlier_process_are_not_new() {
        let (before, after) = (NonceTable::starting_at(8, NOW - 5000), NonceTable::starting_at(8, NOW));
        assert!(before.claim("a", NOW - 1, 1, NOW - 1));
        assert!(!after.claim("a", NOW - 1, 1, NOW + 1) && !after.claim("a", NOW - 1, 2, NOW + 1));
        assert!(after.claim("b", NOW, 1, NOW) && after.claim("c", NOW + 1, 1, NOW + 1));
        assert!(after.claim("of another worker", NOW + 7, 1, NOW + 7));
    }

    /// Logging in must be possible for as long as the clock takes to come to where it was.
    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let table = NonceTable::starting_at(8, NOW);
        assert!(table.claim("a", NOW + 10, 1, NOW + 20));
        let earlier = NOW - 3_600_000;
        assert!(!table.claim("b", earlier - 1, 1, earlier), "issued before the clock was set");
        assert!(table.claim("c", earlier + 1, 1, earlier + 2));
        assert!(!table.claim("a", NOW + 10, 1, earlier + 2), "what was used stays used");
    }

    /// What was forgotten in a time that comes once more must not shut out those who log in then.
    #[test]
    fn a_clock_that_is_set_back_after_nonces_were_forgotten_shuts_nobody_out() {
        let table = NonceTable::starting_at(8, NOW);
        let fill = |name: &str, begin: u64| {
            for number in 0..20 {
                let at = begin + number;
                assert!(table.claim(&format!("{name} {number}"), at, 1, at), "{name} {number}");
            }
        };
        fill("before", NOW);
        let earlier = NOW - 3_600_000;
        fill("after", earlier);
        assert!(!table.claim("after 0", earlier, 1, earlier + 20), "what the new time forgot is not new");
        assert!(!table.claim("older", earlier - 1, 1, earlier + 20), "issued before the clock was set");
        fill("once more", earlier - 3_600_000);
        assert!(!table.claim("before 19", NOW + 19, 1, NOW + 20), "what is in the table stays used");
    }

    /// A machine whose clock is a little ahead issues nonces that come from a time after ours.
    #[test]
    fn clocks_that_differ_a_little_make_no_forgotten_nonce_new() {
        let table = NonceTable::starting_at(8, NOW);
        for number in 0..20 {
            assert!(table.claim(&number.to_string(), NOW + 4000 + number, 1, NOW));
        }
        for number in 0..20 {
            assert!(!table.claim(&number.to_string(), NOW + 4000 + number, 1, NOW));
        }
    }

    #[test]
    fn a_clock_that_is_set_forward_changes_nothing() {
        let table = NonceTable::starting_at(8, NOW);
        assert!(table.claim("a", NOW, 1, NOW + 1_000_000) && !table.claim("a", NOW, 1, NOW + 1_000_000));
    }

    #[test]
    fn a_count_is_claimed_by_one_thread_only() {
        let table = NonceTable::starting_at(16_384, 0);
        let claimed = std::thread::scope(|scope| {
            let claims =
                [(); 4].map(|()| scope.spawn(|| (1..100).filter(|&nc| table.claim("a", 1, nc, NOW)).count()));
            claims.map(|claim| claim.join().unwrap()).iter().sum::<usize>()
        });
        assert_eq!(claimed, 99);
    }

    proptest! {
        #[test]
        fn never_the_same_answer_twice(
            claims in prop::collection::vec((0u64..12, 0u32..300), 0..400), capacity in 0usize..10,
        ) {
            let table = NonceTable::starting_at(capacity, 0);
            let mut accepted = std::collections::HashSet::new();
            for (nonce, count) in claims {
                if table.claim(&nonce.to_string(), nonce, count, NOW) {
                    prop_assert!(accepted.insert((nonce, count)));
                }
            }
        }
    }
}
