//! Any stream, whose bytes are copied.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use poorwsgi_core::request::Connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Transport;
use super::sendfile::Files;

/// A stream that the caller has opened, and what the caller knows of its ends.
pub(crate) struct Copied<T> {
    stream: T,
    connection: Connection,
}

impl<T> Copied<T> {
    pub(crate) const fn new(stream: T, connection: Connection) -> Self {
        Copied { stream, connection }
    }
}

// Streams need not be `Debug`.
impl<T> fmt::Debug for Copied<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copied").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + 'static> Transport for Copied<T> {
    fn connection(&self) -> Connection {
        self.connection
    }

    fn files(&self) -> Option<&Arc<Files>> {
        None
    }

    fn has_unread(&self) -> bool {
        false
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Copied<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Copied<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
