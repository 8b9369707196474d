//! The paces of a callable whose routes nobody knows.

use std::array;
use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::sync::Arc;

use poorwsgi::request::HttpHead;
use poorwsgi_calls::inlining::Pace;

/// How many kinds of requests are told apart. Kinds that share a place share its pace.
const KINDS: usize = 256;

/// A pace for each kind of requests: those with the same method and the same path, where numbers in it make
/// no difference.
pub(crate) struct Paces {
    paces: [Arc<Pace>; KINDS],
    hasher: RandomState,
}

impl Paces {
    pub(crate) fn new() -> Self {
        Paces { paces: array::from_fn(|_| Arc::default()), hasher: RandomState::new() }
    }

    /// That of requests like this one.
    pub(crate) fn of(&self, head: &HttpHead) -> &Arc<Pace> {
        let mut hasher = self.hasher.build_hasher();
        head.parts().method.hash(&mut hasher);
        let words = head.parts().uri.path().split(|character: char| character.is_ascii_digit());
        words.filter(|word| !word.is_empty()).for_each(|word| word.hash(&mut hasher));
        let [first, ..] = &self.paces;
        self.paces.get(hasher.finish() as usize % KINDS).unwrap_or(first)
    }
}
