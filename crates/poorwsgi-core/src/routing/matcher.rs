//! A compiled route. Its expression runs on an engine with linear time if possible, and on a backtracking
//! engine if it needs look-around or back-references.

use std::ops::Range;
use std::str;

use regex_automata::meta::{Config, Regex};
use regex_automata::{PatternID, Span};
use regex_syntax::hir::{Class, Hir, HirKind, Look};
use smallvec::SmallVec;

use super::dialect;
use super::segments::Segments;

/// How many steps a backtracking expression may take on one path: some milliseconds of work. Where the
/// expression needs more steps, the path does not match. Only an expression with an ambiguous repetition
/// reaches this limit, and only on a path that an attacker has made for it.
const BACKTRACK_LIMIT: usize = 100_000;

/// The largest size of a compiled expression, in bytes; it is the default of the `regex` crate.
const SIZE_LIMIT: usize = 10 << 20;

/// How many places an expression may have: its characters and classes, each counted as often as it is
/// repeated. In the worst case, each character of a path costs a step for each place. Only nested repetitions
/// with large counts exceed this limit.
const MOST_PLACES: usize = 10_000;

/// How much memory, in bytes, the one-pass engine, which is the fastest of the linear ones, may take for one
/// expression. Without a limit it takes half a megabyte for each `\w`. The other engines are fast enough:
/// they match in 0.3 µs instead of 0.2 µs.
const ONE_PASS_LIMIT: usize = 64 << 10;

/// A compiled expression, matched from the start of a path.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Segment by segment, without an expression of its own.
    Segments(Segments),
    /// Linear time in the length of the path.
    Linear(Regex),
    /// For look-around and back-references, which the linear engine does not support.
    Backtracking(fancy_regex::Regex),
}

/// Where a match must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the end of the path. Python's `$` would also match before a trailing newline.
    Text,
    /// Anywhere: the expression has its own anchors.
    Anywhere,
}

impl Matcher {
    /// Compiles an expression of Python's `re`. The error is the compiler's text, in one line.
    pub(super) fn compile(expression: &str, end: End) -> Result<Self, String> {
        if !dialect::is_balanced(expression) {
            return Err("unbalanced parentheses or brackets".to_owned());
        }
        let end = if end == End::Text { r"\z" } else { "" };
        let anchored = format!(r"\A(?:{}){end}", dialect::from_python(expression));
        if let Ok(hir) = regex_syntax::parse(&anchored)
            && places(&hir) > MOST_PLACES
        {
            return Err(format!(
                "it has more than {MOST_PLACES} places: counts of repetitions within repetitions multiply"
            ));
        }
        let config = Config::new().nfa_size_limit(Some(SIZE_LIMIT)).onepass_size_limit(Some(ONE_PASS_LIMIT));
        let error = match Regex::builder().configure(config).build(&anchored) {
            Ok(regex) => return Ok(Matcher::Linear(regex)),
            Err(error) => error,
        };
        if let Some(limit) = error.size_limit() {
            return Err(format!("compiled, it takes more than {limit} bytes"));
        }
        let Some(error) = error.syntax_error() else { return Err(error.to_string()) };
        match fancy_regex::RegexBuilder::new(&anchored).backtrack_limit(BACKTRACK_LIMIT).build() {
            Ok(regex) => Ok(Matcher::Backtracking(regex)),
            // The last line of the error says what is wrong; the lines before it show the place.
            Err(wider) => {
                match error.to_string().lines().last().and_then(|line| line.strip_prefix("error: ")) {
                    Some(line) if !line.contains("not supported") => Err(line.to_owned()),
                    _ => Err(wider.to_string()),
                }
            }
        }
    }

    pub(super) fn is_match(&self, path: &str) -> bool {
        match self {
            Matcher::Segments(segments) => segments.matches(path, |_| ()),
            Matcher::Linear(regex) => regex.is_match(path),
            Matcher::Backtracking(regex) => {
                regex.is_match(path).unwrap_or_else(|error| gave_up(regex, &error))
            }
        }
    }

