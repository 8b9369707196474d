//! What the router finds for a request, without a borrow of the router.

use super::matcher::Groups;
use crate::state::{Method, MethodSet};

/// The route that takes a request, without a borrow of the router, so that a match can be kept and sent to
/// another thread. [`resolve`](Self::resolve) makes a handler and path arguments of it.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    pub(super) method: Method,
    pub(super) place: RoutePlace,
}

impl RouteMatch {
    /// Whether no route takes the request, so that a file, a page or a default handler may. `false` for a
    /// route without groups that lacks the method, which is a 405.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        matches!(self.place, RoutePlace::NotFound { .. })
    }
}

/// Where in the router the match is.
#[derive(Clone, Debug)]
pub(super) enum RoutePlace {
    Static { route: usize },
    Pattern { route: usize, groups: Groups },
    MethodNotAllowed(MethodSet),
    NotFound { allowed: MethodSet },
}
