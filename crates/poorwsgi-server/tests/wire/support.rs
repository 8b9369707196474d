//! A server with a small application, and a client that says what it sends byte by byte.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use poorwsgi::request::Connection;
use poorwsgi::response::Declined;
use poorwsgi::{Application, BoxError, HttpError};
use poorwsgi_server::{BodyError, Config, RequestBody, Server, Upgrade, Upgraded};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf, duplex};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tower_service::Service;

pub(crate) type AnyBody = UnsyncBoxBody<Bytes, BoxError>;

/// No test should wait longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What tests and handlers tell each other.
#[derive(Debug, Default)]
pub(crate) struct Signals {
    /// A handler of `/wait` has begun.
    pub(crate) begun: Notify,
    /// It may go on.
    pub(crate) go: Notify,
    /// An endless response is gone.
    pub(crate) dropped: Notify,
}

pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) signals: Arc<Signals>,
    pub(crate) stop: oneshot::Sender<()>,
    pub(crate) running: JoinHandle<io::Result<()>>,
    /// Opens a connection in memory, with a buffer of this size, where those of the test are such.
    open: Option<Box<dyn Fn(usize) -> DuplexStream + Send + Sync>>,
}

impl TestServer {
    pub(crate) async fn start(config: Config) -> Self {
        let signals = Arc::default();
        Self::serve(application(&signals), signals, config).await
    }

    /// With an application of the test's own.
    pub(crate) async fn of(app: Application, config: Config) -> Self {
        Self::serve(app, Arc::default(), config).await
    }

    async fn serve<S, B>(service: S, signals: Arc<Signals>, config: Config) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        LazyLock::force(&LOG);
        if crate::IN_MEMORY {
            return Self::serve_in_memory(service, signals, config);
        }
        let (stop, stopped) = oneshot::channel();
        let bound = Server::new(service).config(config).bind("127.0.0.1:0").await.unwrap();
        let address = bound.local_addr().unwrap();
        let running = tokio::spawn(bound.serve_until(async { stopped.await.unwrap_or(()) }));
        TestServer { address, signals, stop, running, open: None }
    }

    fn serve_in_memory<S, B>(service: S, signals: Arc<Signals>, config: Config) -> Self
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
    {
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let remote = Some(SocketAddr::from(([127, 0, 0, 1], 49152)));
        let connection = Connection { remote, local: Some(address), secure: false };
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = watch::channel(false);
        let (alive, mut all_gone) = mpsc::channel::<()>(1);
        let living = alive.downgrade();
        let server = Server::new(service).config(config);
        let open = move |size| {
            let (client, stream) = duplex(size);
            let (server, mut told, alive) = (server.clone(), told.clone(), living.upgrade());
            tokio::spawn(async move {
                let stop = async {
                    let _ = told.wait_for(|stops| *stops).await;
                };
                server.serve_connection(stream, connection, stop).await;
                drop(alive);
            });
            client
        };
        let running = tokio::spawn(async move {
            stopped.await.unwrap_or(());
            let _ = tell.send(true);
            drop(alive);
            let _ = all_gone.recv().await;
            Ok(())
        });
        TestServer { address, signals, stop, running, open: Some(Box::new(open)) }
    }

    async fn stream(&self, buffer: u32) -> Stream {
        match &self.open {
            Some(open) => Stream::Memory(open(buffer as usize)),
            None => {
                let socket = TcpSocket::new_v4().unwrap();
                if buffer < BUFFER {
                    socket.set_recv_buffer_size(buffer).unwrap();
                }
                Stream::Tcp(socket.connect(self.address).await.unwrap())
            }
        }
    }

    /// Waits until a handler has begun.
    pub(crate) async fn begun(&self) {
        tokio::time::timeout(PATIENCE, self.signals.begun.notified()).await.expect("no handler begins");
    }

    pub(crate) async fn connect(&self) -> Client {
        Client { stream: self.stream(BUFFER).await, seen: Vec::new() }
    }

    /// A client that takes little at a time.
    pub(crate) async fn connect_slowly(&self) -> Client {
        Client { stream: self.stream(4096).await, seen: Vec::new() }
    }

    /// Sends all, says that there is no more, and reads to the end.
    pub(crate) async fn ask(&self, request: impl AsRef<[u8]>) -> String {
        let mut client = self.connect().await;
        client.send(request).await;
        client.stream.shutdown().await.unwrap();
        client.rest().await
    }
}

/// The length of what `/wait-long` answers.
pub(crate) const LONG: usize = 500_000;

/// What a connection in memory holds in each direction; a socket holds what the system says.
const BUFFER: u32 = 64 << 10;

/// The client's end of a connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Memory(DuplexStream),
}

