//! The tables of an application, and the Python functions in them.

use std::borrow::Cow;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use poorwsgi_calls::inlining::RouteTimes;
use poorwsgi_core::dispatch::{Foreseen, foresee};
use poorwsgi_core::request::{Head, path_below};
use poorwsgi_core::routing::RouteMatch;
use poorwsgi_core::settings::Settings;
use poorwsgi_core::tables::Tables;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// Handlers written in Python.
pub(crate) enum Python3 {}

/// A Python callable, shared by all copies of an application's tables.
pub(crate) type Function = Arc<Callee>;

/// A Python callable, and the times of the requests that it handles.
pub(crate) struct Callee {
    function: Py<PyAny>,
    pub(crate) route_times: Arc<RouteTimes>,
    /// Set for what is mounted below a prefix, which is called in another way than a handler.
    pub(crate) mounted: Option<MountedCallable>,
    /// Whether a mistake that each of its calls repeats was logged.
    mistake_logged: AtomicBool,
}

/// A mounted WSGI callable.
pub(crate) struct MountedCallable {
    pub(crate) prefix: String,
    /// The tables of the callable, if it is one of our applications, which is called without WSGI.
    pub(crate) tables: Option<Arc<LiveTables>>,
}

impl Callee {
    /// Whether to log a mistake in what the function returns: true once.
    pub(crate) fn is_first_mistake(&self) -> bool {
        !self.mistake_logged.swap(true, Ordering::Relaxed)
    }

    pub(super) fn mounted(function: Py<PyAny>, mounted: MountedCallable) -> Self {
        Callee { mounted: Some(mounted), ..function.into() }
    }

    /// The tables of the mounted application, if this is one of ours.
    pub(crate) fn tables(&self) -> Option<&Arc<LiveTables>> {
        self.mounted.as_ref()?.tables.as_ref()
    }
}

impl From<Py<PyAny>> for Callee {
    fn from(function: Py<PyAny>) -> Self {
        Callee {
            function,
            route_times: Arc::default(),
            mounted: None,
            mistake_logged: AtomicBool::new(false),
        }
    }
}

impl Deref for Callee {
    type Target = Py<PyAny>;

    fn deref(&self) -> &Py<PyAny> {
        &self.function
    }
}

/// The exceptions that an error handler handles: a type, or a tuple or union of types, as isinstance() takes
/// them.
#[derive(Clone)]
pub(crate) struct ErrorType(pub(crate) Function);

impl PartialEq for ErrorType {
    fn eq(&self, other: &Self) -> bool {
        self.0.is(&**other.0)
    }
}

/// The tables for a request, and its route if it was looked up already.
pub(crate) struct Routed {
    pub(crate) tables: Arc<Tables<Python3>>,
    pub(crate) route: Option<RouteMatch>,
    /// The same in the application of ours that the route leads to, if it leads to one.
    pub(crate) mounted: Option<Box<Routed>>,
    /// Where the call leaves the handler of its route, if the route does not say which one that will be.
    pub(crate) called: Option<Arc<OnceLock<Function>>>,
}

impl Routed {
    /// Leaves it to the pipeline to look the route up.
    pub(crate) const fn later(tables: Arc<Tables<Python3>>) -> Self {
        Routed { tables, route: None, mounted: None, called: None }
    }

    /// The rule of the route, below the rule of what is mounted; `None` if no route takes the request.
    pub(crate) fn rule(&self) -> Option<Cow<'_, str>> {
        let rule = self.route.as_ref()?.rule(&self.tables.router)?;
        match self.mounted.as_ref().and_then(|inner| inner.rule()) {
            Some(inner) => Some(Cow::Owned(format!("{}{inner}", rule.trim_end_matches('/')))),
            None => Some(Cow::Borrowed(rule)),
        }
    }

    /// Where the call leaves the handler of its route, in the innermost application.
    pub(crate) fn called(&self) -> Option<&Arc<OnceLock<Function>>> {
        match &self.mounted {
            Some(inner) => inner.called(),
            None => self.called.as_ref(),
        }
    }
}

