//! The table of routes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::captures::Captures;
use super::error::{RouteError, RouteErrorKind};
use super::expressions::Expressions;
use super::filter::{Conversion, Filters};
use super::index::Index;
use super::matcher::Groups;
#[cfg(test)]
use super::matcher::{End, Matcher};
use super::methods::MethodTable;
use super::pattern::{self, Compiled, Pattern};
use super::resolved::Resolved;
use super::route_match::{RouteMatch, RoutePlace};
use super::routes::{PatternRoute, Popped, Registration, RegularRoute};
use crate::state::{METHOD_ALL, Method, MethodSet};

/// Routes, regular routes and default handlers of an application.
///
/// `H` is the handler, `C` the application's own converter; the router calls neither. The functions that change
/// a router are for doors, whose users get a router only to read it: so they are functions of this module, not
/// methods.
///
/// Paths without groups are looked up first. Routes with groups and regular routes share one table, in which
/// the first that matches *and* has the method wins, in the order of registration. Registering a route again
/// replaces its handlers for the given methods, where the door allows that (`poorwsgi::Application::route` does
/// not); the route keeps its place in the order.
///
/// ```
/// use poorwsgi_core::routing::{Resolved, Router, set_route};
/// use poorwsgi_core::state::{METHOD_GET, METHOD_HEAD, Method};
///
/// let mut router = Router::<&str, ()>::new();
/// set_route(&mut router, "/", METHOD_HEAD | METHOD_GET, "root")?;
/// set_route(&mut router, "/user/<name:word>/<age:int>", METHOD_GET, "user")?;
///
/// let found = Resolved::of(&router, "/user/anna/42", Method::Get);
/// let Resolved::Pattern { rule, handler, captures } = found else {
///     panic!("no such route");
/// };
/// assert_eq!((&**rule, *handler), ("/user/<name:word>/<age:int>", "user"));
/// assert_eq!(captures.get("age").and_then(|age| age.value), Some("42"));
/// # Ok::<(), poorwsgi_core::routing::RouteError>(())
/// ```
///
/// The router of an application can be listed:
///
/// ```
/// use poorwsgi::{Application, Request, state};
///
/// let mut app = Application::new("demo");
/// app.route("/", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| "Hello world")?;
/// app.route("/user/<name:word>", state::METHOD_HEAD | state::METHOD_GET, |_req: Request| "a user")?;
///
/// let router = app.router();
/// assert_eq!(router.static_routes().map(|(path, _)| &**path).collect::<Vec<_>>(), ["/"]);
/// assert_eq!(router.pattern_routes().count(), 1);
/// assert!(router.is_route("/user/<name:word>")?);
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Router<H, C> {
    filters: Filters<C>,
    /// The routes without groups, in the order of registration.
    statics: Vec<StaticRoute<H>>,
    /// The position of each path in `statics`.
    paths: FxHashMap<Arc<str>, usize>,
    patterns: Vec<PatternRoute<H, C>>,
    index: Index,
    expressions: Expressions,
    defaults: MethodTable<H>,
}

#[derive(Clone, Debug)]
struct StaticRoute<H> {
    path: Arc<str>,
    methods: MethodTable<H>,
}

impl<H, C> Router<H, C> {
    /// A router without routes, with the built-in filters.
    #[must_use]
    pub fn new() -> Self {
        Router {
            filters: Filters::default(),
            statics: Vec::new(),
            paths: FxHashMap::default(),
            patterns: Vec::new(),
            index: Index::default(),
            expressions: Expressions::default(),
            defaults: MethodTable::new(),
        }
    }

    fn static_route(&self, path: &str) -> Option<(&usize, &StaticRoute<H>)> {
        let route = self.paths.get(path)?;
        Some((route, self.statics.get(*route)?))
    }

    /// Compiles the expression of every pattern from its source.
    #[cfg(test)]
    pub(super) fn expressions(&self) -> Vec<Matcher> {
        let compile = |route: &PatternRoute<H, C>| Matcher::compile(&route.source, End::Anywhere);
        self.patterns.iter().map(|route| compile(route).unwrap()).collect()
    }

