//! A server, from binding to the end of its last connection.

use std::fmt;
use std::future::pending;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::pin::{Pin, pin};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use poorwsgi_core::BoxError;
use poorwsgi_core::clip;
use poorwsgi_core::request::Connection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};
use tower_service::Service;

use crate::LOG;
use crate::access_log::{AccessLog, LogField};
use crate::config::Config;
use crate::exchange::{Introduce, RequestBody};
use crate::listener::{
    Address, DescriptorLimit, INHERITED, Listener, Siblings, Sockets, introduced, raise_descriptor_limit,
};
use crate::metrics::Metrics;
use crate::protocols::Protocols;
use crate::stop::{Level, Stop};
use crate::transport::{Accepted, Copied};

/// How long the server waits for connections that were told to end at once.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long connected clients may send one more request at a stop, at least: as long as a request may be on
/// its way. It is too short to notice after Ctrl-C.
const DRAIN: Duration = Duration::from_millis(200);

/// How long a stop waits for the last handshakes: as long as a packet may be on its way.
const HANDSHAKE: Duration = Duration::from_millis(100);

/// How long connections over the limit wait before idle ones are closed to make room.
const CROWDED: Duration = Duration::from_millis(250);

/// A service with the settings of its server.
///
/// ```
/// use std::convert::Infallible;
/// use http::{Request, Response};
/// use poorwsgi_server::{Config, RequestBody, Server};
///
/// # #[tokio::main] async fn main() -> std::io::Result<()> {
/// let hello = tower::service_fn(async |_request: Request<RequestBody>| {
///     Ok::<_, Infallible>(Response::new("Hello world".to_owned()))
/// });
/// let bound = Server::new(hello).config(Config::new().max_body(1024)).bind("127.0.0.1:0").await?;
/// println!("{}", bound.addresses()[0]);
/// bound.serve_until(std::future::ready(())).await
/// # }
/// ```
#[derive(Clone)]
pub struct Server<S> {
    service: S,
    config: Config,
}

impl<S> Server<S> {
    /// A server with the default settings. The service is cloned for each request.
    #[must_use]
    pub fn new(service: S) -> Self {
        Server { service, config: Config::new() }
    }

    /// Replaces the settings.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Binds `host:port`, where port 0 is one that the system chooses, or `unix:/path/of/socket`; `inherited`
    /// are the sockets that another process has bound and handed over, as systemd does (sd_listen_fds(3)).
    /// [`Bound::also`] binds another address. From here on connections wait in the backlog; they are accepted by [`Bound::serve`].
    ///
    /// # Errors
    ///
    /// Errors of the system: the address is in use, not ours, or not allowed. A path that is no socket, or on
    /// which another server listens, is left alone.
    pub async fn bind(self, address: &str) -> io::Result<Bound<S>> {
        let sockets = Sockets::bind(address, &self.config).await?;
        self.on(sockets, address)
    }

    /// The same without a runtime, for example before a fork. It blocks while a name is looked up.
    ///
    /// # Errors
    ///
    /// As [`bind`](Self::bind).
    pub fn bind_blocking(self, address: &str) -> io::Result<Bound<S>> {
        let sockets = Sockets::bind_blocking(address, &self.config)?;
        self.on(sockets, address)
    }

