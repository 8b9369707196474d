//! A connected socket of either kind.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net;
use std::os::unix;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use crate::sendfile::{Files, is_stand_in};

/// A connected socket, which sends files where a stand-in is written to it.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    files: Arc<Files>,
}

/// TCP or Unix.
#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

macro_rules! either {
    ($socket:expr, $stream:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($stream) => $call,
            Socket::Unix($stream) => $call,
        }
    };
}

/// The same, not yet of any runtime.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(net::TcpStream),
    Unix(unix::net::UnixStream),
}

impl Accepted {
    /// The stream on the runtime that is entered now; what it sends in the place of stand-ins is found in
    /// `files`.
    pub(crate) fn register(self, files: Arc<Files>) -> io::Result<Stream> {
        let socket = match self {
            Accepted::Tcp(socket) => Socket::Tcp(TcpStream::from_std(socket)?),
            Accepted::Unix(socket) => Socket::Unix(UnixStream::from_std(socket)?),
        };
        Ok(Stream { socket, files })
    }
}

impl Stream {
    /// Whether more has come than was read. Closing the socket would reset it then.
    pub(crate) fn has_unread(&self) -> bool {
        let mut byte = [MaybeUninit::uninit()];
        either!(&self.socket, socket => SockRef::from(socket).peek(&mut byte)).is_ok_and(|read| read > 0)
    }

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

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.get_mut().socket, socket => Pin::new(socket).poll_read(cx, buf))
    }
}

impl AsyncWrite for Stream {
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