/// The tables of an application, which may change at any time, and the times of the requests that no handler
/// in them handles.
pub(crate) struct LiveTables {
    tables: RwLock<Arc<Tables<Python3>>>,
    /// The times of built-in pages and errors.
    unrouted: Arc<RouteTimes>,
    /// The times of requests without a route where there is a document root: for files, and for the default
    /// handler if there is no such file. Which of the two answers is not known before the call, because the
    /// event loop does not look for files; so these times say where both are called. A call of the default
    /// handler is recorded under the handler, too.
    below_root: Arc<RouteTimes>,
}

impl LiveTables {
    pub(super) fn new(settings: Settings) -> Self {
        LiveTables {
            tables: RwLock::new(Arc::new(Tables::new(settings))),
            unrouted: Arc::default(),
            below_root: Arc::default(),
        }
    }

    /// The tables for a request that begins now.
    pub(crate) fn get(&self) -> Arc<Tables<Python3>> {
        Arc::clone(&self.tables.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the tables for later requests. No Python code runs while the lock is held, not even the
    /// finalizer of a replaced handler: this thread is detached from the interpreter, so PyO3 releases the
    /// handler later.
    pub(super) fn change<T: Send>(
        &self,
        py: Python<'_>,
        change: impl FnOnce(&mut Tables<Python3>) -> T + Send,
    ) -> T {
        py.detach(|| change(Arc::make_mut(&mut self.tables.write().unwrap_or_else(PoisonError::into_inner))))
    }

    /// Looks up the route of a request before the application is called, also in what is mounted. Also returns
    /// the times of requests with the same handler.
    pub(super) fn routed(&self, head: &dyn Head) -> (Routed, Arc<RouteTimes>) {
        match head.path() {
            Ok(path) => self.routed_by(head, &path),
            Err(_) => (Routed::later(self.get()), Arc::clone(&self.unrouted)),
        }
    }

    fn routed_by(&self, head: &dyn Head, path: &str) -> (Routed, Arc<RouteTimes>) {
        let tables = self.get();
        let (route, foreseen) = foresee(&tables, head, path);
        let (mut mounted, mut called) = (None, None);
        let times = match foreseen {
            Foreseen::Handler(handler) => match &handler.mounted {
                Some(MountedCallable { prefix, tables: Some(inner) }) => {
                    let (routed, times) = inner.routed_by(head, path_below(path, prefix));
                    mounted = Some(Box::new(routed));
                    times
                }
                _ => Arc::clone(&handler.route_times),
            },
            Foreseen::File => {
                called = Some(Arc::default());
                Arc::clone(&self.below_root)
            }
            Foreseen::Engine => Arc::clone(&self.unrouted),
        };
        (Routed { tables, route, mounted, called }, times)
    }

    /// Whether these tables are the given ones, or lead to them through what is mounted.
    pub(super) fn lead_to(&self, tables: &LiveTables) -> bool {
        let own = self.get();
        let rows = own.router.pattern_routes().flat_map(|route| route.methods().shared());
        std::ptr::eq(self, tables)
            || rows.filter_map(|(_, row)| row.handler().tables()).any(|inner| inner.lead_to(tables))
    }

    /// Visits the Python objects of the tables for the garbage collector.
    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.tables.try_read() {
            Ok(tables) => traverse(&tables, visit),
            // Another thread is changing the tables, so the application is in use.
            Err(_) => Ok(()),
        }
    }

    /// Releases the Python objects of the tables.
    pub(super) fn clear(&self) {
        let tables = Arc::new(Tables::new(Settings::new("")));
        let old = self.tables.write().map(|mut held| std::mem::replace(&mut *held, tables));
        drop(old);
    }
}

fn traverse(tables: &Tables<Python3>, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
    let call = |function: &Function| visit.call(&***function);
    let router = &tables.router;
    router
        .static_routes()
        .flat_map(|(_, table)| table.shared())
        .try_for_each(|(_, function)| call(function))?;
    router
        .pattern_routes()
        .flat_map(|route| route.methods().shared())
        .try_for_each(|(_, row)| call(row.handler()))?;
    router.defaults().shared().try_for_each(|(_, function)| call(function))?;
    tables.before.iter().chain(&tables.after).try_for_each(call)?;
    tables
        .states
        .iter()
        .flat_map(|(_, table)| table.shared())
        .try_for_each(|(_, function)| call(function))?;
    tables.errors.iter().flat_map(|(_, table)| table.shared()).try_for_each(|(_, function)| call(function))
}
