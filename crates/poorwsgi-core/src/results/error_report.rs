//! The details of an error, for the log, and for the page of a 500 when debug is on.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::frame::{Frame, Room, Stack};
use super::redact::{redact_lines, without_users};
use super::secrets::Secrets;
use super::{clip, redact};
use crate::clip as log;

/// How many errors of a chain of sources are shown. A chain may be endless, because an error can be its own
/// source.
const MAX_CAUSES: usize = 32;
/// The longest message of one error shown, in characters.
const MAX_MESSAGE: usize = 8000;
/// The longest name of a type, location, or value about the request shown, in characters.
const MAX_FACT: usize = 500;
/// The longest text that secrets are looked for in, in bytes, and the longest line of a backtrace. It is above
/// what is shown.
const MAX_TEXT: usize = 4 * MAX_MESSAGE;
/// How many bytes of a backtrace are shown: the last ones.
const MAX_BACKTRACE: usize = 128 << 10;
/// How many errors of a chain are counted.
const MAX_COUNTED: usize = 10_000;
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
    /// How many other errors of the chain the report leaves out.
    pub others: usize,
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
        let mut chain = std::iter::successors(Some(error), |error| (*error).source());
        let causes = chain
            .by_ref()
            .take(MAX_CAUSES)
            .map(|error| Cause { message: error.to_string(), ..Cause::default() })
            .collect();
        ErrorReport { causes, others: chain.take(MAX_COUNTED).count(), ..ErrorReport::default() }
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

    /// Hides these secrets, and the user part of each URL, wherever the report quotes them. In messages and in
    /// the backtrace, it also hides what [`redact`](super::redact) hides in a value, such as `password=…`. Long texts are cut.
    #[must_use]
    pub fn without(mut self, secrets: &Secrets) -> Self {
        let hide = |text: &mut String| hide(text, secrets);
        self.backtrace = bounded(&self.backtrace, secrets);
        hide(&mut self.backtrace);
        for cause in &mut self.causes {
            let mut message = cut_before_secret(&cause.message, secrets).into_owned();
            hide(&mut message);
            cause.message = redact("", &message).into_owned();
            if cause.message != message {
                // A secret may stand on another line than its name, which only the whole message shows.
                self.backtrace = self.backtrace.replace(&message, &cause.message);
            }
            for frame in &mut cause.frames {
                frame.source.iter_mut().for_each(|(_, text)| hide(text));
                frame.variables.iter_mut().for_each(|(_, value)| hide(value));
            }
        }
        self.location.iter_mut().for_each(hide);
        if let Cow::Owned(hidden) = redact_lines(&self.backtrace, source_lines()) {
            self.backtrace = hidden;
        }
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
            others: others(self.others.saturating_add(self.causes.len().saturating_sub(MAX_CAUSES))),
            backtrace: bounded(&self.backtrace, &Secrets::default()),
            facts: self.facts.iter().map(|(name, value)| (name.as_str(), fact(name, value))).collect(),
        }
    }
}

/// A report as the template sees it.
pub(super) struct Shown<'a> {
    pub(super) causes: Vec<ShownCause<'a>>,
    /// Says how many other errors there are, if any.
    pub(super) others: Option<String>,
    pub(super) backtrace: String,
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
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) message: Cow<'a, str>,
    /// Where the error was raised, if it is the first.
    pub(super) location: Option<Cow<'a, str>>,
    pub(super) stack: Stack<'a>,
}

impl<'a> ShownCause<'a> {
    fn new(number: usize, cause: &'a Cause, location: Option<&'a str>, room: &mut Room) -> Self {
        ShownCause {
            link: (number > 0).then(|| cause.link.words()),
            kind: cause.kind.as_deref().map(|kind| clip(kind, MAX_FACT)),
            message: clip(&cause.message, MAX_MESSAGE),
            location: location.map(|location| clip(location, MAX_FACT)),
            stack: Stack::new(&cause.frames, cause.left_out, room),
        }
    }
}

/// Hides these secrets, and the user part of each URL.
fn hide(text: &mut String, secrets: &Secrets) {
    if let Cow::Owned(hidden) = secrets.hide(text) {
        *text = hidden;
    }
    if text.contains("://") {
        *text = without_users(text);
    }
}

/// A message as [`ErrorReport::without`] shows it.
pub(crate) fn without<'a>(message: &'a str, secrets: &Secrets) -> Cow<'a, str> {
    let mut shown = cut_before_secret(message, secrets).into_owned();
    hide(&mut shown, secrets);
    Cow::Owned(redact("", &shown).into_owned())
}

fn others(count: usize) -> Option<String> {
    match count {
        0 => None,
        1 => Some("1 more error is not shown.".to_owned()),
        MAX_COUNTED.. => Some(format!("{MAX_COUNTED} more errors, or even more, are not shown.")),
        _ => Some(format!("{count} more errors are not shown.")),
    }
}

