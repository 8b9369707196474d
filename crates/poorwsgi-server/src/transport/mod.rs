//! What the bytes of a connection come and go by.
//!
//! A transport knows no protocol. It says how its two ends are called, whether anybody can read along, and
//! whether files may leave through it without coming into memory. `plain` is a socket of the system; `stream`
//! is anything else that can be read and written, such as TLS or a pipe in memory. `sendfile` is how a file
//! leaves through a transport that can send it.

use std::fmt;
use std::sync::Arc;

use poorwsgi_core::request::Connection;
use tokio::io::{AsyncRead, AsyncWrite};

mod plain;
pub(crate) mod sendfile;
mod stream;

pub(crate) use plain::{Accepted, Plain};
use sendfile::Files;
pub(crate) use stream::Copied;

/// One end of a connection.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Unpin + fmt::Debug {
    /// Its two ends.
    fn connection(&self) -> Connection;

    /// Where files wait for the stand-ins that are written to it; `None` where it sends the bytes that it is
    /// given.
    fn files(&self) -> Option<&Arc<Files>>;

    /// Whether more has come than was read, as far as that can be told. A socket that is closed then may lose
    /// what was written last.
    fn has_unread(&self) -> bool;
}
