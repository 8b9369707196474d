//! Which answers to a nonce were accepted already, so that a recorded one is worth nothing.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// How far behind the highest count of a nonce a request may arrive. Browsers send many requests at once over several
/// connections (100 streams in one HTTP/2 connection), and they overtake each other.
const WINDOW: u32 = u128::BITS;

/// Remembers the counts (`nc`) seen with each nonce (RFC 7616, section 3.4): each nonce accepts each count once.
///
/// Memory is bounded. When the table is full, the oldest quarter of the nonces is forgotten, and from then on no
/// nonce as old as these is taken for new: their owners get a fresh one without being asked for their password.
/// Only answers with the right password are entered, so a stranger cannot fill it.
///
/// A table knows one process. Where several serve one site, a recorded answer is worth one request in each of the
/// others until its nonce expires; shorten the timeout, or send requests that need digest login to one process.
#[derive(Debug)]
pub struct NonceTable {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    nonces: HashMap<[u8; 32], Counts>,
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
    /// A table for this many nonces at a time, at least 4.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        NonceTable { capacity: capacity.max(4), seen: Mutex::default() }
    }

    /// Enters a count for a nonce. `false` where it may not be accepted: it was seen before, is too far behind the
    /// highest one, is 0, or the nonce is as old as others that the table has forgotten.
    ///
    /// `issued` is when the nonce was made, in seconds since 1970. Call this only once everything else about the
    /// answer was found right.
    #[must_use]
    pub fn claim(&self, nonce: &str, issued: u64, count: u32) -> bool {
        let key = Sha256::digest(nonce).into();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counts) = seen.nonces.get_mut(&key) {
            return counts.claim(count);
        }
        if count == 0 || seen.forgotten.is_some_and(|forgotten| issued <= forgotten) {
            return false;
        }
        if seen.nonces.len() >= self.capacity {
            seen.forget_oldest(self.capacity / 4);
        }
        seen.nonces.insert(key, Counts { issued, highest: count, recent: 1 });
        true
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

impl Seen {
    /// Forgets at least `count` nonces, and with each one all that were issued in the same second or before.
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

    /// behaviour.md: each nonce accepts each `nc` once.
    #[test]
    fn the_same_count_twice_is_refused() {
        let table = NonceTable::default();
        assert!(table.claim("a", 1, 1));
        assert!(!table.claim("a", 1, 1));
        assert!(table.claim("b", 1, 1) && table.claim("a", 1, 2));
        assert!(!table.claim("a", 1, 0) && !table.claim("c", 1, 0));
    }

    #[test]
    fn parallel_requests_may_overtake_each_other() {
        let table = NonceTable::default();
        for count in [3, 1, 2, 130, 129] {
            assert!(table.claim("a", 1, count), "{count}");
        }
        for count in [3, 129, 130, 1, 2] {
            assert!(!table.claim("a", 1, count), "{count}");
        }
        assert!(table.claim("a", 1, 4), "inside the window");
        assert!(table.claim("a", 1, u32::MAX) && !table.claim("a", 1, 5), "behind the window");
    }

    /// security.md: the table of nonces is bounded, and what it forgot cannot be replayed.
    #[test]
    fn forgotten_nonces_are_not_new() {
        let table = NonceTable::new(8);
        for second in 0..1000 {
            assert!(table.claim(&second.to_string(), second, 1));
        }
        assert!(table.seen.lock().unwrap().nonces.len() <= 8);
        for second in 0..1000 {
            assert!(!table.claim(&second.to_string(), second, 1));
        }
        assert!(table.claim("new", 1000, 1));
    }

    #[test]
    fn a_count_is_claimed_by_one_thread_only() {
        let table = NonceTable::default();
        let claimed = std::thread::scope(|scope| {
            let claims =
                [(); 4].map(|()| scope.spawn(|| (1..100).filter(|&nc| table.claim("a", 1, nc)).count()));
            claims.map(|claim| claim.join().unwrap()).iter().sum::<usize>()
        });
        assert_eq!(claimed, 99);
    }

    proptest! {
        #[test]
        fn never_the_same_answer_twice(
            claims in prop::collection::vec((0u64..12, 0u32..300), 0..400), capacity in 0usize..10,
        ) {
            let table = NonceTable::new(capacity);
            let mut accepted = std::collections::HashSet::new();
            for (nonce, count) in claims {
                if table.claim(&nonce.to_string(), nonce, count) {
                    prop_assert!(accepted.insert((nonce, count)));
                }
            }
        }
    }
}
