//! The table of routes.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::captures::Captures;
use super::error::{RouteError, RouteErrorKind};
use super::filter::Filters;
use super::index::Index;
use super::matcher::Groups;
#[cfg(test)]
use super::matcher::{End, Matcher};
use super::methods::MethodTable;
use super::pattern::{self, Compiled, Pattern};
use super::resolved::Resolved;
use super::route_match::{RouteMatch, RoutePlace};
use super::routes::{PatternRoute, Popped, Registration, RegularRoute};
use super::segments::Expressions;
use crate::state::{Method, MethodSet};

/// Routes, regular routes and default handlers of an application.
///
/// `H` is the handler, `C` the application's own converter; the router calls neither.
///
/// Paths without groups are looked up first. Routes with groups and regular routes share one table, in which
/// the first that matches *and* has the method wins, in the order of registration. Registering a route again
/// replaces its handlers for the methods given and leaves its place in the order alone.
///
/// ```
/// use poorwsgi_core::routing::{Resolved, Router};
/// use poorwsgi_core::state::{METHOD_GET, METHOD_HEAD, Method};
///
/// let mut router = Router::<&str, ()>::new();
/// router.set_route("/", METHOD_HEAD | METHOD_GET, "root")?;
/// router.set_route("/user/<name:word>/<age:int>", METHOD_GET, "user")?;
///
/// let Resolved::Pattern { rule, handler, captures } = router.resolve("/user/anna/42", Method::Get) else {
///     panic!("no such route");
/// };
/// assert_eq!((&**rule, *handler), ("/user/<name:word>/<age:int>", "user"));
/// assert_eq!(captures.get("age").and_then(|age| age.value), Some("42"));
/// # Ok::<(), poorwsgi_core::routing::RouteError>(())
/// ```
///
/// An application shows its own, to be listed:
///
/// ```
/// use poorwsgi::{Application, Request, state};
///
/// let mut app = Application::new("demo");
/// app.route("/", state::METHOD_GET, |_req: Request| "Hello world")?;
/// app.route("/user/<name:word>", state::METHOD_GET, |_req: Request| "a user")?;
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
    /// The paths without groups, in the order of registration, and where each is.
    statics: Vec<StaticRoute<H>>,
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

    /// Where a request for this path goes. The path is decoded, and compared as it stands: no segment is
    /// dropped and no slash added.
    ///
    /// A path without groups costs one look-up; among many patterns, only those are tried whose literal
    /// segments are those of the path.
    pub fn resolve<'r, 'p>(&'r self, path: &'p str, method: Method) -> Resolved<'r, 'p, H, C> {
        self.resolved(self.find(path, method), path)
    }

    /// Finds what [`resolve`](Self::resolve) does, for whoever has to keep it.
    #[must_use]
    pub fn find(&self, path: &str, method: Method) -> RouteMatch {
        RouteMatch { method, place: self.place(path, method) }
    }

    fn place(&self, path: &str, method: Method) -> RoutePlace {
        if let Some((&route, StaticRoute { methods, .. })) = self.static_route(path) {
            return match methods.get(method) {
                Some(_) => RoutePlace::Static { route },
                None => RoutePlace::MethodNotAllowed(methods.methods()),
            };
        }
        let mut allowed = MethodSet::default();
        let mut best: Option<(usize, Groups)> = None;
        self.index.candidates(path, &mut |number| {
            if best.as_ref().is_some_and(|(best, _)| *best < number) {
                return;
            }
            let Some(route) = self.patterns.get(number) else { return };
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

    fn static_route(&self, path: &str) -> Option<(&usize, &StaticRoute<H>)> {
        let route = self.paths.get(path)?;
        Some((route, self.statics.get(*route)?))
    }

    /// What was found for this path in this router: in another one, or after a change of this one, it means
    /// nothing.
    pub fn resolved<'r, 'p>(&'r self, found: RouteMatch, path: &'p str) -> Resolved<'r, 'p, H, C> {
        let RouteMatch { method, place } = found;
        match place {
            RoutePlace::Static { route } => {
                self.statics.get(route).and_then(|StaticRoute { path: rule, methods }| {
                    Some(Resolved::Static { rule, handler: methods.get(method)? })
                })
            }
            RoutePlace::Pattern { route, groups } => self.patterns.get(route).and_then(|route| {
                let Registration { handler, rule, arguments, .. } = route.methods.get(method)?;
                let captures = Captures { path, groups, arguments };
                Some(Resolved::Pattern { rule: rule.as_ref().unwrap_or(&route.source), handler, captures })
            }),
            RoutePlace::MethodNotAllowed(allowed) => Some(Resolved::MethodNotAllowed(allowed)),
            RoutePlace::NotFound { allowed } => Some(Resolved::NotFound { allowed }),
        }
        .unwrap_or(Resolved::NotFound { allowed: MethodSet::default() })
    }

    /// The handler of the route that was found in this router; `None` where there is none for the method.
    #[must_use]
    pub fn handler(&self, found: &RouteMatch) -> Option<&H> {
        match found.place {
            RoutePlace::Static { route } => self.statics.get(route)?.methods.get(found.method),
            RoutePlace::Pattern { route, .. } => {
                self.patterns.get(route)?.methods.get(found.method).map(Registration::handler)
            }
            RoutePlace::MethodNotAllowed(_) | RoutePlace::NotFound { .. } => None,
        }
    }

    /// The compiled expression of every pattern, made anew from its source.
    #[cfg(test)]
    pub(super) fn expressions(&self) -> Vec<Matcher> {
        let compile = |route: &PatternRoute<H, C>| Matcher::compile(&route.source, End::Anywhere);
        self.patterns.iter().map(|route| compile(route).unwrap()).collect()
    }

    /// What [`Router::resolve`] means: every pattern in turn.
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

    /// The table of filters that routes may name.
    #[must_use]
    pub const fn filters(&self) -> &Filters<C> {
        &self.filters
    }

    /// The table of filters, to be changed. Routes that are registered already keep theirs.
    pub const fn filters_mut(&mut self) -> &mut Filters<C> {
        &mut self.filters
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

    /// The handler for what no route, file or page takes.
    #[must_use]
    pub fn default_handler(&self, method: Method) -> Option<&H> {
        self.defaults.get(method)
    }

    /// Sets the default handler of these methods.
    pub fn set_default(&mut self, methods: MethodSet, handler: H) {
        self.defaults.set(methods, handler);
    }

    /// Whether a regular route, or a route with groups that comes to this expression, is registered.
    #[must_use]
    pub fn is_regular_route(&self, regex: &str) -> bool {
        self.position(regex).is_some()
    }

    fn position(&self, source: &str) -> Option<usize> {
        self.patterns.iter().position(|route| *route.source == *source)
    }
}

impl<H, C: Clone> Router<H, C> {
    /// Registers a handler for a path, or for a route with groups `<name>` or `<name:filter>`.
    ///
    /// Text outside of groups is literal. An expression, `<name:re:[a-z]{2}>`, is in the spelling of Python's
    /// `re` and may use look-around and back-references.
    ///
    /// # Errors
    /// A group that is malformed, named twice, or whose filter is unknown or does not compile.
    pub fn set_route(&mut self, rule: &str, methods: MethodSet, handler: H) -> Result<(), RouteError> {
        if !pattern::has_groups(rule) {
            self.set_static(rule, methods, handler);
            return Ok(());
        }
        let pattern = Pattern::parse(rule, &self.filters)?;
        let compiled = pattern.compile(&mut self.expressions)?;
        let arguments = Arc::clone(&compiled.arguments);
        let registration = Registration { handler, rule: Some(rule.into()), arguments, converted: true };
        self.set_pattern(pattern.source(), compiled, methods, registration);
        Ok(())
    }

    /// Registers a handler for all paths that an expression matches.
    ///
    /// # Errors
    /// An expression that does not compile.
    pub fn set_regular_route(
        &mut self,
        route: impl Into<RegularRoute<C>>,
        methods: MethodSet,
        handler: H,
    ) -> Result<(), RouteError> {
        let RegularRoute { regex, converters, rule } = route.into();
        let compiled = pattern::compile_regular(&regex, &converters)?;
        let arguments = Arc::clone(&compiled.arguments);
        let registration = Registration { handler, rule, arguments, converted: !converters.is_empty() };
        self.set_pattern(regex, compiled, methods, registration);
        Ok(())
    }

    /// The expression of Python's `re` that a route with groups comes to; `None` for a path without groups.
    ///
    /// # Errors
    /// As [`Router::set_route`], except that expressions are not compiled.
    pub fn expression(&self, rule: &str) -> Result<Option<String>, RouteError> {
        if !pattern::has_groups(rule) {
            return Ok(None);
        }
        Ok(Some(Pattern::parse(rule, &self.filters)?.source()))
    }

    /// Whether a route is registered, for whatever methods.
    ///
    /// # Errors
    /// As [`Router::set_route`], except that expressions are not compiled.
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
    /// Takes out the handler of a route for one method. Without handlers left, the route is gone.
    ///
    /// # Errors
    /// [`RouteErrorKind::NotRegistered`], or a route that cannot be one.
    pub fn pop_route(&mut self, rule: &str, method: Method) -> Result<Popped<H, C>, RouteError> {
        if pattern::has_groups(rule) {
            let source = Pattern::parse(rule, &self.filters)?.source();
            let popped = self.pop_pattern(&source, method).ok_or_else(|| not_registered(rule, method))?;
            return Ok(Popped::Pattern(popped));
        }
        let at = self.paths.get(rule).copied();
        let route = at.and_then(|at| self.statics.get_mut(at)).ok_or_else(|| not_registered(rule, method))?;
        let handler = route.methods.pop(method).ok_or_else(|| not_registered(rule, method))?;
        if route.methods.methods().is_empty() {
            self.statics.retain(|route| *route.path != *rule);
            self.paths =
                self.statics.iter().enumerate().map(|(at, route)| (Arc::clone(&route.path), at)).collect();
        }
        Ok(Popped::Static(handler))
    }

    /// Takes out the handler of a regular route for one method.
    ///
    /// # Errors
    /// [`RouteErrorKind::NotRegistered`].
    pub fn pop_regular_route(
        &mut self,
        regex: &str,
        method: Method,
    ) -> Result<Registration<H, C>, RouteError> {
        self.pop_pattern(regex, method).ok_or_else(|| not_registered(regex, method))
    }

    /// Takes out the default handler of one method.
    pub fn pop_default(&mut self, method: Method) -> Option<H> {
        self.defaults.pop(method)
    }

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

fn not_registered(rule: &str, method: Method) -> RouteError {
    RouteError::new(RouteErrorKind::NotRegistered, rule, format!("no handler for {method}"))
}
