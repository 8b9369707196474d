//! Transports, which carry the bytes of a connection.
//!
//! A transport knows no protocol. It knows the addresses of its two ends, whether it is encrypted, and
//! whether it can send files without copying them into memory. `plain` is a socket of the system; `stream` is
//! anything else that can be read and written, such as TLS or a pipe in memory. `sendfile` sends a file
//! through a transport that can do so.

use std::fmt;
use std::sync::Arc;

use poorwsgi_core::request::Connection;
use tokio::io::{AsyncRead, AsyncWrite};

#[cfg(test)]
mod lying;
mod plain;
pub(crate) mod sendfile;
mod stream;

#[cfg(test)]
pub(crate) use lying::Lying;
pub(crate) use plain::{Accepted, PlainTransport};
use sendfile::Files;
pub(crate) use stream::Copied;

/// One end of a connection.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + Send + fmt::Debug + 'static {
    /// The addresses of the two ends of the transport, and whether it is secure.
    fn connection(&self) -> Connection;

    /// The files whose stand-ins are written to it; `None` if it sends the bytes that it is given.
    fn files(&self) -> Option<&Arc<Files>>;

    /// Whether unread bytes have arrived, as far as that can be told. Closing a socket then may lose what was
    /// written last.
    fn has_unread(&self) -> bool;
}
