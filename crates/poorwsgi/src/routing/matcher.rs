//! A compiled route: the linear engine where it can, the backtracking one where it must.

use std::str;

use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::dialect;

/// Steps a backtracking expression may take on one path, some milliseconds of work. Beyond, the path does not match:
/// only an expression with an ambiguous repetition gets there, and then the path is an attacker's.
const BACKTRACK_LIMIT: usize = 100_000;

/// A compiled expression, matched from the start of a path.
#[derive(Clone, Debug)]
pub(super) enum Matcher {
    /// Linear time in the length of the path.
    Linear(regex::Regex),
    /// Look-around and back-references, which the linear engine does not have.
    Backtracking(fancy_regex::Regex),
}

/// Where a match must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// At the end of the path: not before a trailing newline, as Python's `$` allows.
    Text,
    /// Anywhere: the expression has its own anchors.
    Anywhere,
}

impl Matcher {
    /// Compiles an expression of Python's `re`. The error is the compiler's text, in one line.
    pub(super) fn compile(expression: &str, end: End) -> Result<Self, String> {
        let end = if end == End::Text { r"\z" } else { "" };
        let anchored = format!(r"\A(?:{}){end}", dialect::from_python(expression));
        let error = match regex::Regex::new(&anchored) {
            Ok(regex) => return Ok(Matcher::Linear(regex)),
            Err(regex::Error::CompiledTooBig(limit)) => {
                return Err(format!("larger than {limit} bytes compiled"));
            }
            Err(error) => error,
        };
        match fancy_regex::RegexBuilder::new(&anchored).backtrack_limit(BACKTRACK_LIMIT).build() {
            Ok(regex) => Ok(Matcher::Backtracking(regex)),
            // its last line says what is wrong, those before draw where
            Err(_) => Err(error.to_string().lines().last().unwrap_or_default().to_owned()),
        }
    }

    pub(super) fn is_match(&self, path: &str) -> bool {
        match self {
            Matcher::Linear(regex) => regex.is_match(path),
            Matcher::Backtracking(regex) => {
                regex.is_match(path).unwrap_or_else(|error| gave_up(regex, &error))
            }
        }
    }

    pub(super) fn captures<'p>(&self, path: &'p str) -> Option<Groups<'p>> {
        match self {
            Matcher::Linear(regex) => regex.captures(path).map(Groups::Linear),
            Matcher::Backtracking(regex) => match regex.captures(path) {
                Ok(captures) => captures.map(Groups::Backtracking),
                Err(error) => gave_up(regex, &error),
            },
        }
    }

    /// The name of each group, the whole match not counted.
    pub(super) fn group_names(&self) -> Vec<Option<&str>> {
        match self {
            Matcher::Linear(regex) => regex.capture_names().skip(1).collect(),
            Matcher::Backtracking(regex) => regex.capture_names().skip(1).collect(),
        }
    }
}

/// The answer of an expression that passed [`BACKTRACK_LIMIT`]: no match.
fn gave_up<T: Default>(regex: &fancy_regex::Regex, error: &fancy_regex::Error) -> T {
    tracing::warn!(regex = regex.as_str(), %error, "route took too long to match and was passed over");
    T::default()
}

/// The groups of one match.
#[derive(Debug)]
pub(super) enum Groups<'p> {
    Linear(regex::Captures<'p>),
    Backtracking(fancy_regex::Captures<'p, str>),
}

impl<'p> Groups<'p> {
    pub(super) fn get(&self, group: usize) -> Option<&'p str> {
        match self {
            Groups::Linear(captures) => captures.get(group).map(|found| found.as_str()),
            Groups::Backtracking(captures) => captures.get(group).map(|found| found.as_str()),
        }
    }
}

/// Whether a match of this expression may contain a `/`, or may depend on what stands around it. Expressions that
/// only the backtracking engine knows are taken to.
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
    /// Appends the prefix; answers whether the expression is nothing but its prefix.
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
