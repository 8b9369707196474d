//! HTTP/1.1 (RFC 9112), by hyper: the parts of a connection that depend on this protocol.
//!
//! `session` drives a connection over any transport. What hyper reads passes through `io`, which finds where
//! each message begins and ends (`framing`, `chunks`), enforces the limits and deadlines of the protocol, and
//! writes the response to a head that is refused. `service` gives each request to an exchange, and adds to
//! its response what only HTTP/1.1 needs: `Connection`, reason phrases, the spelling of names; `body` tells
//! hyper's errors from each other. `carrier` is what `io` and `service` share, and reads the fields about the
//! connection of each response. Exchanges know none of this.

mod body;
mod broken_off;
mod carrier;
mod chunks;
pub(crate) mod framing;
mod io;
mod service;
mod session;
mod spelling;

pub(crate) use session::H1Protocol;
