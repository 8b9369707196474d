//! The rows of the router's table of patterns.

use std::sync::Arc;

use super::captures::Argument;
use super::filter::Conversion;
use super::index::Shape;
use super::matcher::Matcher;
use super::methods::MethodTable;

/// A route with groups or a regular route, with the registrations for its methods.
///
/// ```
/// use poorwsgi::{Application, Request, state};
///
/// # fn main() -> Result<(), poorwsgi::routing::RouteError> {
/// let mut app = Application::new("demo");
/// app.route("/user/<age:int>", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| "a user")?;
/// for route in app.router().pattern_routes() {
///     assert_eq!(&**route.regex(), r"/user/(?P<age>-?\d+)$");
///     for (method, registered) in route.methods().iter() {
///         println!("{method} {}", registered.rule().unwrap_or(route.regex()));
///     }
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PatternRoute<H, C> {
    pub(super) source: Arc<str>,
    pub(super) matcher: Matcher,
    pub(super) shape: Shape,
    pub(super) methods: MethodTable<Registration<H, C>>,
}

impl<H, C> PatternRoute<H, C> {
    /// The regular expression, in the syntax of Python's `re`. No two routes of a router have the same.
    #[must_use]
    pub const fn regex(&self) -> &Arc<str> {
        &self.source
    }

    /// The handlers by method.
    #[must_use]
    pub const fn methods(&self) -> &MethodTable<Registration<H, C>> {
        &self.methods
    }
}

/// A handler as it was registered with a pattern.
///
/// ```
/// use poorwsgi::routing::Registration;
/// use poorwsgi::{Application, Request, state};
///
/// /// The names of the arguments that a route gives to its handler.
/// fn arguments<H, C>(registered: &Registration<H, C>) -> Vec<&str> {
///     registered.converters().map(|(name, _)| &**name).collect()
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/user/<name>/<age:int>", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| "a user")?;
/// for route in app.router().pattern_routes() {
///     let registered = route.methods().get(state::Method::Get).map(arguments);
///     assert_eq!(registered, Some(vec!["name", "age"]));
/// }
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Registration<H, C> {
    pub(super) handler: H,
    pub(super) rule: Option<Arc<str>>,
    pub(super) arguments: Arc<[Argument<C>]>,
    pub(super) converted: bool,
    pub(super) mounted: bool,
}

impl<H, C> Registration<H, C> {
    /// The handler.
    #[must_use]
    pub const fn handler(&self) -> &H {
        &self.handler
    }

    /// The handler alone.
    #[must_use]
    pub fn into_handler(self) -> H {
        self.handler
    }

    /// The route as the application wrote it; `None` for a regular route without a rule to show.
    #[must_use]
    pub const fn rule(&self) -> Option<&Arc<str>> {
        self.rule.as_ref()
    }

    /// Whether the handler is [mounted](super::mount) below a prefix.
    #[must_use]
    pub const fn is_mounted(&self) -> bool {
        self.mounted
    }

    /// The name and conversion of each argument; nothing for a regular route without converters.
    pub fn converters(&self) -> impl Iterator<Item = (&Arc<str>, &Conversion<C>)> {
        let arguments: &[Argument<C>] = if self.converted { &self.arguments } else { &[] };
        arguments.iter().filter_map(|argument| Some((argument.name.as_ref()?, &argument.conversion)))
    }
}

/// A regular route: an expression in the syntax of Python's `re`, matched from the start of the path and not
/// necessarily to its end.
#[derive(Clone, Debug)]
pub struct RegularRoute<C> {
    pub(super) regex: String,
    pub(super) converters: Vec<(Arc<str>, Conversion<C>)>,
    pub(super) rule: Option<Arc<str>>,
}

impl<C> RegularRoute<C> {
    /// A route whose groups all become arguments of the handler, as text; named groups keep their names.
    #[must_use]
    pub fn new(regex: impl Into<String>) -> Self {
        RegularRoute { regex: regex.into(), converters: Vec::new(), rule: None }
    }

    /// Makes only these groups arguments of the handler, converted. A name that no group has stands for the
    /// group at the position of the name in the list.
    #[must_use]
    pub fn with_converters<N: Into<Arc<str>>>(
        mut self,
        converters: impl IntoIterator<Item = (N, Conversion<C>)>,
    ) -> Self {
        self.converters =
            converters.into_iter().map(|(name, conversion)| (name.into(), conversion)).collect();
        self
    }

    /// The rule to show instead of the expression.
    #[must_use]
    pub fn with_rule(mut self, rule: impl Into<Arc<str>>) -> Self {
        self.rule = Some(rule.into());
        self
    }
}

impl<C> From<&str> for RegularRoute<C> {
    fn from(regex: &str) -> Self {
        Self::new(regex)
    }
}

/// What [`pop_route`](super::pop_route) has removed.
#[derive(Clone, Debug)]
pub enum Popped<H, C> {
    /// The handler of a path without groups.
    Static(H),
    /// The handler of a route with groups.
    Pattern(Registration<H, C>),
}
