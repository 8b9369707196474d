//! What a server knows about the connection behind a request.

use std::net::SocketAddr;

/// The connection that a request came in on.
///
/// A server puts a `Connection` into the extensions of each `http::Request`. The addresses are those of the
/// sockets. What a proxy says about its client is in header fields, which a server must keep only from
/// proxies that it trusts.
///
/// ```
/// use poorwsgi::request::Connection;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Connection { remote: Some(([192, 0, 2, 7], 40000).into()), ..Connection::default() });
/// assert!(!request.extensions().get::<Connection>().unwrap().secure);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// The address of the peer; `None` on a Unix socket.
    pub remote: Option<SocketAddr>,
    /// The address of the server; `None` on a Unix socket.
    pub local: Option<SocketAddr>,
    /// Whether the connection is encrypted, that is whether the scheme is `https`.
    pub secure: bool,
}
