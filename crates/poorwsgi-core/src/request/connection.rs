//! What a server knows about the connection behind a request.

use std::net::SocketAddr;

/// The connection that a request came in on.
///
/// A server puts a `Connection` into the extensions of each `http::Request`. Where a proxy that the server trusts
/// names its client, address and scheme are those of the client
/// ([`ForwardedClient`](super::ForwardedClient)); the fields in which others name a client are removed. So nothing
/// reads these fields again: `construct_url`, for example, takes the scheme from here and the host from `Host`.
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
    /// The address of the client, with port 0 where a proxy names the address alone; `None` for an unnamed client of
    /// a Unix socket.
    pub remote: Option<SocketAddr>,
    /// The address of the server, with the port that the client addresses; `None` on a Unix socket.
    pub local: Option<SocketAddr>,
    /// Whether the client's connection is encrypted, that is whether the scheme is `https`.
    pub secure: bool,
}
