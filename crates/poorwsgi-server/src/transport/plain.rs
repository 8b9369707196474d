//! A connected TCP or Unix socket.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net;
use std::os::unix;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use poorwsgi_core::request::Connection;
use rustix::net::{RecvFlags, recv};
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::Transport;
use super::sendfile::{Files, is_stand_in};

/// A connected socket, which sends a file when the file's stand-in is written to it.
#[derive(Debug)]
pub(crate) struct PlainTransport {
    socket: SocketKind,
    connection: Connection,
    files: Arc<Files>,
}

/// TCP or Unix.
#[derive(Debug)]
enum SocketKind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket {
            SocketKind::Tcp($stream) => $call,
            SocketKind::Unix($stream) => $call,
        }
    };
}

/// The same, not registered with a runtime yet.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(net::TcpStream),
    Unix(unix::net::UnixStream),
}

impl Accepted {
    /// Registers the transport with the current runtime.
    pub(crate) fn register(self, connection: Connection) -> io::Result<PlainTransport> {
        let socket = match self {
            Accepted::Tcp(socket) => SocketKind::Tcp(TcpStream::from_std(socket)?),
            Accepted::Unix(socket) => SocketKind::Unix(UnixStream::from_std(socket)?),
        };
        Ok(PlainTransport { socket, connection, files: Arc::new(Files::new()) })
    }
}

impl PlainTransport {
    /// The same transport, whose client has connected through a proxy.
    pub(crate) fn with_connection(mut self, connection: Connection) -> Self {
        self.connection = connection;
        self
    }

    /// Waits for bytes, looks at as many of them as the buffer holds, and takes those that belong to what the caller
    /// reads, as `belonging` counts them; the rest stays in the socket. Returns whether any have come, and not the
    /// end of the connection.
    pub(crate) async fn take_some<E: From<io::Error>>(
        &self,
        buffer: &mut [u8],
        belonging: impl FnOnce(&[u8]) -> Result<usize, E>,
    ) -> Result<bool, E> {
        let arrived = self.receive(buffer, RecvFlags::PEEK).await?;
        let taken = belonging(buffer.get(..arrived).unwrap_or_default())?;
        if taken > 0 {
            self.receive(buffer.get_mut(..taken).unwrap_or_default(), RecvFlags::empty()).await?;
        }
        Ok(arrived > 0)
    }

    async fn receive(&self, buffer: &mut [u8], flags: RecvFlags) -> io::Result<usize> {
        either!(&self.socket, socket => loop {
            socket.readable().await?;
            match socket.try_io(Interest::READABLE, || Ok(recv(socket, &mut *buffer, flags)?)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return Ok(received?.0),
            }
        })
    }
}

impl Transport for PlainTransport {
    fn connection(&self) -> Connection {
        self.connection
    }

    fn files(&self) -> Option<&Arc<Files>> {
        Some(&self.files)
    }

    fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        either!(&self.socket, socket => SockRef::from(socket).peek(&mut byte)).is_ok_and(|read| read > 0)
    }
}

impl PlainTransport {
    fn poll_send_file(&self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        either!(&self.socket, socket => loop {
            ready!(socket.poll_write_ready(cx))?;
            match socket.try_io(Interest::WRITABLE, || self.files.send(socket, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                sent => return Poll::Ready(sent),
            }
        })
    }
}

impl AsyncRead for PlainTransport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.get_mut().socket, socket => Pin::new(socket).poll_read(cx, buf))
    }
}

impl AsyncWrite for PlainTransport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if is_stand_in(buf) {
            return self.poll_send_file(cx, buf.len());
        }
        either!(&mut self.get_mut().socket, socket => Pin::new(socket).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let (before, stand_in) = match bufs.iter().position(|buf| is_stand_in(buf)) {
            Some(at) => (bufs.get(..at).unwrap_or_default(), bufs.get(at)),
            None => (bufs, None),
        };
        match stand_in {
            Some(stand_in) if before.iter().all(|buf| buf.is_empty()) => {
                self.poll_send_file(cx, stand_in.len())
            }
            _ => {
                either!(&mut self.get_mut().socket, socket => Pin::new(socket).poll_write_vectored(cx, before))
            }
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.get_mut().socket, socket => Pin::new(socket).poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.get_mut().socket, socket => Pin::new(socket).poll_shutdown(cx))
    }
}
