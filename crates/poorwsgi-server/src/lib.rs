//! The HTTP/1.1 server of PoorWSGI: hyper on tokio, with the limits, deadlines and refusals that a server on
//! the open Internet needs. It serves a PoorWSGI application or any other tower service over [`RequestBody`].
//!
//! ```no_run
//! use std::convert::Infallible;
//! use http::{Request, Response};
//! use poorwsgi_server::RequestBody;
//!
//! #[tokio::main]
//! async fn main() -> std::io::Result<()> {
//!     let hello = tower::service_fn(async |_request: Request<RequestBody>| {
//!         Ok::<_, Infallible>(Response::new("Hello world".to_owned()))
//!     });
//!     poorwsgi_server::run(hello, "127.0.0.1:8080").await
//! }
//! ```
//!
//! # What it guarantees
//!
//! - A request that two readers could understand differently is answered with 400 and the connection is
//!   closed: a bare LF as line end, `Content-Length` with `Transfer-Encoding` or twice, a transfer coding
//!   other than one `chunked`, a missing, second or invalid `Host`, a target in the wrong form, with a
//!   fragment or with bytes that are not of ASCII (RFC 9112). What follows on the connection is never read.
//! - Chunks have to follow the grammar of RFC 9112, section 7.1, extensions and trailers included: at most 16
//!   digits of a size, and 4 KiB of a size with its extensions. Anything else is an error for the reader of
//!   the body, and closes the connection.
//! - HTTP/1.2 to HTTP/1.9 are served as HTTP/1.1 (RFC 9110, section 2.5); other versions are answered with
//!   400.
//! - `CONNECT` is answered with 501: the server is no proxy.
//! - Each limit and deadline is a setting of [`Config`], and the response to a request that exceeds one names
//!   it.
//! - An incomplete request body is an error for its reader ([`BodyError`]); an incomplete response cuts the
//!   connection.
//! - 204, 205, 304 and the answer to HEAD have no content, whatever the service gives. A 101 is a 500 unless
//!   the request asks for it and the response says who speaks the other protocol ([`Upgrade`]).
//! - A panic in the service is a 500 for that request.
//! - Fields whose names contain `_` are dropped, and so are `Forwarded` and `X-Forwarded-*` unless the peer
//!   is a [trusted proxy](Config::trusted_proxies). What such a proxy says of its client is what the service
//!   sees: the address and the scheme in the `Connection`, the host in `Host`. Where the PROXY protocol is on
//!   ([`Config::proxy_protocol`]), each connection of such a proxy has to begin with its header.
//!
//! A client that closes its sending side still gets its response (`printf … | nc -N` works). So a handler is
//! not cancelled when its client goes away; the server notices that when it writes the response. A target
//! that is no URI gets hyper's 400, which has no text; the log has the reason.
//!
//! Requests carry a [`poorwsgi_core::request::Connection`] among their extensions. Each one is an event of the
//! target `poorwsgi::access` (level `INFO`: method, path, status, bytes, duration in microseconds, peer;
//! status 0 when the client went away before its answer); the server itself speaks at `poorwsgi::server`. A
//! line has at most 2 KiB: of a method and a path it has 300 bytes each, of a line of an application's error
//! 900, and of all its lines 32 KiB.
#![forbid(unsafe_code)]

/// The log target of the server itself.
const LOG: &str = "poorwsgi::server";

mod access_log;
mod body_rate;
mod call_report;
mod config;
mod connection;
mod deadline;
mod exchange;
pub mod gathering;
mod h1;
mod idle;
mod listener;
mod metrics;
pub mod pipe;
mod protocols;
pub mod proxy_protocol;
mod serve;
pub mod settings;
pub mod spool;
mod stop;
mod transport;
mod trusted;

pub use access_log::{AccessFormat, AccessLog, BadFormat};
pub use call_report::{CallLane, CallReport, RouteLabel};
pub use config::Config;
pub use exchange::{BodyError, RequestBody, Upgrade, Upgraded, report_call};
pub use ipnet::IpNet;
pub use listener::{Address, raise_descriptor_limit, share_sockets};
pub use metrics::Metrics;
pub use serve::{Bound, Executor, Listening, Server, run};
pub use trusted::{BadPeer, TrustedPeer};