fn fact<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    match redact(name, value) {
        Cow::Borrowed(value) => clip(value, MAX_FACT),
        Cow::Owned(value) => Cow::Owned(clip(&value, MAX_FACT).into_owned()),
    }
}

/// Says of each line of a Python traceback whether it is source code: those below `File "…", line …`, which
/// are indented further.
fn source_lines() -> impl FnMut(&str) -> bool {
    let mut indent = None;
    move |line| {
        let text = line.trim_start_matches([' ', '|', '+', '-']);
        let depth = line.len() - text.len();
        if text.starts_with("File \"") {
            indent = Some(depth);
            return true;
        }
        indent = indent.filter(|indent| depth > *indent);
        indent.is_some()
    }
}

/// The text, cut after [`MAX_TEXT`] bytes, without the beginning of a secret at its end.
fn cut_before_secret<'a>(text: &'a str, secrets: &Secrets) -> Cow<'a, str> {
    if text.len() <= MAX_TEXT {
        return Cow::Borrowed(text);
    }
    let kept = (0..=MAX_TEXT).rev().find_map(|end| text.get(..end)).unwrap_or_default();
    Cow::Owned(secrets.hide(kept).into_owned())
}

/// The last lines of a backtrace, each cut to its longest.
fn bounded(text: &str, secrets: &Secrets) -> String {
    let lines = last_lines(text)
        .split('\n')
        .map(|line| clip(&cut_before_secret(line, secrets), MAX_MESSAGE).into_owned());
    let mut lines: Vec<_> = lines.collect();
    let mut room = MAX_BACKTRACE;
    let kept = lines.iter().rev().take_while(|line| {
        let fits = line.len() < room;
        room = room.saturating_sub(line.len() + 1);
        fits
    });
    let first = lines.len() - kept.count().max(1);
    lines.split_off(first).join("\n")
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
    fn secrets_are_hidden_by_their_names_in_messages_and_lines_of_the_backtrace() {
        for message in [
            "password=s3cr3t",
            "{'password': 's3cr3t'}",
            "{'page': 1, 'password':\n 's3cr3t'}",
            "Authorization: Bearer s3cr3t",
            "/x?page=1&token=s3cr3t",
            "form=FieldStorage(password, s3cr3t)",
        ] {
            let cause = Cause { message: message.into(), ..Cause::default() };
            let lines =
                format!("  File \"a.py\", line 1, in f\n    token = call(password=x)\nKeyError: {message}");
            let report = ErrorReport { causes: vec![cause], ..ErrorReport::default() }
                .with_backtrace(lines)
                .without(&Secrets::default());
            assert!(!format!("{report:?}").contains("s3cr3t"), "{report:?}");
            assert!(report.backtrace.contains("token = call(password=x)\nKeyError: "), "{report:?}");
        }
    }

    #[test]
    fn every_text_is_cut() {
        let long = || "password: x ".repeat(400_000);
        let secret = "0123456789abcdef".repeat(4);
        let cause = Cause { kind: Some(long()), message: long(), ..Cause::default() };
        let report = ErrorReport { causes: vec![cause], ..ErrorReport::default() }
            .with_backtrace(format!("{}\n{}{secret}{}", long(), "y".repeat(MAX_TEXT - 50), long()))
            .with_location(long())
            .with_fact("Handler", long());
        let mut secrets = Secrets::default();
        secrets.add("token", &secret);
        for report in [report.clone(), report.without(&secrets)] {
            let shown = report.shown();
            let cause = &shown.causes[0];
            let sizes = [&cause.kind, &cause.location].map(|text| text.as_ref().map_or(0, |text| text.len()));
            assert!(sizes.iter().all(|size| *size < 2 * MAX_FACT), "{sizes:?}");
            assert!(cause.message.len() < 2 * MAX_MESSAGE && shown.facts[0].1.len() < 2 * MAX_FACT);
            assert!(shown.backtrace.len() <= MAX_BACKTRACE, "{}", shown.backtrace.len());
        }
        let many = ErrorReport::default()
            .with_backtrace("z".repeat(5000) + "\n")
            .with_backtrace(("z".repeat(5000) + "\n").repeat(300));
        let shown = many.shown().backtrace;
        assert!(shown.len() <= MAX_BACKTRACE && shown.len() > MAX_BACKTRACE - 6000, "{}", shown.len());
    }

    #[test]
    fn it_says_how_many_errors_are_not_shown() {
        let others = |count| {
            ErrorReport { causes: vec![Cause::default(); count], ..ErrorReport::default() }.shown().others
        };
        assert_eq!(others(MAX_CAUSES), None);
        assert_eq!(others(MAX_CAUSES + 1).as_deref(), Some("1 more error is not shown."));
        assert_eq!(others(1000).as_deref(), Some("968 more errors are not shown."));
        let endless = ErrorReport::new(&Ouroboros);
        assert_eq!(
            endless.shown().others.as_deref(),
            Some("10000 more errors, or even more, are not shown.")
        );
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