    /// Serves a connection that the caller has accepted, over any stream: for example TLS, or a pipe in
    /// memory for tests. `connection` names its two ends. The future ends with the connection; after `stop`,
    /// once the current request is answered, or [`Config::stop_timeout`] later.
    ///
    /// ```
    /// use std::convert::Infallible;
    /// use http::{Request, Response};
    /// use poorwsgi_core::request::Connection;
    /// use poorwsgi_server::{RequestBody, Server};
    /// use tokio::io::{AsyncReadExt, AsyncWriteExt};
    ///
    /// # #[tokio::main] async fn main() -> std::io::Result<()> {
    /// let hello = tower::service_fn(async |_request: Request<RequestBody>| {
    ///     Ok::<_, Infallible>(Response::new("Hello world".to_owned()))
    /// });
    /// let (mut client, stream) = tokio::io::duplex(4096);
    /// let server = Server::new(hello);
    /// let never = std::future::pending();
    /// let serving = tokio::spawn(server.serve_connection(stream, Connection::default(), never));
    /// client.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await?;
    /// let mut answer = String::new();
    /// client.read_to_string(&mut answer).await?;
    /// assert!(answer.ends_with("Hello world"));
    /// serving.await?;
    /// # Ok(())
    /// # }
    /// ```
    pub async fn serve_connection<B, T>(
        self,
        stream: T,
        connection: Connection,
        stop: impl Future<Output = ()>,
    ) where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Server { service, config } = self;
        let (config, signal) = (Arc::new(config), StopOnDrop(Arc::new(Stop::new())));
        let protocols = Protocols::new(Arc::clone(&config), Arc::clone(&signal.0));
        let stopped = async {
            stop.await;
            stop_in_time(&signal.0, &config, Duration::ZERO).await;
            signal.0.raise(Level::AtOnce);
            tokio::time::sleep(LAST_WORDS).await;
        };
        tokio::select! {
            biased;
            () = protocols.drive(Copied::new(stream, connection), service, None) => {}
            () = stopped => {}
        }
        tell_left(&signal.0);
    }

    fn on(self, sockets: Sockets, address: &str) -> io::Result<Bound<S>> {
        let siblings = if address == INHERITED { Siblings::inherited() } else { None };
        let addresses = sockets.addresses()?;
        let Server { service, config } = self;
        let open = Arc::default();
        Ok(Bound {
            service,
            config,
            sockets,
            siblings,
            addresses,
            executors: Vec::new(),
            introduce: None,
            open,
        })
    }
}

/// A server that is bound to its addresses, one or more.
pub struct Bound<S> {
    service: S,
    config: Config,
    sockets: Sockets,
    /// Other processes that accept from the sockets.
    siblings: Option<Arc<Siblings>>,
    addresses: Vec<Address>,
    /// Each with the service of its connections; empty for the current runtime.
    executors: Vec<(Arc<dyn Executor>, S)>,
    introduce: Option<Introduce<S>>,
    /// Dropped when the server has closed its handles of the sockets.
    open: Arc<()>,
}

/// Whether a server still has its handle of a socket.
#[derive(Clone, Debug)]
pub struct Listening(Weak<()>);

impl Listening {
    /// Whether the server may still accept connections, including those that were queued when it was stopped.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// Drives connections instead of the runtime of their server. A task is polled within a tokio runtime with
/// timers and sockets.
pub trait Executor: Send + Sync {
    /// The number of its tasks.
    fn tasks(&self) -> usize;

    /// Drives a task to its end.
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send>>);
}

// Services are seldom `Debug`.
impl<S> fmt::Debug for Server<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("config", &self.config).finish_non_exhaustive()
    }
}

