//! The data of a connection, independent of its protocol. Sessions, their exchanges and idle connections use it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use poorwsgi_core::request::{Connection, ForwardedFields};

use crate::config::Config;
use crate::stop::Stop;

/// A connection: its two ends, the settings of its server, and the signal that stops it.
#[derive(Debug)]
pub(crate) struct ConnectionContext {
    pub(crate) config: Arc<Config>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) connection: Connection,
    /// The fields in which the peer may name its client; `None` where the peer is no trusted proxy.
    pub(crate) believed: Option<ForwardedFields>,
    /// The peer without its port, for the access log.
    client: OnceLock<String>,
}

impl ConnectionContext {
    pub(crate) fn new(config: Arc<Config>, stop: Arc<Stop>, connection: Connection) -> Self {
        let is_trusted = config.trusts(connection.remote.map(|address| address.ip()));
        let believed = is_trusted.then_some(config.forwarded_fields);
        ConnectionContext { config, stop, connection, believed, client: OnceLock::new() }
    }

    /// The peer as the access log names it: without its port.
    pub(crate) fn client(&self) -> &str {
        self.client.get_or_init(|| client_name(&self.connection))
    }

    /// The peer, for logs.
    pub(crate) const fn peer(&self) -> Peer {
        Peer::of(self.connection)
    }
}

/// The client of a connection as the access log names it.
pub(crate) fn client_name(connection: &Connection) -> String {
    connection.remote.map_or_else(|| "unix".to_owned(), |remote| remote.ip().to_canonical().to_string())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_knows_whether_it_trusts_its_peer_and_how_to_name_it() {
        let config = Arc::new(Config::new().trusted_proxies(["10.0.0.0/8".parse().unwrap()]));
        let of = |remote: Option<&str>| {
            let remote = remote.map(|address| address.parse().unwrap());
            let connection = Connection { remote, ..Connection::default() };
            let context = ConnectionContext::new(Arc::clone(&config), Arc::new(Stop::new()), connection);
            (context.believed.is_some(), context.peer().to_string())
        };
        assert_eq!(of(Some("10.1.2.3:80")), (true, "10.1.2.3:80".to_owned()));
        assert_eq!(of(Some("192.0.2.1:80")), (false, "192.0.2.1:80".to_owned()));
        assert_eq!(of(None), (config.trusts(None), "unix".to_owned()));
    }
}
