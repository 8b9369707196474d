//! What the router finds for a request.

use std::sync::Arc;

use super::captures::Captures;
use crate::state::MethodSet;

/// Where a request goes.
#[derive(Debug)]
pub enum Resolved<'r, 'p, H, C> {
    /// To the handler of a path without groups.
    Static {
        /// The path.
        rule: &'r Arc<str>,
        /// The handler for the method.
        handler: &'r H,
    },
    /// To the first route with groups, or regular route, that matches and has the method.
    Pattern {
        /// The route as the application wrote it, or the regular expression.
        rule: &'r Arc<str>,
        /// The handler for the method.
        handler: &'r H,
        /// What the groups matched.
        captures: Captures<'r, 'p, C>,
    },
    /// To what is mounted below a prefix of the path.
    Mounted {
        /// The prefix, and `/*`.
        rule: &'r Arc<str>,
        /// The handler.
        handler: &'r H,
    },
    /// Nowhere, or to the default handler of `OPTIONS`: a route without groups has this path, but only these
    /// methods. Patterns are not tried.
    MethodNotAllowed(MethodSet),
    /// To a file, a default handler or nowhere.
    NotFound {
        /// The methods of all patterns that match the path. If there are any, and nothing else takes the
        /// request, the response is a 405 with these methods.
        allowed: MethodSet,
    },
}
