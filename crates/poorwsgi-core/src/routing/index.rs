//! Finds the routes that can match a path, so that a request does not have to try the expressions of all
//! routes.
//!
//! The routes are in a tree, by their *shape*: the segments of their path. A literal segment is looked up as
//! a whole, and a segment with a group by the literal text before the group. The tree does not look beyond
//! the first group that may match a `/`. The expressions of the few routes that are found then decide.
//!
//! A set of expressions that is searched at once would be less code. But a thousand expressions with Unicode
//! classes overflow the lazy automaton of such a set, and then the time grows with their number. A look-up in
//! the tree visits each node at most once, and goes no deeper than the path has segments, and no deeper than
//! [`MAX_DEPTH`], so a path of a million slashes costs no more than one of that depth.

use memchr::memchr;
use rustc_hash::FxHashMap;

/// How many segments of a route the tree looks at. This bounds the recursion; real paths have fewer segments.
const MAX_DEPTH: usize = 32;

/// A part of a route, as the index sees it.
#[derive(Clone, Copy, Debug)]
pub(super) enum RoutePiece<'a> {
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
    /// Where any number of segments may follow `segments`: the text that the rest of the path starts with.
    tail: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Segment {
    /// The whole segment or, if `dynamic`, the literal text that it starts with.
    text: String,
    dynamic: bool,
}

impl Shape {
    pub(super) fn new<'a>(pieces: impl IntoIterator<Item = RoutePiece<'a>>) -> Self {
        let mut shape = Shape { segments: Vec::new(), tail: None };
        let mut current = Segment { text: String::new(), dynamic: false };
        for piece in pieces {
            match piece {
                RoutePiece::Literal(text) => {
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
                RoutePiece::Within => current.dynamic = true,
                RoutePiece::Across => {
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

/// The tree. It knows a route by a number, which is the route's rank: of two routes that match, the one with
/// the lower number wins.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    root: Node,
}

#[derive(Clone, Debug, Default)]
struct Node {
    /// The nodes below literal segments.
    literal: SegmentTexts<Node>,
    /// The nodes below segments with a group, by the literal text before the group.
    dynamic: Prefixes<Node>,
    /// Routes whose path ends here.
    ends: Vec<usize>,
    /// Routes that go on with any number of segments, by the literal text before the first group of that
    /// rest.
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
    // For a few bytes, `memchr` is much quicker than the standard library's search for a character.
    match memchr(b'/', path.as_bytes()) {
        Some(slash) => (path.get(..slash).unwrap_or_default(), path.get(slash + 1..)),
        None => (path, None),
    }
}

/// A map from texts to values.
///
/// Only the application adds keys, so no client can cause collisions, and a hasher without a secret is safe.
/// The empty text is kept apart, because every route has it, and looking it up in the map costs 0.1 µs on a
/// processor with AVX-512: the comparison accesses the dangling address of an empty text, and the processor
/// cancels that access in microcode.
#[derive(Clone, Debug)]
struct SegmentTexts<T> {
    empty: Option<Box<T>>,
    others: FxHashMap<Box<str>, T>,
}

impl<T> Default for SegmentTexts<T> {
    fn default() -> Self {
        SegmentTexts { empty: None, others: FxHashMap::default() }
    }
}

impl<T> SegmentTexts<T> {
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

/// A map from prefixes to values. Each length of a prefix costs one look-up; there are few of them.
#[derive(Clone, Debug)]
struct Prefixes<T> {
    texts: SegmentTexts<T>,
    lengths: Vec<usize>,
}

impl<T> Default for Prefixes<T> {
    fn default() -> Self {
        Prefixes { texts: SegmentTexts::default(), lengths: Vec::new() }
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
        use RoutePiece::{Across, Literal, Within};
        let mut index = Index::default();
        let routes: &[&[RoutePiece<'_>]] = &[
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
        index.insert(&Shape::new([RoutePiece::Literal("a"), RoutePiece::Across]), 0);
        assert!(candidates(&index, "ž").is_empty());
    }

    #[test]
    fn deep_routes_and_deep_paths_end_at_the_limit() {
        let mut index = Index::default();
        let deep = "/a".repeat(100_000);
        index.insert(&Shape::new([RoutePiece::Literal(&deep), RoutePiece::Within]), 0);
        assert_eq!(candidates(&index, &deep), [0]);
        assert!(candidates(&index, &"/".repeat(1_000_000)).is_empty());
    }
}
