//! Which routes can match a path at all.
//!
//! Running a thousand expressions for each request is what this module saves: it sorts routes by their
//! *shape*, the segments of their path, into a tree. Literal segments are looked up, segments with a group
//! lie behind the literal text before the group, and a route is found under as much of its shape as is known:
//! from the first group that may match a `/` on, only the text before it counts. The expressions of the few
//! routes found decide.
//!
//! A set of expressions searched at once would be less code, but a thousand with Unicode classes overflow the
//! lazy automaton of such a set, and then the time grows with their number. A look-up here visits each node
//! of the tree at most once, and none deeper than the path has segments nor than [`MAX_DEPTH`], so a path of
//! a million slashes costs no more than one of that depth.

use memchr::memchr;
use rustc_hash::FxHashMap;

/// Segments of a route that the tree looks at. It bounds the recursion; real paths have less.
const MAX_DEPTH: usize = 32;

/// A part of a route, as far as the index cares.
#[derive(Clone, Copy, Debug)]
pub(super) enum Piece<'a> {
    /// Matches this text.
    Literal(&'a str),
    /// Matches some text without a `/`.
    Within,
    /// May match any text.
    Across,
}

/// The segments of a route's path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    segments: Vec<Segment>,
    /// What the rest of the path starts with, where it may have any number of segments.
    tail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    /// The segment, or the text it starts with.
    text: String,
    dynamic: bool,
}

impl Shape {
    pub(super) fn new<'a>(pieces: impl IntoIterator<Item = Piece<'a>>) -> Self {
        let mut shape = Shape { segments: Vec::new(), tail: None };
        let mut current = Segment { text: String::new(), dynamic: false };
        for piece in pieces {
            match piece {
                Piece::Literal(text) => {
                    for (number, text) in text.split('/').enumerate() {
                        if number > 0 {
                            let next = Segment { text: String::new(), dynamic: false };
                            shape.segments.push(std::mem::replace(&mut current, next));
                        }
                        if !current.dynamic {
                            current.text.push_str(text);
                        }
                    }
                }
                Piece::Within => current.dynamic = true,
                Piece::Across => {
                    shape.tail = Some(current.text);
                    shape.limit();
                    return shape;
                }
            }
        }
        shape.segments.push(current);
        shape.limit();
        shape
    }

    fn limit(&mut self) {
        if self.segments.len() > MAX_DEPTH {
            self.segments.truncate(MAX_DEPTH);
            self.tail = Some(String::new());
        }
    }
}

/// The tree. A route is known by its number, which is its rank: of two that match, the lower one wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// Below a literal segment.
    literal: Texts<Node>,
    /// Below a segment with a group, by the text before the group.
    dynamic: Prefixes<Node>,
    /// Routes whose path ends here.
    ends: Vec<usize>,
    /// Routes whose path goes on with any number of segments, by the text it goes on with.
    tails: Prefixes<Vec<usize>>,
}

impl Index {
    pub(super) fn insert(&mut self, shape: &Shape, route: usize) {
        let mut node = &mut self.root;
        for Segment { text, dynamic } in &shape.segments {
            node = if *dynamic { node.dynamic.entry(text) } else { node.literal.entry(text) };
        }
        match &shape.tail {
            Some(text) => node.tails.entry(text).push(route),
            None => node.ends.push(route),
        }
    }

    /// Calls `visit` once for each route that may match `path`, in no particular order.
    pub(super) fn candidates(&self, path: &str, visit: &mut impl FnMut(usize)) {
        self.root.candidates(Some(path), visit);
    }
}

impl Node {
    fn candidates(&self, rest: Option<&str>, visit: &mut impl FnMut(usize)) {
        let Some(rest) = rest else {
            return self.ends.iter().copied().for_each(visit);
        };
        let (segment, after) = split_segment(rest);
        if let Some(node) = self.literal.get(segment) {
            node.candidates(after, visit);
        }
        for node in self.dynamic.of(segment) {
            node.candidates(after, visit);
        }
        self.tails.of(rest).flatten().copied().for_each(visit);
    }
}

