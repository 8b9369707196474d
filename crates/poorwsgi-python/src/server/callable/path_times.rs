//! The times of the calls of a callable whose routes are unknown.

use std::array;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use poorwsgi_calls::inlining::RouteTimes;
use poorwsgi_core::request::HttpHead;

/// The number of slots for kinds of requests. Kinds that share a slot share its times.
const KINDS: usize = 256;

/// The times of each kind of requests: those with the same method and the same path, digits ignored.
pub(in crate::server) struct PathTimes {
    path_times: [Arc<RouteTimes>; KINDS],
    hasher: RandomState,
}

impl PathTimes {
    pub(in crate::server) fn new() -> Self {
        PathTimes { path_times: array::from_fn(|_| Arc::default()), hasher: RandomState::new() }
    }

    /// The times of requests like this one.
    pub(in crate::server) fn of(&self, head: &HttpHead) -> &Arc<RouteTimes> {
        let mut hasher = self.hasher.build_hasher();
        head.parts().method.hash(&mut hasher);
        let words = head.parts().uri.path().split(|character: char| character.is_ascii_digit());
        words.filter(|word| !word.is_empty()).for_each(|word| word.hash(&mut hasher));
        let [first, ..] = &self.path_times;
        self.path_times.get(hasher.finish() as usize % KINDS).unwrap_or(first)
    }
}