    /// The reference for [`Resolved::of`]: tries every pattern in turn.
    #[cfg(test)]
    pub(super) fn scan(
        &self,
        expressions: &[Matcher],
        path: &str,
        method: Method,
    ) -> (Option<&H>, MethodSet) {
        let mut allowed = MethodSet::default();
        for (route, _) in
            self.patterns.iter().zip(expressions).filter(|(_, expression)| expression.is_match(path))
        {
            match route.methods.get(method) {
                Some(registration) => return (Some(&registration.handler), allowed),
                None => allowed |= route.methods.methods(),
            }
        }
        (None, allowed)
    }

    /// The table of filters that routes may use.
    #[must_use]
    pub const fn filters(&self) -> &Filters<C> {
        &self.filters
    }

    /// The paths without groups, with their handlers, in the order of registration.
    pub fn static_routes(&self) -> impl Iterator<Item = (&Arc<str>, &MethodTable<H>)> {
        self.statics.iter().map(|route| (&route.path, &route.methods))
    }

    /// The routes with groups and the regular routes, in the order they are tried.
    pub fn pattern_routes(&self) -> impl Iterator<Item = &PatternRoute<H, C>> {
        self.patterns.iter()
    }

    /// The default handlers.
    #[must_use]
    pub const fn defaults(&self) -> &MethodTable<H> {
        &self.defaults
    }

    /// The default handler of a method, for requests that no route, file or page takes.
    #[must_use]
    pub fn default_handler(&self, method: Method) -> Option<&H> {
        self.defaults.get(method)
    }

    /// Whether a regular route with this expression is registered, or a route with groups that stands for
    /// this expression.
    #[must_use]
    pub fn is_regular_route(&self, regex: &str) -> bool {
        self.position(regex).is_some()
    }

    fn position(&self, source: &str) -> Option<usize> {
        self.patterns.iter().position(|route| *route.source == *source)
    }
}

impl<H, C: Clone> Router<H, C> {
    /// The regular expression that a route with groups stands for, in the syntax of Python's `re`; `None` for
    /// a path without groups.
    ///
    /// # Errors
    /// A group that is malformed, named twice, or whose filter is unknown. Expressions are not compiled.
    pub fn expression(&self, rule: &str) -> Result<Option<String>, RouteError> {
        if !pattern::has_groups(rule) {
            return Ok(None);
        }
        Ok(Some(Pattern::parse(rule, &self.filters)?.source()))
    }

    /// Whether a route is registered for any method.
    ///
    /// # Errors
    /// Those of [`expression`](Self::expression).
    pub fn is_route(&self, rule: &str) -> Result<bool, RouteError> {
        if !pattern::has_groups(rule) {
            return Ok(self.paths.contains_key(rule));
        }
        Ok(self.is_regular_route(&Pattern::parse(rule, &self.filters)?.source()))
    }

    fn set_static(&mut self, path: &str, methods: MethodSet, handler: H) {
        if let Some(route) = self.paths.get(path).and_then(|at| self.statics.get_mut(*at)) {
            return route.methods.set(methods, handler);
        }
        let path = Arc::<str>::from(path);
        let mut table = MethodTable::new();
        table.set(methods, handler);
        self.paths.insert(Arc::clone(&path), self.statics.len());
        self.statics.push(StaticRoute { path, methods: table });
    }

    fn set_pattern(
        &mut self,
        source: String,
        compiled: Compiled<C>,
        methods: MethodSet,
        registration: Registration<H, C>,
    ) {
        if let Some(route) = self.patterns.iter_mut().find(|route| *route.source == *source) {
            return route.methods.set(methods, registration);
        }
        let Compiled { matcher, shape, .. } = compiled;
        let mut table = MethodTable::new();
        table.set(methods, registration);
        self.index.insert(&shape, self.patterns.len());
        self.patterns.push(PatternRoute { source: source.into(), matcher, shape, methods: table });
    }
}

impl<H: Clone, C: Clone> Router<H, C> {
    fn pop_pattern(&mut self, source: &str, method: Method) -> Option<Registration<H, C>> {
        let at = self.position(source)?;
        let route = self.patterns.get_mut(at)?;
        let popped = route.methods.pop(method)?;
        if route.methods.methods().is_empty() {
            self.patterns.remove(at);
            self.index = Index::default();
            for (number, route) in self.patterns.iter().enumerate() {
                self.index.insert(&route.shape, number);
            }
        }
        Some(popped)
    }
}