impl<S> fmt::Debug for Bound<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bound").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl<S> Bound<S> {
    /// Where it listens; port 0 is replaced by the real one. At least one address, those that were bound first in
    /// front.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// The first IP address and port where it listens; `None` if it does so on Unix sockets alone.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.addresses.iter().find_map(|address| match address {
            Address::Tcp(address) => Some(*address),
            Address::Unix(_) => None,
        })
    }

    /// Binds another address, as [`Server::bind`] does: the server listens there as well.
    ///
    /// ```
    /// # use std::convert::Infallible;
    /// # use http::{Request, Response};
    /// # use poorwsgi_server::{RequestBody, Server};
    /// # #[tokio::main] async fn main() -> std::io::Result<()> {
    /// # let hello = tower::service_fn(async |_request: Request<RequestBody>| {
    /// #     Ok::<_, Infallible>(Response::new("Hello world".to_owned()))
    /// # });
    /// let bound = Server::new(hello).bind("127.0.0.1:0").await?.also("[::1]:0").await?;
    /// assert_eq!(bound.addresses().len(), 2);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub async fn also(self, address: &str) -> io::Result<Self> {
        let sockets = Sockets::bind(address, &self.config).await?;
        self.with(sockets, address)
    }

    /// The same without a runtime. It blocks while a name is looked up.
    ///
    /// # Errors
    ///
    /// As [`Server::bind`].
    pub fn also_blocking(self, address: &str) -> io::Result<Self> {
        let sockets = Sockets::bind_blocking(address, &self.config)?;
        self.with(sockets, address)
    }

    fn with(mut self, sockets: Sockets, address: &str) -> io::Result<Self> {
        if address == INHERITED {
            self.siblings = Siblings::inherited();
        }
        self.sockets.append(sockets);
        self.addresses = self.sockets.addresses()?;
        Ok(self)
    }

    /// The listening sockets.
    pub fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.sockets.descriptors()
    }

    /// Serves another service here, on the current runtime.
    #[must_use]
    pub fn with_service<T>(self, service: T) -> Bound<T> {
        let Bound { config, sockets, siblings, addresses, open, .. } = self;
        Bound { service, config, sockets, siblings, addresses, executors: Vec::new(), introduce: None, open }
    }

    /// Returns a handle that tells whether this server has closed its handles of its sockets.
    #[must_use]
    pub fn listening(&self) -> Listening {
        Listening(Arc::downgrade(&self.open))
    }

    /// Tells the service of a connection about that connection once, instead of by an extension of each
    /// request, which costs two allocations.
    #[must_use]
    pub fn introduce(mut self, introduce: fn(&mut S, Connection)) -> Self {
        self.introduce = Some(introduce);
        self
    }

    /// Writes a line for each request to this log, as [`Config::access_log`] has it written.
    #[must_use]
    pub fn access_log(mut self, log: AccessLog) -> Self {
        self.config = self.config.access_log(log);
        self
    }

    /// Counts what the server does, as [`Config::metrics`] has it counted.
    #[must_use]
    pub fn metrics(mut self, metrics: Metrics) -> Self {
        self.config = self.config.metrics(metrics);
        self
    }

    /// Whether somebody wants to know how the application is called: see [`report_call`](crate::report_call).
    #[must_use]
    pub fn is_observed(&self) -> bool {
        let of_call = |log: &AccessLog| log.fields().has(LogField::Queue) || log.fields().has(LogField::Call);
        self.config.metrics.is_some() || self.config.access_log.as_ref().is_some_and(of_call)
    }

    /// Has executors drive the connections instead of the current runtime: each connection goes to the
    /// executor with the fewest tasks, and uses the service of that executor.
    #[must_use]
    pub fn on_executors(mut self, executors: Vec<(Arc<dyn Executor>, S)>) -> Self {
        self.executors = executors;
        self
    }

    /// Has the system refuse new connections, in every process that has the socket; the processes that serve
    /// still accept the queued ones. It works if this process has bound the socket and this is its only
    /// handle, and cannot be undone. A server does it by itself when it stops; this method is for a process
    /// whose children serve. Returns whether it worked: only on Linux, and only for TCP.
    pub fn refuse(&mut self) -> bool {
        self.sockets.refuse()
    }

    /// Shuts this socket down in every process that has it: new connections are refused from now on, and the
    /// system resets the queued ones. It works under the same conditions as [`refuse`](Self::refuse).
    pub fn shut(&self) {
        self.sockets.shut();
    }

    /// A second server on the same socket, which stays open until both are gone: one may stop before the
    /// other one starts, and connections are queued in between.
    ///
    /// # Errors
    ///
    /// Errors of the system: for example, no file descriptors are left.
    pub fn try_clone(&self) -> io::Result<Self>
    where
        S: Clone,
    {
        let sockets = self.sockets.try_clone()?;
        let Bound { service, config, siblings, addresses, executors, introduce, .. } = self;
        Ok(Bound {
            service: service.clone(),
            config: config.clone(),
            sockets,
            siblings: siblings.clone(),
            addresses: addresses.clone(),
            executors: executors.clone(),
            introduce: *introduce,
            open: Arc::default(),
        })
    }
}

