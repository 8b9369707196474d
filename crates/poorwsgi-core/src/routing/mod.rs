//! Finds the handler for a path and a method: filters, patterns and the router.
//!
//! A *route* is a path with optional groups, `/user/<name:word>/<age:int>`; the part behind the colon names a
//! [filter](Filters), which says what the group matches and how its text is converted. A *regular route* is
//! any regular expression. The [`Router`] keeps both, knows nothing of requests, and converts nothing: it
//! gives the matched text and the [`Conversion`] to its caller, because a conversion may fail, and handlers
//! may be of any language.

mod captures;
mod dialect;
mod error;
mod expressions;
mod filter;
mod index;
mod matcher;
mod methods;
mod mistakes;
mod pattern;
mod resolved;
mod route_match;
mod router;
mod routes;
mod segments;
mod shadow;
#[cfg(test)]
mod tests;

pub use captures::{Capture, Captures};
pub use error::{RouteError, RouteErrorKind};
pub use filter::{Conversion, Filter, Filters};
pub use methods::MethodTable;
pub use mistakes::mistakes_of_rule;
pub use resolved::Resolved;
pub use route_match::RouteMatch;
pub use router::{
    Router, handlers_of_expression, handlers_of_path, mount, mounted, pop_default, pop_regular_route,
    pop_route, set_default, set_filter, set_regular_route, set_route,
};
pub use routes::{PatternRoute, Popped, Registration, RegularRoute};
pub use shadow::{Shadow, handlers_before};