impl<H, C> Default for Router<H, C> {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds a filter, or replaces the one of that name, built-in ones included. A leading colon may be left out.
///
/// The expression is compiled with each route that uses the filter. An invalid expression is an error of that
/// route.
pub fn set_filter<H, C>(router: &mut Router<H, C>, name: &str, regex: &str, conversion: Conversion<C>) {
    router.filters.set(name, regex, conversion);
}

/// Registers a handler for a path, or for a route with groups `<name>` or `<name:filter>`.
///
/// Text outside of groups is literal. An expression, as in `<name:re:[a-z]{2}>`, has the syntax of Python's
/// `re` and may use look-around and back-references.
///
/// # Errors
/// A group that is malformed, named twice, or whose filter is unknown or does not compile.
pub fn set_route<H, C: Clone>(
    router: &mut Router<H, C>,
    rule: &str,
    methods: MethodSet,
    handler: H,
) -> Result<(), RouteError> {
    if !pattern::has_groups(rule) {
        router.set_static(rule, methods, handler);
        return Ok(());
    }
    let pattern = Pattern::parse(rule, &router.filters)?;
    let compiled = pattern.compile(&mut router.expressions)?;
    let arguments = Arc::clone(&compiled.arguments);
    let registration =
        Registration { handler, rule: Some(rule.into()), arguments, converted: true, mounted: false };
    router.set_pattern(pattern.source(), compiled, methods, registration);
    Ok(())
}

/// Sets the default handler of these methods.
pub fn set_default<H, C>(router: &mut Router<H, C>, methods: MethodSet, handler: H) {
    router.defaults.set(methods, handler);
}

/// Removes the default handler of one method and returns it.
pub fn pop_default<H: Clone, C>(router: &mut Router<H, C>, method: Method) -> Option<H> {
    router.defaults.pop(method)
}

/// The handlers of a path without groups, by method; none where it is not registered.
pub fn handlers_of_path<'r, H, C>(
    router: &'r Router<H, C>,
    path: &str,
) -> impl Iterator<Item = (Method, &'r H)> + use<'r, H, C> {
    router.static_route(path).into_iter().flat_map(|(_, route)| route.methods.iter())
}

/// The handlers of a regular route, or of the route with groups that stands for this expression, by method;
/// none where it is not registered.
pub fn handlers_of_expression<'r, H, C>(
    router: &'r Router<H, C>,
    regex: &str,
) -> impl Iterator<Item = (Method, &'r H)> + use<'r, H, C> {
    let route = router.position(regex).and_then(|at| router.patterns.get(at));
    let methods = route.into_iter().flat_map(|route| route.methods.iter());
    methods.map(|(method, registration)| (method, registration.handler()))
}

/// Registers a handler for all paths that an expression matches.
///
/// # Errors
/// An expression that does not compile.
pub fn set_regular_route<H, C: Clone>(
    router: &mut Router<H, C>,
    route: impl Into<RegularRoute<C>>,
    methods: MethodSet,
    handler: H,
) -> Result<(), RouteError> {
    let RegularRoute { regex, converters, rule } = route.into();
    let compiled = pattern::compile_regular(&regex, &converters)?;
    let arguments = Arc::clone(&compiled.arguments);
    let converted = !converters.is_empty();
    let registration = Registration { handler, rule, arguments, converted, mounted: false };
    router.set_pattern(regex, compiled, methods, registration);
    Ok(())
}

/// Mounts a handler below a prefix, such as `/api`: it gets the requests, of any method, whose path is the
/// prefix, or begins with the prefix and `/`, unless a path without groups or an earlier pattern takes them.
/// Its rule is the prefix and `/*`.
///
/// ```
/// use poorwsgi_core::routing::{Resolved, Router, mount};
/// use poorwsgi_core::state::Method;
///
/// let mut router = Router::<&str, ()>::new();
/// mount(&mut router, "/api", "api")?;
/// let resolved = |path| Resolved::of(&router, path, Method::Put);
/// assert!(matches!(resolved("/api/users"), Resolved::Mounted { handler: &"api", .. }));
/// assert!(matches!(resolved("/apiary"), Resolved::NotFound { .. }));
/// assert!(mount(&mut router, "/api", "other").is_err());
/// # Ok::<(), poorwsgi_core::routing::RouteError>(())
/// ```
///
/// # Errors
/// [`RouteErrorKind::Prefix`] where the prefix does not begin with `/`, ends with it, or has a group, and
/// where something is mounted there already.
pub fn mount<H, C: Clone>(router: &mut Router<H, C>, prefix: &str, handler: H) -> Result<(), RouteError> {
    let refused = |detail| Err(RouteError::new(RouteErrorKind::Prefix, prefix, detail));
    if !prefix.starts_with('/') || prefix.ends_with('/') {
        return refused("a prefix begins with \"/\" and does not end with it");
    }
    if pattern::has_groups(prefix) {
        return refused("a prefix has no groups");
    }
    let regex = format!(r"{}(?:/|\Z)", pattern::escaped(prefix));
    if router.is_regular_route(&regex) {
        return refused("something is mounted there already");
    }
    let compiled = pattern::compile_regular(&regex, &[])?;
    let (rule, arguments) = (Some(format!("{prefix}/*").into()), Arc::clone(&compiled.arguments));
    let registration = Registration { handler, rule, arguments, converted: false, mounted: true };
    router.set_pattern(regex, compiled, METHOD_ALL, registration);
    Ok(())
}

/// The rule and the handler of what is mounted below a prefix of this path, for a request whose method the
/// router does not know.
pub fn mounted<'r, H, C>(router: &'r Router<H, C>, path: &str) -> Option<(&'r Arc<str>, &'r H)> {
    let rows = router.patterns.iter().flat_map(|route| route.methods.shared().map(move |row| (route, row.1)));
    let (route, row) = rows.filter(|(_, row)| row.mounted).find(|(route, _)| route.matcher.is_match(path))?;
    Some((row.rule.as_ref().unwrap_or(&route.source), &row.handler))
}

