//! The nonces that were used already, so that recorded credentials cannot be replayed.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use sha2::{Digest, Sha256};

use super::nonce::CLOCK_TOLERANCE;
use crate::clock;

/// How far a count may be behind the highest count of its nonce. Browsers send many requests at once, over
/// several connections or up to 100 streams of one HTTP/2 connection, and these overtake each other.
const WINDOW: u32 = u128::BITS;

/// Remembers the counts (`nc`) seen with each nonce (RFC 7616, section 3.4): each nonce accepts each count
/// once.
///
/// Memory is bounded. When the table is full, it forgets the oldest quarter of its nonces, and from then on
/// refuses unknown nonces that are as old as these; their clients get a fresh nonce without being asked for a
/// password. Only credentials with the right password are recorded, so a stranger cannot fill the table.
///
/// A table does not know which nonces were used before it was created, so it refuses all nonces from before
/// then: recorded credentials cannot be replayed after a restart. Clients get a fresh nonce without being
/// asked for a password.
///
/// A table belongs to one process. Where several processes serve one site, recorded credentials can be
/// replayed once in each of the other processes until the nonce expires. This includes a process that starts
/// while the one that accepted them still runs. To prevent this, shorten the timeout, or send all requests
/// that need digest login to one process.
///
/// Times are those of the system clock. If the clock is set back, the table accepts nonces issued from the
/// new time on, even if that is before the creation of the table, or before the times of nonces that it has
/// forgotten. Otherwise nobody could log in until the clock has caught up. [`DigestAuth`](super::DigestAuth)
/// refuses nonces from the future. Uses that the table has recorded stay recorded, but a nonce that it has
/// forgotten can be used again once the clock reaches its time of issue for the second time.
#[derive(Debug)]
pub struct NonceTable {
    capacity: usize,
    seen: Mutex<KnownNonces>,
}

#[derive(Debug)]
struct KnownNonces {
    nonces: HashMap<[u8; 32], SeenCounts>,
    /// Nonces issued before this time may have been used in an earlier process. In milliseconds since 1970.
    started: u64,
    /// Nonces issued at this time or before may have been forgotten. In milliseconds since 1970.
    forgotten: Option<u64>,
}

#[derive(Clone, Copy, Debug)]
struct SeenCounts {
    issued: u64,
    highest: u32,
    /// Bit *n* is set where the count `highest - n` was seen.
    recent: u128,
}

impl Default for NonceTable {
    /// Room for 16,384 nonces in use, some 2 MiB.
    fn default() -> Self {
        NonceTable::new(16_384)
    }
}

impl NonceTable {
    /// The table that all applications of this process share. The first call creates it.
    #[must_use]
    pub fn of_process() -> Arc<Self> {
        static OF_PROCESS: LazyLock<Arc<NonceTable>> = LazyLock::new(Arc::default);
        Arc::clone(&OF_PROCESS)
    }

    /// A table for this many nonces at a time, at least 4. It accepts nonces issued from now on.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        NonceTable::starting_at(capacity, clock::milliseconds())
    }

    /// A table that accepts nonces issued from `started` on, in milliseconds since 1970.
    #[must_use]
    pub fn starting_at(capacity: usize, started: u64) -> Self {
        let seen = KnownNonces { nonces: HashMap::new(), started, forgotten: None };
        NonceTable { capacity: capacity.max(4), seen: Mutex::new(seen) }
    }

    /// Records the use of a nonce with a count. `false` where it must be refused: the count was seen before,
    /// is 128 or more behind the highest one, or is 0; or the nonce is older than the table, or as old as
    /// others that the table has forgotten.
    ///
    /// `issued` is when the nonce was made, and `now` the time, in milliseconds since 1970. Call this only
    /// after everything else in the credentials was found right.
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
        seen.nonces.insert(key, SeenCounts { issued, highest: count, recent: 1 });
        true
    }

    /// Whether a nonce that was issued at this time is neither older than the table nor as old as others that
    /// the table has forgotten. Times are in milliseconds since 1970.
    #[must_use]
    pub fn takes(&self, issued: u64, now: u64) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).takes(issued, now)
    }
}

impl SeenCounts {
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

    /// Follows a clock that was set back: new nonces are then issued before `started`, or before the time of
    /// `forgotten`, and must be accepted nevertheless. `forgotten` may be up to [`CLOCK_TOLERANCE`] after
    /// `now`, because clocks differ.
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

    /// The table is bounded, and a nonce that it has forgotten cannot be replayed.
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

    /// A new process does not know which nonces were used in the one before.
    #[test]
    fn nonces_of_an_earlier_process_are_not_new() {
        let (before, after) = (NonceTable::starting_at(8, NOW - 5000), NonceTable::starting_at(8, NOW));
        assert!(before.claim("a", NOW - 1, 1, NOW - 1));
        assert!(!after.claim("a", NOW - 1, 1, NOW + 1) && !after.claim("a", NOW - 1, 2, NOW + 1));
        assert!(after.claim("b", NOW, 1, NOW) && after.claim("c", NOW + 1, 1, NOW + 1));
        assert!(after.claim("of another worker", NOW + 7, 1, NOW + 7));
    }

    /// Logging in must be possible until the clock has caught up.
    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out() {
        let table = NonceTable::starting_at(8, NOW);
        assert!(table.claim("a", NOW + 10, 1, NOW + 20));
        let earlier = NOW - 3_600_000;
        assert!(!table.claim("b", earlier - 1, 1, earlier), "issued before the clock was set");
        assert!(table.claim("c", earlier + 1, 1, earlier + 2));
        assert!(!table.claim("a", NOW + 10, 1, earlier + 2), "what was used stays used");
    }

    /// Nonces forgotten before the clock was set back must not keep anybody from logging in afterwards.
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

    /// A machine whose clock is a little ahead issues nonces that lie in the future of other machines.
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
