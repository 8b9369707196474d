//! What a request knows, computed on demand.
//!
//! A server's view of a request is a [`Head`]: method, target, header fields, addresses. Everything else that
//! HTTP says about a request is read from it when it is asked for, and costs nothing before that: these are
//! the methods of `dyn Head`.
//!
//! ```
//! use poorwsgi::request::Head;
//!
//! fn greeting(head: &dyn Head) -> Result<String, poorwsgi::HttpError> {
//!     let page = head.construct_url("/hello")?;
//!     Ok(if head.accept_json() { format!("{{\"page\": {page:?}}}") } else { page })
//! }
//! ```

mod accept;
mod args;
mod authorization;
mod body;
mod client;
mod connection;
mod content;
mod forwarded;
mod head;
mod host;
mod http_head;
mod target;

pub use crate::values::OneOrMany;
pub use args::{Args, ArgsOptions, MAX_NUM_FIELDS};
pub use authorization::Authorization;
pub use body::{body_error, read_body};
pub use connection::Connection;
pub use head::{Head, combined, field_text};
pub use host::{Authority, is_host};
pub use http_head::HttpHead;
