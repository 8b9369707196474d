//! HTTP/1.1 (RFC 9112), by hyper: what is this protocol's own of a connection.
//!
//! `session` drives a connection over any transport. What hyper reads passes `io`, which finds where each
//! message begins and ends (`framing`, `chunks`), keeps the limits and deadlines of the protocol, and writes
//! the answer to a head that is refused. `service` gives each request to an exchange, and adds to its
//! response what HTTP/1.1 alone has: `Connection`, reason phrases, the spelling of names. Exchanges know none
//! of this.

mod body_rate;
mod broken_off;
mod chunks;
pub(crate) mod framing;
mod io;
mod service;
mod session;
mod spelling;

pub(crate) use session::H1Protocol;