/// Removes the handler of a route for one method and returns it. A route without handlers is removed.
///
/// # Errors
/// [`RouteErrorKind::NotRegistered`], or the error of a malformed route, as with [`set_route`].
pub fn pop_route<H: Clone, C: Clone>(
    router: &mut Router<H, C>,
    rule: &str,
    method: Method,
) -> Result<Popped<H, C>, RouteError> {
    if pattern::has_groups(rule) {
        let source = Pattern::parse(rule, &router.filters)?.source();
        let popped = router.pop_pattern(&source, method).ok_or_else(|| not_registered(rule, method))?;
        return Ok(Popped::Pattern(popped));
    }
    let at = router.paths.get(rule).copied();
    let route = at.and_then(|at| router.statics.get_mut(at)).ok_or_else(|| not_registered(rule, method))?;
    let handler = route.methods.pop(method).ok_or_else(|| not_registered(rule, method))?;
    if route.methods.methods().is_empty() {
        router.statics.retain(|route| *route.path != *rule);
        router.paths =
            router.statics.iter().enumerate().map(|(at, route)| (Arc::clone(&route.path), at)).collect();
    }
    Ok(Popped::Static(handler))
}

/// Removes the handler of a regular route for one method and returns it.
///
/// # Errors
/// [`RouteErrorKind::NotRegistered`].
pub fn pop_regular_route<H: Clone, C: Clone>(
    router: &mut Router<H, C>,
    regex: &str,
    method: Method,
) -> Result<Registration<H, C>, RouteError> {
    router.pop_pattern(regex, method).ok_or_else(|| not_registered(regex, method))
}

fn not_registered(rule: &str, method: Method) -> RouteError {
    RouteError::new(RouteErrorKind::NotRegistered, rule, format!("no handler is registered for {method}"))
}

impl<'r, 'p, H, C> Resolved<'r, 'p, H, C> {
    /// Finds where a request for this path goes. The path must be percent-decoded. It is compared as it is:
    /// no segment is dropped and no slash is added.
    ///
    /// A route without groups costs one look-up. Of many patterns, only those are tried whose literal
    /// segments are those of the path.
    pub fn of(router: &'r Router<H, C>, path: &'p str, method: Method) -> Self {
        RouteMatch::find(router, path, method).resolve(router, path)
    }
}

impl RouteMatch {
    /// As [`Resolved::of`], but the result does not borrow the router. [`resolve`](Self::resolve) turns the
    /// result into what `Resolved::of` returns.
    #[must_use]
    pub fn find<H, C>(router: &Router<H, C>, path: &str, method: Method) -> Self {
        RouteMatch { method, place: RoutePlace::find(router, path, method) }
    }

