//! The details of an error, for the log, and for the page of a 500 when debug is on.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::frame::{Frame, Room, Stack};
use super::redact::without_users;
use super::secrets::Secrets;
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cause {
    /// What the error has to do with the one before it.
    pub link: CauseLink,
    /// The name of the error's type, where known.
    pub kind: Option<String>,
    /// The error's message.
    pub message: String,
    /// The frames that the error passed through, the one where it was raised last. They are for pages; the
    /// log has the backtrace.
    pub frames: Vec<Frame>,
    /// How many frames before these the report leaves out.
    pub left_out: usize,
}

/// What an error of a chain has to do with the one before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CauseLink {
    /// It caused the one before.
    #[default]
    Cause,
    /// It was being handled when the one before was raised.
    Context,
    /// It is one of the errors of a group.
    Member,
}

impl CauseLink {
    const fn words(self) -> &'static str {
        match self {
            CauseLink::Cause => "caused by",
            CauseLink::Context => "caused by, or raised while handling",
            CauseLink::Member => "one of the group",
        }
    }
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
        let causes = chain
            .take(MAX_CAUSES)
            .map(|error| Cause { message: error.to_string(), ..Cause::default() })
            .collect();
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

    /// Adds the route of the request: its rule, and the name of its handler.
    #[must_use]
    pub fn with_route(self, rule: Option<&str>, handler: Option<&str>) -> Self {
        let facts = [("Rule", rule), ("Handler", handler)];
        let facts = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
        facts.fold(self, |report, (name, value)| report.with_fact(name, value))
    }

    /// Hides these secrets, and the user part of each URL, wherever the report quotes them.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        let hide = |text: &mut String| {
            if let Cow::Owned(hidden) = secrets.hide(text) {
                *text = hidden;
            }
            if text.contains("://") {
                *text = without_users(text);
            }
        };
        for cause in &mut self.causes {
            hide(&mut cause.message);
            for frame in &mut cause.frames {
                frame.source.iter_mut().for_each(|(_, text)| hide(text));
                frame.variables.iter_mut().for_each(|(_, value)| hide(value));
            }
        }
        self.location.iter_mut().for_each(hide);
        hide(&mut self.backtrace);
        self.facts.iter_mut().for_each(|(_, value)| hide(value));
        self
    }

    pub(super) fn shown(&self) -> Shown<'_> {
        let mut room = Room::of_page();
        let causes = self.causes.iter().take(MAX_CAUSES).enumerate();
        Shown {
            causes: causes
                .map(|(number, cause)| {
                    let location = self.location.as_deref().filter(|_| number == 0);
                    ShownCause::new(number, cause, location, &mut room)
                })
                .collect(),
            backtrace: last_lines(&self.backtrace),
            facts: self.facts.iter().map(|(name, value)| (name.as_str(), redact(name, value))).collect(),
        }
    }
}

/// A report as the template sees it.
pub(super) struct Shown<'a> {
    pub(super) causes: Vec<ShownCause<'a>>,
    pub(super) backtrace: &'a str,
    pub(super) facts: Vec<(&'a str, Cow<'a, str>)>,
}

impl Shown<'_> {
    pub(super) fn has_frames(&self) -> bool {
        self.causes.iter().any(|cause| !cause.stack.groups.is_empty())
    }
}

pub(super) struct ShownCause<'a> {
    /// What the error has to do with the one before; `None` for the first.
    pub(super) link: Option<&'static str>,
    pub(super) kind: Option<&'a str>,
    pub(super) message: Cow<'a, str>,
    /// Where the error was raised, if it is the first.
    pub(super) location: Option<&'a str>,
    pub(super) stack: Stack<'a>,
}

impl<'a> ShownCause<'a> {
    fn new(number: usize, cause: &'a Cause, location: Option<&'a str>, room: &mut Room) -> Self {
        ShownCause {
            link: (number > 0).then(|| cause.link.words()),
            kind: cause.kind.as_deref(),
            message: clip(&cause.message, MAX_MESSAGE),
            location,
            stack: Stack::new(&cause.frames, cause.left_out, room),
        }
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
            causes: vec![Cause {
                kind: Some("E".to_owned()),
                message: "a\nforged\u{1b}[31m".to_owned(),
                ..Cause::default()
            }],
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
    fn secrets_are_hidden_wherever_they_are_quoted() {
        let mut secrets = Secrets::default();
        secrets.add("app_password", "s3cr3t");
        let text = || String::from("with s3cr3t, to pg://ann:pw@db");
        let frame =
            Frame { source: vec![(1, text())], variables: vec![("x".into(), text())], ..Frame::default() };
        let cause = Cause { message: text(), frames: vec![frame], ..Cause::default() };
        let report = ErrorReport { causes: vec![cause], ..ErrorReport::default() }
            .with_location(text())
            .with_backtrace(text())
            .with_fact("Rule", text())
            .without(&secrets);
        let shown = format!("{report:?}");
        assert!(!shown.contains("s3cr3t") && !shown.contains("ann"), "{shown}");
        assert_eq!(shown.matches("with [hidden], to pg://[hidden]@db").count(), 6);
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
