//! The details of an error, for the log, and for the page of a 500 when debug is on.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::{clip, redact};
use crate::clip as log;

/// How many errors of a chain of sources are shown. A chain may be endless, because an error can be its own
/// source.
const MAX_CAUSES: usize = 32;
/// The longest message of one error shown, in characters.
const MAX_MESSAGE: usize = 8000;
/// How many lines of a backtrace are shown: the last ones, which are nearest to the error in a Python
/// traceback.
const MAX_LINES: usize = 400;

/// One error of a chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The name of the error's type, where known.
    pub kind: Option<String>,
    /// The error's message.
    pub message: String,
}

/// An error with everything that helps to find its cause.
///
/// ```
/// use poorwsgi_core::results::ErrorReport;
///
/// let error = "x".parse::<i32>().unwrap_err();
/// let report = ErrorReport::new(&error).with_location("app.rs:12").with_fact("Handler", "app::detail");
/// assert_eq!(report.causes[0].message, "invalid digit found in string");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReport {
    /// The error, then the error behind it, and so on; at most 32 are shown.
    pub causes: Vec<Cause>,
    /// Where the error was raised: file and line, or the handler.
    pub location: Option<String>,
    /// Lines of a backtrace or traceback; the last 400 are shown.
    pub backtrace: String,
    /// Names and values about the request. Pages hide the values of names that look secret.
    pub facts: Vec<(String, String)>,
}

/// Prints for a log: the errors of the chain and the location on one line, `outer: inner (location)`, then
/// the backtrace. No text of an error can begin a record of the log or control a terminal.
impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = |cause: &Cause| match &cause.kind {
            Some(kind) => format!("{kind}: {}", cause.message),
            None => cause.message.clone(),
        };
        let mut line = self.causes.iter().take(MAX_CAUSES).map(message).collect::<Vec<_>>().join(": ");
        if let Some(location) = &self.location {
            line = format!("{} ({location})", log::line(&line, log::LINE));
        }
        f.write_str(&log::line(&line, log::LINE))?;
        if self.backtrace.is_empty() { Ok(()) } else { write!(f, "\n{}", log::following(&self.backtrace)) }
    }
}

impl ErrorReport {
    /// A report of an error and its sources.
    #[must_use]
    pub fn new(error: &(dyn Error + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |error| (*error).source());
        let causes =
            chain.take(MAX_CAUSES).map(|error| Cause { kind: None, message: error.to_string() }).collect();
        ErrorReport { causes, ..ErrorReport::default() }
    }

    /// Names the type of the outermost error.
    #[must_use]
    pub fn with_type(mut self, name: impl Into<String>) -> Self {
        if let Some(cause) = self.causes.first_mut() {
            cause.kind = Some(name.into());
        }
        self
    }

    /// Says where the error was raised.
    #[must_use]
    pub fn with_location(mut self, location: impl Into<String>) -> Self {
        self.location = Some(location.into());
        self
    }

    /// Adds the lines of a backtrace.
    #[must_use]
    pub fn with_backtrace(mut self, lines: impl Into<String>) -> Self {
        self.backtrace = lines.into();
        self
    }

    /// Adds a name and a value about the request.
    #[must_use]
    pub fn with_fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        Shown {
            causes: self.causes.iter().take(MAX_CAUSES).map(ShownCause::new).collect(),
            location: self.location.as_deref(),
            backtrace: last_lines(&self.backtrace),
            facts: self.facts.iter().map(|(name, value)| (name.as_str(), redact(name, value))).collect(),
        }
    }
}

/// A report as the template sees it.
pub(super) struct Shown<'a> {
    pub(super) causes: Vec<ShownCause<'a>>,
    pub(super) location: Option<&'a str>,
    pub(super) backtrace: &'a str,
    pub(super) facts: Vec<(&'a str, Cow<'a, str>)>,
}

pub(super) struct ShownCause<'a> {
    pub(super) kind: Option<&'a str>,
    pub(super) message: Cow<'a, str>,
}

impl<'a> ShownCause<'a> {
    fn new(cause: &'a Cause) -> Self {
        ShownCause { kind: cause.kind.as_deref(), message: clip(&cause.message, MAX_MESSAGE) }
    }
}

fn last_lines(text: &str) -> &str {
    let text = text.trim_end();
    match text.rmatch_indices('\n').nth(MAX_LINES - 1) {
        Some((at, _)) => text.get(at + 1..).unwrap_or(text),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::HttpError;
    use std::fmt;

    /// An error that is its own source.
    #[derive(Debug)]
    struct Ouroboros;

    impl fmt::Display for Ouroboros {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("again")
        }
    }

    impl Error for Ouroboros {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(self)
        }
    }

    #[test]
    fn the_chain_runs_from_the_error_to_its_first_cause() {
        let error = HttpError::bad_request("age").with_source("x".parse::<i32>().unwrap_err());
        let report = ErrorReport::new(&error).with_type("HttpError");
        let causes: Vec<_> = report.causes.iter().map(|cause| cause.message.as_str()).collect();
        assert_eq!(causes, ["400 Bad Request: age", "invalid digit found in string"]);
        assert_eq!(report.causes[0].kind.as_deref(), Some("HttpError"));
    }

    #[test]
    fn what_an_error_says_begins_no_line_of_a_log() {
        let report = ErrorReport {
            causes: vec![Cause { kind: Some("E".to_owned()), message: "a\nforged\u{1b}[31m".to_owned() }],
            ..ErrorReport::default()
        };
        assert_eq!(report.to_string(), "E: a\\nforged\\u{1b}[31m");
        let report = report.with_location("app.rs:1").with_backtrace("Traceback\n  in f\nE: a\nforged\r\n");
        assert_eq!(
            report.to_string(),
            "E: a\\nforged\\u{1b}[31m (app.rs:1)\n  Traceback\n    in f\n  E: a\n  forged\\r"
        );
        let long = report.with_type("x".repeat(5000)).to_string();
        assert!(long.lines().all(|line| line.len() < 2048), "{long}");
    }

    #[test]
    fn a_chain_without_end_is_cut() {
        assert_eq!(ErrorReport::new(&Ouroboros).causes.len(), MAX_CAUSES);
    }

    #[test]
    fn the_last_lines_of_a_long_backtrace_are_kept() {
        let text = (1..=1000).map(|n| format!("line {n}\n")).collect::<String>();
        let kept = last_lines(&text);
        assert_eq!(kept.lines().count(), MAX_LINES);
        assert!(kept.starts_with("line 601\n") && kept.ends_with("line 1000"));
        assert_eq!(last_lines("one\ntwo\n"), "one\ntwo");
    }
}
