//! The settings of a server. Every limit is finite unless its documentation says how to lift it.

use std::net::IpAddr;
use std::time::Duration;

use http::HeaderValue;
use ipnet::IpNet;

use crate::h1::framing::HeadLimits;

/// The settings of a [`Server`](crate::Server), with defaults that are safe to put on the open Internet.
///
/// ```
/// use std::time::Duration;
/// use poorwsgi_server::Config;
///
/// let config = Config::new()
///     .max_body(64 * 1024 * 1024)
///     .idle_timeout(Duration::from_secs(5))
///     .trusted_proxies(["10.0.0.0/8".parse().unwrap()]);
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) head: HeadLimits,
    pub(crate) first_byte_timeout: Duration,
    pub(crate) head_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) body_timeout: Duration,
    pub(crate) min_body_rate: u64,
    pub(crate) write_timeout: Duration,
    pub(crate) stop_timeout: Duration,
    pub(crate) max_body: u64,
    pub(crate) max_connections: u32,
    pub(crate) queue: usize,
    pub(crate) backlog: u32,
    pub(crate) unix_mode: Option<u32>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) trust_unix_peers: bool,
    pub(crate) server_header: Option<HeaderValue>,
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl Config {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Config {
            head: HeadLimits { head: 64 * 1024, request_line: 16 * 1024, fields: 100 },
            first_byte_timeout: Duration::from_secs(10),
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(75),
            body_timeout: Duration::from_secs(30),
            min_body_rate: 240,
            write_timeout: Duration::from_secs(60),
            stop_timeout: Duration::from_secs(30),
            max_body: 16 * 1024 * 1024,
            max_connections: 10_000,
            queue: 128 * 1024,
            backlog: 1024,
            unix_mode: None,
            trusted_proxies: Vec::new(),
            trust_unix_peers: false,
            server_header: Some(HeaderValue::from_static("PoorWSGI")),
        }
    }

    /// Bytes of a request's head: request line, fields and the empty line. Default 64 KiB; beyond it 431.
    #[must_use]
    pub fn max_head(mut self, bytes: usize) -> Self {
        self.head.head = bytes;
        self
    }

    /// Bytes of a request line: method, target and version. Default 16 KiB, at most 65,534; beyond it 414.
    /// RFC 9112, section 3 recommends at least 8000.
    #[must_use]
    pub fn max_request_line(mut self, bytes: usize) -> Self {
        self.head.request_line = bytes.min(65_534);
        self
    }

    /// Fields of a request's head. Default 100, at most 10,000; beyond it 431. More than 100 cost an
    /// allocation for each request.
    #[must_use]
    pub fn max_fields(mut self, fields: usize) -> Self {
        self.head.fields = fields.min(10_000);
        self
    }

    /// How long a new connection may be silent before it is closed. Default 10 s.
    #[must_use]
    pub fn first_byte_timeout(mut self, time: Duration) -> Self {
        self.first_byte_timeout = time;
        self
    }

    /// How long a head may take, from its first byte. Default 10 s; then 408.
    #[must_use]
    pub fn head_timeout(mut self, time: Duration) -> Self {
        self.head_timeout = time;
        self
    }

    /// How long a connection is kept open between two requests. Default 75 s.
    #[must_use]
    pub fn idle_timeout(mut self, time: Duration) -> Self {
        self.idle_timeout = time;
        self
    }

    /// The longest pause within a request body while it is being read. Default 30 s; then the reader gets an
    /// error that means 408.
    #[must_use]
    pub fn body_timeout(mut self, time: Duration) -> Self {
        self.body_timeout = time;
        self
    }

    /// Bytes a second that a request body must come with, on average, after the first 5 s; only time in which
    /// it is being read counts. Default 240; 0 lifts the limit. Then the reader gets an error that means 408.
    #[must_use]
    pub fn min_body_rate(mut self, bytes: u64) -> Self {
        self.min_body_rate = bytes;
        self
    }

    /// How long a client may take nothing of a response that waits for it. Default 60 s; then the connection
    /// is cut.
    #[must_use]
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.write_timeout = time;
        self
    }

    /// How long running requests may go on after a graceful stop was asked for. Default 30 s; then they are
    /// cut off and named in the log.
    #[must_use]
    pub fn stop_timeout(mut self, time: Duration) -> Self {
        self.stop_timeout = time;
        self
    }

    /// Bytes of a request body. Default 16 MiB; beyond it 413: at once where the length is announced, and as
    /// an error for the reader where it is not.
    #[must_use]
    pub fn max_body(mut self, bytes: u64) -> Self {
        self.max_body = bytes;
        self
    }

    /// The limit that [`max_body`](Self::max_body) has set.
    #[must_use]
    pub const fn body_limit(&self) -> u64 {
        self.max_body
    }

    /// The limit that [`max_connections`](Self::max_connections) has set.
    #[must_use]
    pub const fn connection_limit(&self) -> u32 {
        self.max_connections
    }

    /// Connections at a time. Default 10,000; further ones wait in the listener's backlog, and connections
    /// that have waited a second or longer for their next request are closed to make room for them.
    ///
    /// There are never more than the process has file descriptors for: two each, for a file beside the
    /// connection, and 64 for all else, so that 1024 descriptors (`ulimit -n`, systemd's `LimitNOFILE=`)
    /// allow 480 connections. Where this setting wants more, a warning says so once connections wait.
    /// [`Bound::run`](crate::Bound::run) raises a limit that may be raised; elsewhere
    /// [`raise_descriptor_limit`](crate::raise_descriptor_limit) does.
    #[must_use]
    pub fn max_connections(mut self, connections: u32) -> Self {
        self.max_connections = connections.max(1);
        self
    }

    /// Bytes that wait in memory for one connection in each direction. Default 128 KiB, at least 8 KiB; it is
    /// raised to hold a whole head.
    #[must_use]
    pub fn queue(mut self, bytes: usize) -> Self {
        self.queue = bytes.max(8192);
        self
    }

    /// Connections that wait to be accepted, as far as the system allows. Default 1024.
    #[must_use]
    pub fn backlog(mut self, connections: u32) -> Self {
        self.backlog = connections;
        self
    }

    /// The permission bits of a Unix socket, such as `0o660`. By default what the umask leaves.
    #[must_use]
    pub fn unix_mode(mut self, mode: u32) -> Self {
        self.unix_mode = Some(mode);
        self
    }

    /// The networks of the proxies whose `X-Forwarded-*` and `Forwarded` fields are kept. By default none:
    /// these fields are removed from everybody's requests.
    #[must_use]
    pub fn trusted_proxies(mut self, networks: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies = networks.into_iter().collect();
        self
    }

    /// Whether whoever connects to a Unix socket is a trusted proxy. Default `false`.
    #[must_use]
    pub fn trust_unix_peers(mut self, trust: bool) -> Self {
        self.trust_unix_peers = trust;
        self
    }

    /// The `Server` field of responses that have none. Default `PoorWSGI`, without a version; `None` sends
    /// none.
    #[must_use]
    pub fn server_header(mut self, value: Option<HeaderValue>) -> Self {
        self.server_header = value;
        self
    }

    /// Whether a peer's word about its client counts. An IPv4 address mapped into IPv6 counts as IPv4.
    pub(crate) fn trusts(&self, peer: Option<IpAddr>) -> bool {
        match peer.map(|address| address.to_canonical()) {
            Some(address) => self.trusted_proxies.iter().any(|network| network.contains(&address)),
            None => self.trust_unix_peers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_networks_are_trusted() {
        let config =
            Config::new().trusted_proxies(["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()]);
        let trusts = |address: &str| config.trusts(Some(address.parse().unwrap()));
        assert!(trusts("10.1.2.3") && trusts("::1") && trusts("::ffff:10.1.2.3"));
        assert!(!trusts("11.1.2.3") && !trusts("::2"));
        assert!(!config.trusts(None) && config.clone().trust_unix_peers(true).trusts(None));
        assert!(!Config::new().trusts(Some("127.0.0.1".parse().unwrap())));
    }
}