impl<S, B> Bound<S>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    /// Serves until the future is dropped, which cuts all connections off.
    ///
    /// # Errors
    ///
    /// The socket cannot be used on this runtime.
    pub async fn serve(self) -> io::Result<()> {
        self.serve_until(pending()).await
    }

    /// Serves until `stop` ends, and then stops gracefully: queued connections are accepted, and no others. A
    /// request may be on its way on a connection that seems idle, so each connection may send one more
    /// request for 0.2 s, and is closed after the response (RFC 9112, section 9.6). After that, idle
    /// connections are closed, and new ones have a second to begin their request. Running requests finish.
    /// Requests that are not done after [`Config::stop_timeout`] are cut off and named in the log.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_until(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        self.serve_until_drained(async {
            stop.await;
            Duration::ZERO
        })
        .await
    }

    /// The same for a server whose clients find another one at its address: connected clients may send one
    /// more request for as long as `stop` returns, if that is more than 0.2 s.
    ///
    /// # Errors
    ///
    /// As [`serve`](Self::serve).
    pub async fn serve_until_drained(self, stop: impl Future<Output = Duration>) -> io::Result<()> {
        self.serve_between(stop, pending()).await
    }

    /// Serves until SIGTERM or SIGINT (Ctrl-C), and then stops gracefully; a second signal stops at once. The
    /// first line on the standard output says where it listens. It is for a process that only serves: it
    /// raises the limit of file descriptors to what [`Config::max_connections`] needs.
    ///
    /// # Errors
    ///
    /// Signals cannot be watched.
    pub async fn run(self) -> io::Result<()> {
        let (mut first, mut second) = (Signals::watch()?, Signals::watch()?);
        // If the limit cannot be raised, there are fewer connections, and a warning.
        let _ = raise_descriptor_limit(self.config.max_connections);
        // The line need not be read.
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        let _ = writeln!(io::stdout(), "Serving on {}; Ctrl-C stops", addresses.join(" and "));
        let at_once = async {
            second.next().await;
            second.next().await;
        };
        let graceful = async {
            first.next().await;
            Duration::ZERO
        };
        self.serve_between(graceful, at_once).await
    }

    /// Answers one request: accepts one connection, which is closed after its first response. A connection
    /// that is closed without a request counts as well. Returns whether there was a connection before `stop`
    /// ended; an accepted connection is finished.
    ///
    /// # Errors
    ///
    /// The socket cannot be used on this runtime.
    pub async fn serve_one(self, stop: impl Future<Output = ()>) -> io::Result<bool> {
        let Bound { service, config, sockets, introduce, .. } = self;
        let listener = sockets.listen(None)?;
        let (accepted, connection) = tokio::select! {
            accepted = listener.accept(|| ()) => accepted,
            () = stop => return Ok(false),
        };
        let stop = StopOnDrop(Arc::new(Stop::new()));
        let log = config.access_log.clone();
        let config = Arc::new(config);
        let protocols = Protocols::new(Arc::clone(&config), Arc::clone(&stop.0)).of_one_request();
        if let Some(transport) = introduced(accepted, connection, &config, &stop.0).await {
            protocols.drive(transport, service, introduce).await;
        }
        end_log(log).await;
        Ok(true)
    }

    async fn serve_between(
        self,
        graceful: impl Future<Output = Duration>,
        at_once: impl Future<Output = ()>,
    ) -> io::Result<()> {
        let Bound { service, config, sockets, siblings, executors, introduce, open, .. } = self;
        let listener = sockets.listen(siblings.clone())?;
        let mut limit = DescriptorLimit::new(config.max_connections);
        let connections = limit.connections();
        let permits = Arc::new(Semaphore::new(connections as usize));
        let stop = StopOnDrop(Arc::new(Stop::new()));
        let config = Arc::new(config);
        let protocols = Arc::new(Protocols::new(Arc::clone(&config), Arc::clone(&stop.0)));
        let (settings, signal) = (Arc::clone(&config), Arc::clone(&stop.0));
        let begin = move |permit, (accepted, connection): (Accepted, Connection)| {
            let executor = executors.iter().min_by_key(|(executor, _)| executor.tasks());
            let service = executor.map_or(&service, |(_, service)| service).clone();
            let protocols = Arc::clone(&protocols);
            let (config, stop) = (Arc::clone(&settings), Arc::clone(&signal));
            let counted = siblings.as_ref().map(Siblings::count);
            let task = async move {
                if let Some(transport) = introduced(accepted, connection, &config, &stop).await {
                    protocols.drive(transport, service, introduce).await;
                }
                drop((permit, counted));
            };
            match executor {
                Some((executor, _)) => executor.spawn(Box::pin(task)),
                None => drop(tokio::spawn(task)),
            }
        };
        let mut graceful = pin!(graceful);
        let drain = loop {
            let next = async {
                let permit = permit(&permits, &listener, &stop.0, &mut limit).await;
                (permit, listener.accept(|| stop.0.make_room(some_of(connections))).await)
            };
            tokio::select! {
                biased;
                drain = &mut graceful => break drain,
                (permit, accepted) = next => begin(permit, accepted),
            }
        };
        let (backlog, free, log) = (config.backlog, Arc::clone(&permits), config.access_log.clone());
        let mut ended = Box::pin(async move {
            accept_rest(listener, backlog, &free, begin).await;
            drop(open);
            let _ = free.acquire_many(connections).await;
        });
        let in_time = stop_in_time(&stop.0, &config, drain);
        tokio::select! {
            biased;
            () = &mut ended => {
                end_log(log).await;
                return Ok(());
            }
            () = at_once => {}
            () = in_time => {}
        }
        drop(ended);
        stop.0.raise(Level::AtOnce);
        let _ = tokio::time::timeout(LAST_WORDS, permits.acquire_many(connections)).await;
        tell_left(&stop.0);
        end_log(log).await;
        Ok(())
    }
}