    /// The byte ranges of the groups, if the path matches.
    pub(super) fn captures(&self, path: &str) -> Option<Groups> {
        match self {
            Matcher::Segments(segments) => {
                let mut groups = Groups::default();
                segments.matches(path, |place| groups.push(place)).then_some(groups)
            }
            Matcher::Linear(regex) => {
                let mut found = regex.create_captures();
                regex.captures(path, &mut found);
                let place = |group: Option<Span>| group.map_or(NOWHERE, |group| group.range());
                found.is_match().then(|| found.iter().skip(1).map(place).collect())
            }
            Matcher::Backtracking(regex) => match regex.captures(path) {
                Ok(captures) => captures.map(|found| {
                    let place =
                        |group: Option<fancy_regex::Match<'_>>| group.map_or(NOWHERE, |group| group.range());
                    found.iter().skip(1).map(place).collect()
                }),
                Err(error) => gave_up(regex, &error),
            },
        }
    }

    /// The name of each group of the expression, without the whole match; empty for [`Matcher::Segments`].
    pub(super) fn group_names(&self) -> Vec<Option<&str>> {
        match self {
            Matcher::Segments(_) => Vec::new(),
            Matcher::Linear(regex) => regex.group_info().pattern_names(PatternID::ZERO).skip(1).collect(),
            Matcher::Backtracking(regex) => regex.capture_names().skip(1).collect(),
        }
    }
}

/// The result of an expression that exceeded [`BACKTRACK_LIMIT`]: no match, and a warning in the log.
fn gave_up<T: Default>(regex: &fancy_regex::Regex, error: &fancy_regex::Error) -> T {
    tracing::warn!(target: "poorwsgi", regex = regex.as_str(), %error, "route took too long to match and was passed over");
    T::default()
}

/// The range of a group that took no part in the match. It lies outside of any text.
const NOWHERE: Range<usize> = usize::MAX..usize::MAX;

/// The byte ranges of the groups of one match in its path. They are small, because the match of each request is
/// moved several times: a range ends below 4 GiB, and the first two groups are not on the heap.
#[derive(Clone, Debug, Default)]
pub(super) struct Groups(SmallVec<[Range<u32>; 2]>);

impl Groups {
    fn push(&mut self, place: Range<usize>) {
        let end = |at| u32::try_from(at).unwrap_or(u32::MAX);
        self.0.push(end(place.start)..end(place.end));
    }

    /// The text of a group. Groups are counted from 1, as in the expression.
    pub(super) fn get<'p>(&self, path: &'p str, group: usize) -> Option<&'p str> {
        let Range { start, end } = self.0.get(group.checked_sub(1)?)?.clone();
        if end == u32::MAX {
            return None;
        }
        path.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
    }
}

impl FromIterator<Range<usize>> for Groups {
    fn from_iter<I: IntoIterator<Item = Range<usize>>>(places: I) -> Self {
        let mut groups = Groups::default();
        places.into_iter().for_each(|place| groups.push(place));
        groups
    }
}

/// Whether a match of this expression may contain a `/`, or may depend on the text around it. For an
/// expression that only the backtracking engine supports the result is `true`.
pub(super) fn crosses_segments(expression: &str) -> bool {
    fn crosses(hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Empty => false,
            HirKind::Literal(literal) => literal.0.contains(&b'/'),
            HirKind::Class(Class::Unicode(class)) => {
                class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&'/'))
            }
            HirKind::Class(Class::Bytes(_)) | HirKind::Look(_) => true,
            HirKind::Repetition(repetition) => crosses(&repetition.sub),
            HirKind::Capture(capture) => crosses(&capture.sub),
            HirKind::Concat(all) | HirKind::Alternation(all) => all.iter().any(crosses),
        }
    }
    regex_syntax::parse(&dialect::from_python(expression)).map_or(true, |hir| crosses(&hir))
}

