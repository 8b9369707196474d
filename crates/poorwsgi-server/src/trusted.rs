//! The peers that may name the client of a request.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

/// A proxy that a server trusts to name the client of a request.
///
/// ```
/// use poorwsgi_server::{Config, TrustedPeer};
///
/// let config = Config::new().trusted_proxies([TrustedPeer::Unix, "10.0.0.0/8".parse()?]);
/// # Ok::<(), poorwsgi_server::BadPeer>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrustedPeer {
    /// Whoever connects to a Unix socket: the permissions of its file decide who may.
    Unix,
    /// Each address of a network.
    Network(IpNet),
}

impl TrustedPeer {
    /// The peers on the same machine, which are trusted by default: the loopback addresses and Unix sockets.
    #[must_use]
    pub fn local() -> Vec<Self> {
        let loopback = ["127.0.0.0/8", "::1/128"].into_iter().filter_map(|network| network.parse().ok());
        loopback.map(TrustedPeer::Network).chain([TrustedPeer::Unix]).collect()
    }

    /// Whether a peer with this address is meant; a peer on a Unix socket has none. An IPv4 address mapped
    /// into IPv6 counts as IPv4.
    pub(crate) fn includes(self, peer: Option<IpAddr>) -> bool {
        match (self, peer) {
            (TrustedPeer::Unix, None) => true,
            (TrustedPeer::Network(network), Some(address)) => network.contains(&address.to_canonical()),
            _ => false,
        }
    }
}

/// Parses `unix`, an address or a network.
impl FromStr for TrustedPeer {
    type Err = BadPeer;

    fn from_str(text: &str) -> Result<Self, BadPeer> {
        if text == "unix" {
            return Ok(TrustedPeer::Unix);
        }
        let network = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
        network.map(TrustedPeer::Network).map_err(|_| BadPeer(text.to_owned()))
    }
}

impl fmt::Display for TrustedPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TrustedPeer::Unix => f.write_str("unix"),
            TrustedPeer::Network(network) => network.fmt(f),
        }
    }
}

/// A text that names no [`TrustedPeer`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadPeer(String);

impl fmt::Display for BadPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is not a network; expected an address with or without a prefix length, such as \"10.0.0.0/8\", or \
             unix",
            self.0
        )
    }
}

impl std::error::Error for BadPeer {}