/// Stops connections step by step, until the stop timeout.
async fn stop_in_time(stop: &Stop, config: &Config, drain: Duration) {
    stop.raise(Level::Draining);
    tokio::time::sleep(drain.max(DRAIN.min(config.stop_timeout))).await;
    stop.raise(Level::Graceful);
    tokio::time::sleep(config.stop_timeout).await;
}

/// Logs the requests that the stop has cut off.
fn tell_left(stop: &Stop) {
    let left = stop.take_left();
    if !left.is_empty() {
        tracing::warn!(target: LOG, count = left.len(), "cut off at the stop: {}", clip::list(left.join(", ")));
    }
}

/// Waits until the access log is written, for a while.
async fn end_log(log: Option<AccessLog>) {
    if let Some(log) = log {
        let _ = tokio::task::spawn_blocking(move || log.flush(LAST_WORDS)).await;
    }
}

/// Accepts the queued connections, and those whose handshake has begun, and then closes the socket: the
/// system resets the queued connections of a closed socket.
async fn accept_rest(
    listener: Listener,
    backlog: u32,
    permits: &Arc<Semaphore>,
    begin: impl Fn(Permit, (Accepted, Connection)),
) {
    let closing = listener.into_closing();
    let deadline = Instant::now() + HANDSHAKE;
    // As many as can be queued by then, if the system still makes connections.
    let mut late = 0..=backlog;
    loop {
        let permit = Arc::clone(permits).acquire_owned().await;
        let is_late = Instant::now() >= deadline;
        match closing.accept_waiting().await {
            Some(accepted) => begin(permit, accepted),
            None if is_late => return,
            None => tokio::time::sleep(HANDSHAKE / 10).await,
        }
        if is_late && late.next().is_none() {
            return;
        }
    }
}

/// How many idle connections are closed at a time to make room.
fn some_of(connections: u32) -> u32 {
    (connections / 16).max(1)
}

/// The permit of a connection, as long as it lasts. It is never an error, since the semaphore is never
/// closed.
type Permit = Result<OwnedSemaphorePermit, AcquireError>;

/// Waits for the permit for one more connection. If there is none, and connections are queued, a few idle
/// connections are closed, and after a while some more.
async fn permit(
    permits: &Arc<Semaphore>,
    listener: &Listener,
    stop: &Stop,
    limit: &mut DescriptorLimit,
) -> Permit {
    if let Ok(permit) = Arc::clone(permits).try_acquire_owned() {
        stop.make_room(0);
        return Ok(permit);
    }
    let mut free = pin!(Arc::clone(permits).acquire_owned());
    loop {
        tokio::select! {
            biased;
            permit = &mut free => return permit,
            () = listener.left_waiting(CROWDED) => {
                limit.reached();
                stop.make_room(some_of(limit.connections()));
            }
        }
    }
}

/// Connections end with their server.
struct StopOnDrop(Arc<Stop>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.raise(Level::AtOnce);
    }
}

/// The signals that ask a process to end.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn watch() -> io::Result<Self> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// Binds an address and serves there until the process is asked to end: [`Server::bind`] and [`Bound::run`]
/// with the default settings.
///
/// # Errors
///
/// The address cannot be bound, or signals cannot be watched.
pub async fn run<S, B>(service: S, address: &str) -> io::Result<()>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    Server::new(service).bind(address).await?.run().await
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::ready;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_second_signal_does_not_wait_for_anybody() {
        let begun = Arc::new(Notify::new());
        let handler = Arc::clone(&begun);
        let never = tower::service_fn(move |_request: Request<RequestBody>| {
            handler.notify_one();
            pending::<Result<Response<String>, Infallible>>()
        });
        let bound = Server::new(never).bind("127.0.0.1:0").await.unwrap();
        let address = bound.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            {
                let graceful = async {
                    begun.notified().await;
                    Duration::ZERO
                };
                bound.serve_between(graceful, ready(())).await
            }
        });
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.unwrap();
        tokio::time::timeout(Duration::from_secs(10), serving).await.unwrap().unwrap().unwrap();
        assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
    }
}
