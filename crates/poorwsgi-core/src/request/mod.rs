//! What a request says, computed on demand.
//!
//! A [`Head`] is a server's view of a request: method, target, header fields, addresses. The methods of `dyn
//! Head` compute everything else from these when they are called, so that what is not used costs nothing.
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
pub mod check;
mod client;
mod connection;
mod content;
mod forwarded;
mod forwarded_client;
mod head;
mod host;
mod http_head;
mod mount;
mod redirected;
mod target;

pub use args::{Args, ArgsOptions, MAX_NUM_FIELDS};
pub use authorization::Authorization;
pub use body::{EarlyEnd, body_error, read_body};
pub use connection::Connection;
pub use forwarded_client::{ForwardedClient, ForwardedFields};
#[cfg(test)]
pub(crate) use head::tests;
pub use head::{Head, field_text, path_text};
pub(crate) use host::encode_path;
pub use host::{Authority, default_port, is_host};
pub use http_head::HttpHead;
pub use mount::{Mount, PathForm, enter_mount, path_below, split_prefix};
pub use redirected::{Redirected, redirected};
pub use target::full_path;
