//! A connection, or a stream of one, that has left HTTP (RFC 9110, section 7.8; RFC 8441), for example for
//! WebSocket.

use std::fmt;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use poorwsgi_core::request::Connection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::LOG;
use crate::connection::ConnectionContext;
use crate::stop::{Level, Stop};

type Speaking = Pin<Box<dyn Future<Output = ()> + Send>>;
type Speaker = Box<dyn FnOnce(Upgraded) -> Speaking + Send>;

/// Who speaks the other protocol after a response with the status 101: an extension of that response.
///
/// A 101 is sent if it has this extension and if the request asks for an upgrade: it is of HTTP/1.1, without
/// content, and has `Upgrade` and `Connection: upgrade`. Any other 101 becomes a 500. A session of a protocol
/// that has another status for this sends that one instead, without `Upgrade` (RFC 8441). The server sends
/// `Connection: upgrade`; the application sends `Upgrade` with the protocol that it has chosen.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response, StatusCode, header};
/// use poorwsgi_server::{RequestBody, Server, Upgrade};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// # #[tokio::main] async fn main() -> std::io::Result<()> {
/// let echo = tower::service_fn(async |_request: Request<RequestBody>| {
///     let upgrade = Upgrade::new(async |mut stream| {
///         let mut bytes = [0; 5];
///         if stream.read_exact(&mut bytes).await.is_ok() {
///             let _ = stream.write_all(&bytes).await;
///         }
///     });
///     let mut response = Response::new(String::new());
///     *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
///     response.headers_mut().insert(header::UPGRADE, "echo".parse().expect("a field value"));
///     response.extensions_mut().insert(upgrade);
///     Ok::<_, Infallible>(response)
/// });
/// let (mut client, stream) = tokio::io::duplex(4096);
/// let never = std::future::pending();
/// tokio::spawn(Server::new(echo).serve_connection(stream, Default::default(), never));
/// let request = "GET / HTTP/1.1\r\nHost: a.example\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\nhello";
/// client.write_all(request.as_bytes()).await?;
/// let mut answer = String::new();
/// client.read_to_string(&mut answer).await?;
/// assert!(answer.starts_with("HTTP/1.1 101 ") && answer.ends_with("\r\n\r\nhello"), "{answer}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Upgrade(Arc<Mutex<Pending>>);

struct Pending {
    speaker: Option<Speaker>,
    /// The request, for logs.
    request: String,
}

impl Upgrade {
    /// Has `speaker` speak the other protocol. Its future is polled where the connection was served, and the
    /// connection ends with the future.
    #[must_use]
    pub fn new<F>(speaker: impl FnOnce(Upgraded) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let speaker: Speaker = Box::new(|stream| Box::pin(speaker(stream)));
        Upgrade(Arc::new(Mutex::new(Pending { speaker: Some(speaker), request: String::new() })))
    }

    /// Names the request, for logs.
    pub(super) fn name(&self, request: String) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).request = request;
    }

    /// Runs the other protocol to its end, or until an immediate stop, which logs the connection as cut off.
    /// `read_ahead` is what was read of the stream after the request.
    pub(crate) async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        read_ahead: Bytes,
        context: &ConnectionContext,
    ) {
        let (speaker, request) = {
            let mut pending = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            (pending.speaker.take(), std::mem::take(&mut pending.request))
        };
        // Taken already if the application has given one upgrade to two responses.
        let Some(speaker) = speaker else { return };
        let (connection, stop) = (context.connection, Arc::clone(&context.stop));
        let stream = Upgraded { stream: Box::new(stream), read_ahead, connection, stop };
        let spoken = async {
            let mut speaking = catch_unwind(AssertUnwindSafe(|| speaker(stream))).ok()?;
            poll_fn(|cx| {
                catch_unwind(AssertUnwindSafe(|| speaking.as_mut().poll(cx)))
                    .map_or(Poll::Ready(None), |poll| poll.map(Some))
            })
            .await
        };
        tokio::select! {
            biased;
            () = context.stop.reached(Level::AtOnce) => {
                context.stop.leave(format!("upgraded {request} from {}", context.peer()));
            }
            spoken = spoken => if spoken.is_none() {
                tracing::error!(target: LOG, peer = %context.peer(), "the application panicked in {request}");
            }
        }
    }
}

impl fmt::Debug for Upgrade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgrade").finish_non_exhaustive()
    }
}

/// A stream without its type.
trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// The stream of an upgraded connection, from the byte after the request on.
///
/// It counts as a connection of the server until it is dropped with the future of its speaker. It is never
/// idle, so it is not closed to make room for others, and the deadlines of HTTP do not apply: its protocol has
/// its own. When the server stops, [`stopping`](Self::stopping) ends, and what is left after
/// [`Config::stop_timeout`](crate::Config::stop_timeout) is cut off and named in the log.
pub struct Upgraded {
    stream: Box<dyn Stream>,
    read_ahead: Bytes,
    connection: Connection,
    stop: Arc<Stop>,
}

impl Upgraded {
    /// The two ends of the connection.
    #[must_use]
    pub const fn connection(&self) -> Connection {
        self.connection
    }

    /// Waits until the server begins to stop: time to say goodbye in the other protocol. The future is
    /// independent of the stream.
    pub fn stopping(&self) -> impl Future<Output = ()> + Send + use<> {
        let stop = Arc::clone(&self.stop);
        async move { stop.reached(Level::Draining).await }
    }
}

impl fmt::Debug for Upgraded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upgraded").field("connection", &self.connection).finish_non_exhaustive()
    }
}

impl AsyncRead for Upgraded {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.read_ahead.is_empty() {
            return Pin::new(&mut this.stream).poll_read(cx, buf);
        }
        let length = this.read_ahead.len().min(buf.remaining());
        buf.put_slice(&this.read_ahead.split_to(length));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
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
