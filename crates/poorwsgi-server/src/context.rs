//! What the parts of one connection share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use poorwsgi::request::Connection;

use crate::broken_off::BrokenOff;
use crate::config::Config;
use crate::sendfile::Files;
use crate::stop::Stop;

/// One connection: where it comes from, its server's settings and how it stands.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) config: Arc<Config>,
    pub(crate) stop: Arc<Stop>,
    pub(crate) connection: Connection,
    /// Whether what the peer says about its client counts.
    pub(crate) trusted: bool,
    spoilt: AtomicBool,
    /// The files of its responses.
    pub(crate) files: Arc<Files>,
    /// Whether what was made of its last response is written, where that breaks off.
    pub(crate) broken_off: Arc<BrokenOff>,
}

impl Context {
    pub(crate) fn new(config: Arc<Config>, stop: Arc<Stop>, connection: Connection) -> Self {
        let trusted = config.trusts(connection.remote.map(|address| address.ip()));
        Context {
            config,
            stop,
            connection,
            trusted,
            spoilt: AtomicBool::new(false),
            files: Arc::default(),
            broken_off: Arc::default(),
        }
    }

    /// The connection ends with the current response: what comes after its request will not be read.
    pub(crate) fn spoil(&self) {
        self.spoilt.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_spoilt(&self) -> bool {
        self.spoilt.load(Ordering::Relaxed)
    }

    /// The other end, for logs.
    pub(crate) fn peer(&self) -> Peer {
        Peer(self.connection)
    }
}

/// The other end of a connection as logs name it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(Connection);

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.remote {
            Some(address) => address.fmt(f),
            None => f.write_str("unix"),
        }
    }
}