/// The first segment of a path, and what comes after the `/` that ends it.
pub(super) fn split_segment(path: &str) -> (&str, Option<&str>) {
    // Much quicker for a few bytes than the standard library's search for a character.
    match memchr(b'/', path.as_bytes()) {
        Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..)),
        None => (path, None),
    }
}

/// Values by text.
///
/// The keys come from the application alone, so that a client can bring about no collisions: a hasher without
/// a secret is safe. The empty text is kept apart, because it is in every route, and looking it up in the map
/// costs 0.1 µs on a processor with AVX-512: it is compared where an empty text has no memory, and the access
/// is cancelled in microcode.
#[derive(Clone, Debug)]
struct Texts<T> {
    empty: Option<Box<T>>,
    others: FxHashMap<Box<str>, T>,
}

impl<T> Default for Texts<T> {
    fn default() -> Self {
        Texts { empty: None, others: FxHashMap::default() }
    }
}

impl<T> Texts<T> {
    fn get(&self, text: &str) -> Option<&T> {
        if text.is_empty() { self.empty.as_deref() } else { self.others.get(text) }
    }

    fn entry(&mut self, text: &str) -> &mut T
    where
        T: Default,
    {
        if text.is_empty() {
            self.empty.get_or_insert_default()
        } else {
            self.others.entry(text.into()).or_default()
        }
    }
}

/// Values by the text that something starts with. There are few lengths of such texts, and each costs one
/// look-up.
#[derive(Clone, Debug)]
struct Prefixes<T> {
    texts: Texts<T>,
    lengths: Vec<usize>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Prefixes { texts: Texts::default(), lengths: Vec::new() }
    }
}

impl<T> Prefixes<T> {
    fn entry(&mut self, prefix: &str) -> &mut T
    where
        T: Default,
    {
        if !self.lengths.contains(&prefix.len()) {
            self.lengths.push(prefix.len());
        }
        self.texts.entry(prefix)
    }

    /// The values of all prefixes of `text`.
    fn of<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a T> {
        self.lengths.iter().filter_map(|length| self.texts.get(text.get(..*length)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(index: &Index, path: &str) -> Vec<usize> {
        let mut found = Vec::new();
        index.candidates(path, &mut |route| found.push(route));
        found.sort_unstable();
        found
    }

    #[test]
    fn routes_are_found_under_what_is_known_of_their_paths() {
        use Piece::{Across, Literal, Within};
        let mut index = Index::default();
        let routes: &[&[Piece<'_>]] = &[
            &[Literal("/user/"), Within],
            &[Literal("/user/"), Within, Literal("/edit")],
            &[Literal("/user-"), Within, Literal(".txt/"), Within],
            &[Literal("/user/a"), Across, Literal("/x")],
            &[Across],
            &[Within],
        ];
        for (number, pieces) in routes.iter().enumerate() {
            index.insert(&Shape::new(pieces.iter().copied()), number);
        }
        assert_eq!(candidates(&index, "/user/bob"), [0, 4]);
        assert_eq!(candidates(&index, "/user/anna"), [0, 3, 4]);
        assert_eq!(candidates(&index, "/user/anna/edit"), [1, 3, 4]);
        assert_eq!(candidates(&index, "/user/bob/edit/"), [4]);
        assert_eq!(candidates(&index, "/user-7.txt/"), [2, 4]);
        assert_eq!(candidates(&index, "/user"), [4]);
        assert_eq!(candidates(&index, ""), [4, 5]);
        assert_eq!(candidates(&index, "ž"), [4, 5]);
    }

    #[test]
    fn a_prefix_never_cuts_a_character() {
        let mut index = Index::default();
        index.insert(&Shape::new([Piece::Literal("a"), Piece::Across]), 0);
        assert!(candidates(&index, "ž").is_empty());
    }

    #[test]
    fn deep_routes_and_deep_paths_end_at_the_limit() {
        let mut index = Index::default();
        let deep = "/a".repeat(100_000);
        index.insert(&Shape::new([Piece::Literal(&deep), Piece::Within]), 0);
        assert_eq!(candidates(&index, &deep), [0]);
        assert!(candidates(&index, &"/".repeat(1_000_000)).is_empty());
    }
}
