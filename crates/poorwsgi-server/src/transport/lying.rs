//! For tests: a transport that does not do what it says.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use poorwsgi_core::request::Connection;
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

use super::Transport;
use super::sendfile::Files;

/// A transport that says that it sends files, and sends the bytes that it is given.
#[derive(Debug)]
pub(crate) struct Lying {
    stream: DuplexStream,
    files: Arc<Files>,
}

impl Lying {
    pub(crate) fn new(stream: DuplexStream) -> Self {
        Lying { stream, files: Arc::new(Files::new()) }
    }
}

impl Transport for Lying {
    fn connection(&self) -> Connection {
        Connection::default()
    }

    fn files(&self) -> Option<&Arc<Files>> {
        Some(&self.files)
    }

    fn has_unread(&self) -> bool {
        false
    }
}

impl AsyncRead for Lying {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Lying {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
