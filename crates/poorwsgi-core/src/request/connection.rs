//! What a server knows about the connection behind a request.

use std::net::SocketAddr;

/// The connection that a request came in on.
///
/// A server puts it into the extensions of each `http::Request`. The addresses are those of the sockets: what
/// a proxy says about its client stands in the header fields, which a server keeps only from proxies it
/// trusts.
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
    /// The other end; `None` on a Unix socket.
    pub remote: Option<SocketAddr>,
    /// This end; `None` on a Unix socket.
    pub local: Option<SocketAddr>,
    /// Whether the connection is encrypted, that is whether the scheme is `https`.
    pub secure: bool,
}
