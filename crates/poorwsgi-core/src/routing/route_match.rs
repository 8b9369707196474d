//! The router's answer without a borrow of the router.

use super::matcher::Groups;
use crate::state::{Method, MethodSet};

/// What [`Router::find`](super::Router::find) has found: it can be kept and sent to another thread, and
/// [`Router::resolved`](super::Router::resolved) says what it means.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    pub(super) method: Method,
    pub(super) place: RoutePlace,
}

impl RouteMatch {
    /// Whether no route has this path and method, and a file, a default handler or nobody takes the request.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self.place, RoutePlace::NotFound { .. })
    }
}

/// Where in the router the answer is.
#[derive(Clone, Debug)]
pub(super) enum RoutePlace {
    Static { route: usize },
    Pattern { route: usize, groups: Groups },
    MethodNotAllowed(MethodSet),
    NotFound { allowed: MethodSet },
}