/// The literal text that every match of this expression starts with.
pub(super) fn literal_prefix(expression: &str) -> String {
    /// Appends the prefix. Returns whether the expression is nothing but literal text.
    fn collect(hir: &Hir, prefix: &mut Vec<u8>) -> bool {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(Look::Start) => true,
            HirKind::Literal(literal) => {
                prefix.extend_from_slice(&literal.0);
                true
            }
            HirKind::Capture(capture) => collect(&capture.sub, prefix),
            HirKind::Concat(all) => all.iter().all(|hir| collect(hir, prefix)),
            _ => false,
        }
    }
    let mut prefix = Vec::new();
    if let Ok(hir) = regex_syntax::parse(&dialect::from_python(expression)) {
        collect(&hir, &mut prefix);
    }
    match str::from_utf8(&prefix) {
        Ok(prefix) => prefix.to_owned(),
        Err(_) => String::new(),
    }
}

/// How many places an expression has; see [`MOST_PLACES`].
fn places(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 0,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(_) => 1,
        HirKind::Capture(capture) => places(&capture.sub),
        HirKind::Concat(all) | HirKind::Alternation(all) => {
            all.iter().map(places).fold(0, usize::saturating_add)
        }
        HirKind::Repetition(repetition) => {
            let count = repetition.max.unwrap_or(repetition.min).max(1);
            places(&repetition.sub).saturating_mul(count as usize)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_expressions_that_need_it_backtrack() {
        let compile = |expression| Matcher::compile(expression, End::Text).unwrap();
        assert!(matches!(compile(r"/(\w+)"), Matcher::Linear(_)));
        assert!(matches!(compile(r"/(?!x)\w+"), Matcher::Backtracking(_)));
        assert!(matches!(compile(r"/(?P<a>\w)(?P=a)"), Matcher::Backtracking(_)));
    }

    #[test]
    fn an_expression_that_backtracks_for_ever_does_not_match() {
        let matcher = Matcher::compile(r"/(?:(?=a)a+)+(?=b)b", End::Text).unwrap();
        let path = format!("/{}", "a".repeat(5_000));
        assert!(!matcher.is_match(&path));
        assert!(matcher.captures(&path).is_none());
        assert!(matcher.is_match("/aab"));
    }

    /// Each character of a path could cost a step for each of some hundred thousand states.
    #[test]
    fn an_expression_has_a_size() {
        let compile = |expression| Matcher::compile(expression, End::Text);
        let error = compile(r"/((a{0,50}){0,50}){0,50}b").unwrap_err();
        assert!(error.contains("more than 10000 places"), "{error}");
        assert!(compile(r"/\w{1,2000}").unwrap_err().contains("bytes"));
        for fine in [r"/(\w{1,64}-?){1,2}", r"/[\w-]{1,200}", "/([a-z]{1,50}-?){1,50}", r"/[\w.-]+@[\w.-]+"] {
            assert!(compile(fine).is_ok(), "{fine}");
        }
    }

    #[test]
    fn what_may_cross_a_slash_is_known() {
        for within in [r"-?\d+", r"\w+", "[^/]+", "[a-z]{2}", "(a|b)?", ""] {
            assert!(!crosses_segments(within), "{within}");
        }
        for across in [".+", "a/b", r"\W", "[^.]", "(?=a)a", "^a", r"\bx", "(?i)[+-9]"] {
            assert!(crosses_segments(across), "{across}");
        }
    }

    #[test]
    fn the_literal_start_of_an_expression_is_known() {
        for (expression, prefix) in [
            (r"/user/\w+", "/user/"),
            (r"^/user/(?P<id>7\d)", "/user/7"),
            ("/ab?", "/a"),
            ("/a|/b", ""),
            ("a|b", ""),
            ("(?i)/user", "/"),
            (r"/a\.b$", "/a.b"),
            ("(?m)^/a", ""),
            ("/ž*", "/"),
            ("(?=/a)/a", ""),
        ] {
            assert_eq!(literal_prefix(expression), prefix, "{expression}");
        }
    }
}
