//! The error of a route.

use std::fmt;

/// The error of a route that cannot be registered or removed. Its text names the route and, where known, the
/// column, and says what is wrong and what would be right.
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::routing::RouteErrorKind;
/// use poorwsgi::state::METHOD_GET;
///
/// let mut app = Application::new("demo");
/// let error = app.route("/user/<name:wrod>", METHOD_GET, || "user").unwrap_err();
/// assert_eq!(error.kind(), RouteErrorKind::UnknownFilter);
/// assert_eq!(error.column(), Some(7));
/// assert_eq!(
///     error.to_string(),
///     r#""/user/<name:wrod>": column 7: there is no filter ":wrod"; known: :float, :hex, :int, :re:, :uuid, :word"#,
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteError {
    kind: RouteErrorKind,
    rule: String,
    column: Option<usize>,
    detail: String,
}

/// The kind of a [`RouteError`], for callers that raise a different exception for each kind.
///
/// ```
/// use poorwsgi::routing::RouteErrorKind;
/// use poorwsgi::{Application, Request, state};
///
/// let mut app = Application::new("demo");
/// let rule = "/page/<name:slug>"; // as an administrator has written it
/// match app.route(rule, state::METHOD_HEAD | state::METHOD_GET, |_req: Request| "a page") {
///     Err(error) if error.kind() == RouteErrorKind::UnknownFilter => eprintln!("skipped: {error}"),
///     Err(error) => panic!("{error}"),
///     Ok(_) => {}
/// }
/// # assert_eq!(app.router().pattern_routes().count(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RouteErrorKind {
    /// The filter of a group is not in the table. PoorWSGI raises `RuntimeError`.
    UnknownFilter,
    /// White space around the name or the filter of a group. PoorWSGI raises `ValueError`.
    Space,
    /// A group that is not closed, or whose name is missing, is not an identifier, or is used twice.
    Group,
    /// A regular expression that does not compile. PoorWSGI raises `re.error`.
    Regex,
    /// A prefix below which nothing can be mounted, or something is mounted already.
    Prefix,
    /// No request reaches the rule: it does not begin with a slash, or has a group in braces. PoorWSGI takes such
    /// a rule.
    Unreachable,
    /// The rule has a handler for one of the methods. PoorWSGI replaces the handler.
    Taken,
    /// The handler takes a state that the application does not have.
    State,
    /// No handler is registered for that route and method. PoorWSGI raises `KeyError`.
    NotRegistered,
}

impl RouteError {
    /// An error of the route `rule`.
    pub fn new(kind: RouteErrorKind, rule: &str, detail: impl Into<String>) -> Self {
        RouteError { kind, rule: rule.to_owned(), column: None, detail: detail.into() }
    }

    pub(super) fn at(mut self, column: usize) -> Self {
        self.column = Some(column);
        self
    }

    /// The kind of the error.
    #[must_use]
    pub const fn kind(&self) -> RouteErrorKind {
        self.kind
    }

    /// The route as it was given.
    #[must_use]
    pub fn rule(&self) -> &str {
        &self.rule
    }

    /// The column at which the faulty group begins, in characters from 1; `None` where the fault is not in
    /// one group.
    #[must_use]
    pub const fn column(&self) -> Option<usize> {
        self.column
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\": ", self.rule)?;
        if let Some(column) = self.column {
            write!(f, "column {column}: ")?;
        }
        f.write_str(&self.detail)
    }
}

impl std::error::Error for RouteError {}