impl Stream {
    /// The socket, where it is one.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Stream::Tcp(stream) => Some(stream),
            Stream::Memory(_) => None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Memory(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Memory(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Memory(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Memory(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

pub(crate) struct Client {
    pub(crate) stream: Stream,
    seen: Vec<u8>,
}

impl Client {
    /// The server may have closed already: what it said then tells more than a failed write.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// Reads until this text has come, and gives all since the last time.
    pub(crate) async fn until(&mut self, text: &str) -> String {
        let found = async {
            loop {
                if let Some(at) = find(&self.seen, text.as_bytes()) {
                    let rest = self.seen.split_off(at + text.len());
                    return String::from_utf8_lossy(&std::mem::replace(&mut self.seen, rest)).into_owned();
                }
                let read = self.stream.read_buf(&mut self.seen).await.unwrap();
                assert!(read > 0, "closed before {text:?}: {:?}", String::from_utf8_lossy(&self.seen));
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the server is silent")
    }

    /// Everything up to the end of the connection.
    pub(crate) async fn rest(&mut self) -> String {
        let read = async { while self.stream.read_buf(&mut self.seen).await.is_ok_and(|read| read > 0) {} };
        tokio::time::timeout(PATIENCE, read).await.expect("the server does not close");
        String::from_utf8_lossy(&std::mem::take(&mut self.seen)).into_owned()
    }
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

/// The status codes of the responses in what a client received.
pub(crate) fn statuses(received: &str) -> Vec<u16> {
    received
        .split("HTTP/1.")
        .skip(1)
        .map(|response| response.get(2..5).and_then(|code| code.parse().ok()).unwrap_or(0))
        .collect()
}

fn application(
    signals: &Arc<Signals>,
) -> impl Service<Request<RequestBody>, Response = Response<AnyBody>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync
+ 'static {
    let signals = Arc::clone(signals);
    tower::service_fn(move |request| answer(request, Arc::clone(&signals)))
}

fn text(text: impl Into<Bytes>) -> AnyBody {
    Full::new(text.into()).map_err(|never| match never {}).boxed_unsync()
}

/// Frames that the server cannot know the length of.
fn frames<I>(frames: I) -> AnyBody
where
    I: IntoIterator<Item = Result<&'static str, BoxError>>,
    I::IntoIter: Send + 'static,
{
    let mut frames = frames.into_iter();
    let stream =
        futures_stream(move || frames.next().map(|frame| frame.map(|data| Frame::data(Bytes::from(data)))));
    StreamBody::new(stream).boxed_unsync()
}

fn futures_stream<T>(next: impl FnMut() -> Option<T>) -> impl futures_core::Stream<Item = T> {
    struct Iterated<F>(F);
    impl<T, F: FnMut() -> Option<T>> futures_core::Stream for Iterated<F> {
        type Item = T;
        fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
            // nothing in it is pinned
            Poll::Ready((self.get_mut().0)())
        }
    }
    impl<F> Unpin for Iterated<F> {}
    Iterated(next)
}

/// As the engine does it: the status of the `HttpError` behind a body error.
fn status_of(error: &BodyError) -> StatusCode {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<HttpError>());
    StatusCode::from_u16(source.map_or(500, HttpError::status)).unwrap()
}

/// Says everything again, and goodbye when the server stops.
async fn chat(mut stream: Upgraded) {
    let mut stopping = std::pin::pin!(stream.stopping());
    loop {
        let mut bytes = [0; 64];
        tokio::select! {
            read = stream.read(&mut bytes) => match read.unwrap() {
                0 => return,
                read => stream.write_all(&bytes[..read]).await.unwrap(),
            },
            () = &mut stopping => return stream.write_all(b"goodbye").await.unwrap(),
        }
    }
}

async fn answer(request: Request<RequestBody>, signals: Arc<Signals>) -> Result<Response<AnyBody>, BoxError> {
    let path = request.uri().path().to_owned();
    let response = Response::builder();
    Ok(match path.as_str() {
        "/echo" => match request.into_body().collect().await {
            Ok(body) => {
                let trailers = body.trailers().map(|fields| format!("{fields:?}")).unwrap_or_default();
                response.header("x-trailers", trailers).body(text(body.to_bytes()))?
            }
            Err(error) => response.status(status_of(&error)).body(text(error.to_string()))?,
        },
        "/pipe" => response.body(request.into_body().map_err(BoxError::from).boxed_unsync())?,
        "/fields" => {
            let mut fields: Vec<_> = request.headers().keys().map(http::HeaderName::as_str).collect();
            fields.sort_unstable();
            response.body(text(fields.join(" ")))?
        }
        "/connection" => response.body(text(format!("{:?}", request.extensions().get::<Connection>())))?,
        "/wait" => {
            signals.begun.notify_one();
            signals.go.notified().await;
            response.body(text("waited"))?
        }
        "/wait-long" => {
            signals.begun.notify_one();
            signals.go.notified().await;
            response.body(text("long ".repeat(LONG / 5)))?
        }
        "/polls" => {
            signals.begun.notify_one();
            let mut polls = 0;
            let mut go = std::pin::pin!(signals.go.notified());
            std::future::poll_fn(|cx| {
                polls += 1;
                go.as_mut().poll(cx)
            })
            .await;
            response.body(text(format!("{polls} polls")))?
        }
        "/panic" => panic!("as asked"),
        "/long-error" => return Err(format!("long-error\n{}", "long-error \u{1b}".repeat(9000)).into()),
        "/long-frame" => {
            let error = "long-frame".repeat(9000);
            response.body(frames([Ok("first"), Err(error.into())]))?
        }
        "/error" => return Err("as asked".into()),
        "/dated" => response.header("date", "Sun, 06 Nov 1994 08:49:37 GMT").body(text("long ago"))?,
        "/declined" => response.extension(Declined).body(text("never sent"))?,
        "/no-content" => response.status(204).header("content-length", "5").body(text("never"))?,
        "/reset-content" => response.status(205).header("content-length", "5").body(text("never"))?,
        "/reset-frames" => response.status(205).body(frames([Ok("never"), Ok("ever")]))?,
        "/reset-wrong-length" => response.status(205).header("content-length", "99").body(text("short"))?,
        "/switching" => response.status(101).header("upgrade", "websocket").body(text(""))?,
        "/chat" => {
            let upgrade = Upgrade::new(chat);
            response.status(101).header("upgrade", "chat").extension(upgrade).body(text("never"))?
        }
        "/chat-deaf" => {
            let upgrade = Upgrade::new(async move |_stream| {
                signals.begun.notify_one();
                std::future::pending().await
            });
            response.status(101).header("upgrade", "chat").extension(upgrade).body(text(""))?
        }
        "/chat-panic" => {
            let upgrade = Upgrade::new(async |_stream| panic!("as asked"));
            response.status(101).header("upgrade", "chat").extension(upgrade).body(text(""))?
        }
        "/chat-unnamed" => response.status(101).extension(Upgrade::new(chat)).body(text(""))?,
        "/not-modified" => response.status(304).header("etag", "\"1\"").body(text("never"))?,
        "/wrong-length" => response.header("content-length", "99").body(text("short"))?,
        "/odd-length" => response.header("content-length", "+5").body(text("short"))?,
        "/length-again" => {
            response.header("content-length", "5").header("content-length", " 5").body(text("short"))?
        }
        "/blank-length" => response.header("content-length", " 8").body(frames([Ok("long"), Ok("long")]))?,
        "/two-lengths" => {
            response.header("content-length", "5").header("content-length", "6").body(text("short"))?
        }
        "/early" => response.status(103).body(text(""))?,
        "/short" => response.header("content-length", "99").body(frames([Ok("short")]))?,
        "/long" => response.header("content-length", "5").body(frames([Ok("long"), Ok("long")]))?,
        "/exact" => response.header("content-length", "8").body(frames([Ok("long"), Ok("long")]))?,
        "/frames" => response.body(frames([Ok("one "), Ok(""), Ok("two")]))?,
        "/broken" => response.body(frames([Ok("first"), Err("the file shrank".into())]))?,
        "/broken-late" => {
            let block: &'static str = "x".repeat(64 * 1024).leak();
            let error = std::iter::once_with(|| Err("broken late".into()));
            response.body(frames(std::iter::repeat_n(block, 8).map(Ok).chain(error)))?
        }
        "/endless" => {
            let guard = NotifyOnDrop(signals);
            let block: &'static str = "x".repeat(64 * 1024).leak();
            response.body(frames(std::iter::repeat_with(move || {
                let _held = &guard;
                Ok(block)
            })))?
        }
        "/empty" => response.body(Empty::new().map_err(|never| match never {}).boxed_unsync())?,
        _ if request.method() == Method::HEAD => response.header("content-length", "12").body(text(""))?,
        _ => {
            assert!(request.body().is_end_stream() || request.body().size_hint().lower() > 0 || path == "/");
            response.body(text(format!("{} {path}", request.method())))?
        }
    })
}

struct NotifyOnDrop(Arc<Signals>);

impl Drop for NotifyOnDrop {
    fn drop(&mut self) {
        self.0.dropped.notify_one();
    }
}

/// All that the servers of this process have logged.
pub(crate) static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_ansi(false)
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    log
});

#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Waits for a line that contains this.
    pub(crate) async fn until(&self, text: &str) {
        let told = async {
            while self.lines(text).is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(PATIENCE, told).await.expect("the log does not say so");
    }

    /// The lines that contain this.
    pub(crate) fn lines(&self, text: &str) -> Vec<String> {
        let log = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        log.lines().filter(|line| line.contains(text)).map(str::to_owned).collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