    /// Turns the result of [`find`](Self::find) into that of [`Resolved::of`]. `self` must be the result for
    /// this path from this router, and the router must not have changed since; otherwise the returned route
    /// is arbitrary.
    pub fn resolve<'r, 'p, H, C>(self, router: &'r Router<H, C>, path: &'p str) -> Resolved<'r, 'p, H, C> {
        let RouteMatch { method, place } = self;
        match place {
            RoutePlace::Static { route } => {
                router.statics.get(route).and_then(|StaticRoute { path: rule, methods }| {
                    Some(Resolved::Static { rule, handler: methods.get(method)? })
                })
            }
            RoutePlace::Pattern { route, groups } => router.patterns.get(route).and_then(|route| {
                let Registration { handler, rule, arguments, mounted, .. } = route.methods.get(method)?;
                let rule = rule.as_ref().unwrap_or(&route.source);
                if *mounted {
                    return Some(Resolved::Mounted { rule, handler });
                }
                let captures = Captures { path, groups, arguments };
                Some(Resolved::Pattern { rule, handler, captures })
            }),
            RoutePlace::MethodNotAllowed(allowed) => Some(Resolved::MethodNotAllowed(allowed)),
            RoutePlace::NotFound { allowed } => Some(Resolved::NotFound { allowed }),
        }
        .unwrap_or(Resolved::NotFound { allowed: MethodSet::default() })
    }

    /// The default handler that takes the request unless a file or a built-in page does; `None` where a
    /// route takes the request, and for a 405: a path without groups that lacks the method. Only `OPTIONS` of
    /// such a path goes to the default handler, as any method of a pattern does: one handler can then answer
    /// `OPTIONS` for all paths (RFC 9110, section 9.3.7).
    #[must_use]
    pub fn default_handler<'r, H, C>(&self, router: &'r Router<H, C>) -> Option<&'r H> {
        match self.place {
            RoutePlace::Static { .. } | RoutePlace::Pattern { .. } => None,
            RoutePlace::MethodNotAllowed(_) if self.method != Method::Options => None,
            RoutePlace::MethodNotAllowed(_) | RoutePlace::NotFound { .. } => {
                router.default_handler(self.method)
            }
        }
    }

    /// The rule of the route, for a match that was found in this router; `None` where no route has the path and
    /// the method.
    #[must_use]
    pub fn rule<'r, H, C>(&self, router: &'r Router<H, C>) -> Option<&'r Arc<str>> {
        match self.place {
            RoutePlace::Static { route } => router.statics.get(route).map(|route| &route.path),
            RoutePlace::Pattern { route, .. } => {
                let route = router.patterns.get(route)?;
                let registration = route.methods.get(self.method)?;
                Some(registration.rule.as_ref().unwrap_or(&route.source))
            }
            RoutePlace::MethodNotAllowed(_) | RoutePlace::NotFound { .. } => None,
        }
    }

    /// The handler of the route, for a match that was found in this router; `None` where no route has the
    /// path and the method.
    #[must_use]
    pub fn handler<'r, H, C>(&self, router: &'r Router<H, C>) -> Option<&'r H> {
        match self.place {
            RoutePlace::Static { route } => router.statics.get(route)?.methods.get(self.method),
            RoutePlace::Pattern { route, .. } => {
                router.patterns.get(route)?.methods.get(self.method).map(Registration::handler)
            }
            RoutePlace::MethodNotAllowed(_) | RoutePlace::NotFound { .. } => None,
        }
    }
}

impl RoutePlace {
    fn find<H, C>(router: &Router<H, C>, path: &str, method: Method) -> Self {
        if let Some((&route, StaticRoute { methods, .. })) = router.static_route(path) {
            return match methods.get(method) {
                Some(_) => RoutePlace::Static { route },
                None => RoutePlace::MethodNotAllowed(methods.methods()),
            };
        }
        let mut allowed = MethodSet::default();
        let mut best: Option<(usize, Groups)> = None;
        router.index.candidates(path, &mut |number| {
            if best.as_ref().is_some_and(|(best, _)| *best < number) {
                return;
            }
            let Some(route) = router.patterns.get(number) else { return };
            if route.methods.get(method).is_some() {
                if let Some(groups) = route.matcher.captures(path) {
                    best = Some((number, groups));
                }
            } else if best.is_none() && route.matcher.is_match(path) {
                allowed |= route.methods.methods();
            }
        });
        match best {
            Some((route, groups)) => RoutePlace::Pattern { route, groups },
            None => RoutePlace::NotFound { allowed },
        }
    }
}
