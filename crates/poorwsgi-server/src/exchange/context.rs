//! The data of a connection, independent of its protocol.

use std::fmt;
use std::sync::Arc;

use poorwsgi_core::request::Connection;

use crate::config::Config;
use crate::stop::Stop;

/// Tells a service of the connection that it is going to serve.
pub(crate) type Introduce<S> = fn(&mut S, Connection);

/// A connection: its two ends, the settings of its server, and the signal that stops it.
#[derive(Debug)]
pub(crate) struct ConnectionContext {
    pub(crate) config: Arc<Config>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) connection: Connection,
    /// Whether the peer is trusted to name its client (`Forwarded`, `X-Forwarded-*`).
    pub(crate) trusted: bool,
}

impl ConnectionContext {
    pub(crate) fn new(config: Arc<Config>, stop: Arc<Stop>, connection: Connection) -> Self {
        let trusted = config.trusts(connection.remote.map(|address| address.ip()));
        ConnectionContext { config, stop, connection, trusted }
    }

    /// The peer, for logs.
    pub(crate) const fn peer(&self) -> Peer {
        Peer::of(self.connection)
    }
}

/// The peer of a connection as logs name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(Connection);

impl Peer {
    pub(crate) const fn of(connection: Connection) -> Self {
        Peer(connection)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.remote {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}
