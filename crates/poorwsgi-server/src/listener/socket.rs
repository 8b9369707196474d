//! Listening sockets.

use std::fmt;
use std::fs;
use std::future::poll_fn;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;

use listenfd::ListenFd;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Group;
use poorwsgi_core::request::Connection;
use rustix::io::Errno;
use socket2::{Domain, Protocol, SockAddr, Type};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::Siblings;
use crate::LOG;
use crate::config::Config;
use crate::transport::Accepted;

/// The address of the sockets that were handed over.
pub(crate) const INHERITED: &str = "inherited";

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Address {
    /// An IP address and a port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Checks the form of an address to listen at: `host:port`, `unix:path` or `inherited`. Whether there is such
    /// a host, and whether the port is free, shows when the address is bound.
    ///
    /// # Errors
    /// [`io::ErrorKind::InvalidInput`], whose text says what is expected.
    pub fn check(address: &str) -> io::Result<()> {
        let wrong = |text: String| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        if let Some(path) = address.strip_prefix("unix:") {
            return match path.is_empty() {
                true => {
                    wrong(format!("{address:?} has no path; expected unix:PATH, such as unix:/run/app.sock"))
                }
                false => Ok(()),
            };
        }
        if address == INHERITED {
            return Ok(());
        }
        let expected = "expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080";
        match address.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                match port.parse::<u16>() {
                    Ok(_) => Ok(()),
                    Err(_) => wrong(format!("{address:?} has no port from 0 to 65535; {expected}")),
                }
            }
            _ => wrong(format!("{address:?} is not an address; {expected}")),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp(address) => write!(f, "http://{address}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A bound socket that belongs to no runtime yet: it may be made before a fork, and shared.
#[derive(Debug)]
enum Socket {
    Tcp(TcpListener, Owner),
    /// With its file, if we have created that.
    Unix(UnixListener, Option<Arc<OwnedPath>>),
}

impl Socket {
    /// The sockets that another process has bound and handed over, by the protocol of systemd
    /// (sd_listen_fds(3)).
    fn inherited() -> io::Result<Vec<Self>> {
        static TAKEN: AtomicBool = AtomicBool::new(false);
        let none = |text| io::Error::new(io::ErrorKind::NotFound, text);
        if TAKEN.swap(true, Ordering::Relaxed) {
            return Err(none(
                "the inherited sockets are in use by another server of this process; one server can have them",
            ));
        }
        let mut sockets = ListenFd::from_env();
        if sockets.len() == 0 {
            return Err(none(
                "no listening socket was handed over (LISTEN_FDS); expected one, as from systemd",
            ));
        }
        let mut taken = Vec::new();
        for number in 0..sockets.len() {
            let socket = match sockets.take_tcp_listener(number) {
                Ok(Some(socket)) => Some(Socket::Tcp(socket, Owner::others())),
                _ => sockets.take_unix_listener(number)?.map(|socket| Socket::Unix(socket, None)),
            };
            taken.extend(socket);
        }
        for socket in &taken {
            rustix::io::ioctl_fionbio(socket, true)?;
        }
        Ok(taken)
    }

    fn bind_first(
        found: impl Iterator<Item = SocketAddr>,
        address: &str,
        config: &Config,
    ) -> io::Result<Self> {
        let mut last = None;
        for address in found {
            match Self::bind_tcp(address, config) {
                Ok(socket) => return Ok(socket),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| {
            io::Error::new(
                io::ErrorKind::NotFound,
                format!("{address}: the host has no address; expected a name or an address of this machine"),
            )
        }))
    }

    fn bind_tcp(address: SocketAddr, config: &Config) -> io::Result<Self> {
        let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(backlog(config))?;
        Ok(Socket::Tcp(socket.into(), Owner::this_process()))
    }

    fn bind_unix(path: &Path, config: &Config) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        let owned = OwnedPath::new(path)?;
        if let Some(group) = &config.unix_group {
            chown(path, None, Some(group_number(group)?))?;
        }
        // before `listen`: no client can connect while the permissions are still those of the umask
        if let Some(mode) = config.unix_mode {
            fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
        }
        socket.listen(backlog(config))?;
        Ok(Socket::Unix(socket.into(), Some(Arc::new(owned))))
    }

    fn address(&self) -> io::Result<Address> {
        match self {
            Socket::Tcp(socket, _) => socket.local_addr().map(Address::Tcp),
            Socket::Unix(socket, _) => {
                let address = socket.local_addr()?;
                Ok(Address::Unix(address.as_pathname().unwrap_or(Path::new("")).to_owned()))
            }
        }
    }

    fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Socket::Tcp(socket, owner) => {
                owner.share();
                Socket::Tcp(socket.try_clone()?, Owner::others())
            }
            Socket::Unix(socket, owned) => Socket::Unix(socket.try_clone()?, owned.clone()),
        })
    }

    /// Registers the socket with the current runtime.
    fn place(self) -> io::Result<Place> {
        // A listener is not a stream, but all that tokio needs is readiness events.
        let readiness = TcpStream::from_std(self.as_fd().try_clone_to_owned()?.into())?;
        if let Socket::Tcp(socket, _) = &self {
            limit_unsent(socket);
        }
        Ok(Place { socket: self, readiness })
    }

    fn refuse(&mut self) -> bool {
        match self {
            Socket::Tcp(socket, owner) => owner.is_this_process() && drop_requests(socket).is_ok(),
            // The last handle removes its file.
            Socket::Unix(_, owned) => {
                *owned = None;
                false
            }
        }
    }

    fn shut(&self) {
        if let Socket::Tcp(socket, owner) = self
            && owner.is_this_process()
        {
            // Otherwise listening ends with the last handle.
            let _ = socket2::SockRef::from(socket).shutdown(Shutdown::Both);
        }
    }

    /// Accepts the next queued connection.
    fn accept(&self) -> io::Result<(Accepted, Connection)> {
        match self {
            Socket::Tcp(listener, _) => {
                let (stream, remote) = listener.accept()?;
                stream.set_nonblocking(true)?;
                // Fails only for a connection that is already gone.
                let _ = stream.set_nodelay(true);
                let local = stream.local_addr().ok();
                let connection = Connection { remote: Some(remote), local, secure: false };
                Ok((Accepted::Tcp(stream), connection))
            }
            Socket::Unix(listener, _) => {
                let (stream, _) = listener.accept()?;
                stream.set_nonblocking(true)?;
                Ok((Accepted::Unix(stream), Connection::default()))
            }
        }
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Socket::Tcp(socket, _) => socket.as_fd(),
            Socket::Unix(socket, _) => socket.as_fd(),
        }
    }
}

/// The sockets of a server: one or more.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Vec<Socket>);

impl Sockets {
    /// Binds `host:port`, where port 0 is one that the system chooses, or `unix:path`; or takes what another process
    /// has bound.
    pub(crate) async fn bind(address: &str, config: &Config) -> io::Result<Self> {
        Address::check(address)?;
        match address.strip_prefix("unix:") {
            Some(path) => Socket::bind_unix(Path::new(path), config).map(Self::one),
            None if address == INHERITED => Socket::inherited().map(Sockets),
            None => {
                Socket::bind_first(tokio::net::lookup_host(address).await?, address, config).map(Self::one)
            }
        }
    }

    /// Like `bind`, but outside a runtime.
    pub(crate) fn bind_blocking(address: &str, config: &Config) -> io::Result<Self> {
        Address::check(address)?;
        match address.strip_prefix("unix:") {
            Some(path) => Socket::bind_unix(Path::new(path), config).map(Self::one),
            None if address == INHERITED => Socket::inherited().map(Sockets),
            None => Socket::bind_first(address.to_socket_addrs()?, address, config).map(Self::one),
        }
    }

    fn one(socket: Socket) -> Self {
        Sockets(vec![socket])
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn addresses(&self) -> io::Result<Vec<Address>> {
        self.0.iter().map(Socket::address).collect()
    }

    pub(crate) fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.0.iter().map(AsFd::as_fd)
    }

    pub(crate) fn try_clone(&self) -> io::Result<Self> {
        self.0.iter().map(Socket::try_clone).collect::<io::Result<_>>().map(Sockets)
    }

    /// Registers the sockets with the current runtime.
    pub(crate) fn listen(self, siblings: Option<Arc<Siblings>>) -> io::Result<Listener> {
        let places = self.0.into_iter().map(Socket::place).collect::<io::Result<_>>()?;
        siblings.iter().for_each(|siblings| siblings.join());
        Ok(Listener { places, next: AtomicUsize::new(0), siblings: siblings.map(Joined) })
    }

    /// Has the system refuse new connections, in all processes, on each socket that this process has bound and of
    /// which it has no other handle. Queued connections can still be accepted. The system resets the connections
    /// that are queued when a socket is closed, and without this call one may arrive between the last accept and
    /// the close. Returns whether it did so on any.
    pub(crate) fn refuse(&mut self) -> bool {
        self.0.iter_mut().map(Socket::refuse).fold(false, |any, refused| any | refused)
    }

    /// Shuts the sockets down in every process that has them: those that this process has bound and of which it has
    /// no other handle.
    pub(crate) fn shut(&self) {
        self.0.iter().for_each(Socket::shut);
    }
}

/// Bound sockets from which connections are accepted, balanced with other processes.
#[derive(Debug)]
pub(crate) struct Listener {
    places: Vec<Place>,
    /// The place whose turn it is: no socket with many connections holds up the others.
    next: AtomicUsize,
    siblings: Option<Joined>,
}

/// A socket that is registered with a runtime.
#[derive(Debug)]
struct Place {
    socket: Socket,
    /// Another handle of the same socket.
    readiness: TcpStream,
}

impl Place {
    /// Whether a connection is queued now: the runtime's readiness may be older than the last accept.
    fn waiting(&self) -> io::Result<()> {
        let mut socket = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut socket, PollTimeout::ZERO)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }
}

impl Listener {
    /// The sockets alone.
    pub(crate) fn into_closing(self) -> ClosingSockets {
        let mut sockets = Sockets(self.places.into_iter().map(|place| place.socket).collect());
        sockets.refuse();
        ClosingSockets(sockets)
    }

    /// Waits until a socket may have a connection.
    async fn ready(&self) -> io::Result<&Place> {
        poll_fn(|cx| {
            let first = self.next.load(Ordering::Relaxed);
            for (number, place) in self.places.iter().enumerate().cycle().skip(first).take(self.places.len())
            {
                if let Poll::Ready(ready) = place.readiness.poll_read_ready(cx) {
                    self.next.store(number + 1, Ordering::Relaxed);
                    return Poll::Ready(ready.map(|()| place));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Accepts the next connection. Temporary errors are retried: without file descriptors, `accept` waits
    /// until a connection ends, and calls `make_room` for that.
    pub(crate) async fn accept(&self, make_room: impl Fn()) -> (Accepted, Connection) {
        let mut pause = Pause::default();
        loop {
            match self.accept_once().await {
                Ok(accepted) => return accepted,
                Err(error) if is_the_peers(&error) => {}
                Err(error) => {
                    if is_for_want_of_descriptors(&error) {
                        make_room();
                    }
                    pause.after(&error).await;
                }
            }
        }
    }

    /// Returns once connections are queued at two checks, this long apart.
    pub(crate) async fn left_waiting(&self, time: Duration) {
        loop {
            if self.ready().await.is_err() {
                return std::future::pending().await;
            }
            tokio::time::sleep(time).await;
            let is_waiting =
                |place: &Place| place.readiness.try_io(Interest::READABLE, || place.waiting()).is_ok();
            if self.places.iter().any(is_waiting) {
                return;
            }
        }
    }

    async fn accept_once(&self) -> io::Result<(Accepted, Connection)> {
        loop {
            let place = self.ready().await?;
            if let Some(Joined(siblings)) = &self.siblings {
                siblings.give_way().await;
            }
            match place.readiness.try_io(Interest::READABLE, || place.socket.accept()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                accepted => return accepted,
            }
        }
    }
}

/// Marks this process as accepting until it is dropped.
#[derive(Debug)]
struct Joined(Arc<Siblings>);

impl Drop for Joined {
    fn drop(&mut self) {
        self.0.leave();
    }
}

/// Sockets of which only the last connections are accepted: they are closed right after the last accept.
pub(crate) struct ClosingSockets(Sockets);

impl ClosingSockets {
    /// The next queued connection; `None` if there are no more, or another process has shut the sockets down.
    pub(crate) async fn accept_waiting(&self) -> Option<(Accepted, Connection)> {
        for socket in &self.0.0 {
            if let Some(accepted) = Self::accept_from(socket).await {
                return Some(accepted);
            }
        }
        None
    }

    async fn accept_from(socket: &Socket) -> Option<(Accepted, Connection)> {
        let mut pause = Pause::default();
        loop {
            match socket.accept() {
                Ok(accepted) => return Some(accepted),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock || is_shut(&error) => return None,
                Err(error) if is_the_peers(&error) => {}
                Err(error) => pause.after(&error).await,
            }
        }
    }
}

/// The pause after an error of accept, longer each time.
#[derive(Default)]
struct Pause(Duration);

impl Pause {
    async fn after(&mut self, error: &io::Error) {
        if self.0.is_zero() {
            tracing::warn!(target: LOG, %error, "connections cannot be accepted for now");
        }
        self.0 = (self.0 * 2).clamp(Duration::from_millis(10), Duration::from_secs(1));
        tokio::time::sleep(self.0).await;
    }
}

/// Whether the error says that the socket does not listen any more (accept(2)).
fn is_shut(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::INVAL.raw_os_error())
}

fn is_for_want_of_descriptors(error: &io::Error) -> bool {
    [Errno::MFILE, Errno::NFILE].iter().any(|known| error.raw_os_error() == Some(known.raw_os_error()))
}

/// Errors of one connection that was gone before it was accepted (accept(2), "Error handling").
fn is_the_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::Interrupted
    )
}

/// How often this process has declared that other processes share its sockets.
static SHARED: AtomicU32 = AtomicU32::new(0);

/// Declares that another process, such as a forked child, has the sockets that this process has bound so far:
/// closing them here does not end them.
pub fn share_sockets() {
    SHARED.fetch_add(1, Ordering::Relaxed);
}

/// Who has a bound socket.
#[derive(Debug)]
pub(crate) struct Owner {
    process: AtomicU32,
    /// The count of such declarations when the socket was bound.
    shared: u32,
}

impl Owner {
    /// The process that has bound it, as long as that process makes no second handle and does not fork.
    fn this_process() -> Self {
        Owner { process: AtomicU32::new(process::id()), shared: SHARED.load(Ordering::Relaxed) }
    }

    /// Shared with another handle or process. No process has the number 0.
    const fn others() -> Self {
        Owner { process: AtomicU32::new(0), shared: 0 }
    }

    fn share(&self) {
        self.process.store(0, Ordering::Relaxed);
    }

    fn is_this_process(&self) -> bool {
        self.process.load(Ordering::Relaxed) == process::id() && self.shared == SHARED.load(Ordering::Relaxed)
    }
}

/// How many unsent bytes a TCP connection accepts from us; without this, only the system limits its buffer,
/// to some megabytes.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// Limits the unsent bytes of a socket's connections (`TCP_NOTSENT_LOWAT`, tcp(7)). A client that reads
/// slowly then costs less kernel memory, and makes progress in smaller steps, which tell it apart from a
/// client that has stopped.
fn limit_unsent(socket: &TcpListener) {
    #[cfg(target_os = "linux")]
    let _ = socket2::SockRef::from(socket).set_tcp_notsent_lowat(UNSENT);
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Drops each packet that asks a socket for a connection (socket(7), `SO_ATTACH_FILTER`); the last packet of
/// a handshake still passes. A client that connects meanwhile retries after a second, and is refused then.
#[cfg(target_os = "linux")]
fn drop_requests(socket: &TcpListener) -> io::Result<()> {
    use socket2::SockFilter;

    // Instructions of the packet filter (bpf(4)); a packet begins with its TCP header.
    const LOAD_BYTE: u16 = 0x30;
    const AND: u16 = 0x54;
    const SKIP_IF_EQUAL: u16 = 0x15;
    const KEEP_BYTES: u16 = 0x06;
    const FLAGS: u32 = 13;
    const SYN: u32 = 0x02;
    const ACK: u32 = 0x10;
    socket2::SockRef::from(socket).attach_filter(&[
        SockFilter::new(LOAD_BYTE, 0, 0, FLAGS),
        SockFilter::new(AND, 0, 0, SYN | ACK),
        SockFilter::new(SKIP_IF_EQUAL, 1, 0, SYN),
        SockFilter::new(KEEP_BYTES, 0, 0, u32::MAX),
        SockFilter::new(KEEP_BYTES, 0, 0, 0),
    ])
}

#[cfg(not(target_os = "linux"))]
fn drop_requests(_: &TcpListener) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

fn backlog(config: &Config) -> i32 {
    i32::try_from(config.backlog).unwrap_or(i32::MAX)
}

/// The number of a group that is named by its name or its number.
fn group_number(group: &str) -> io::Result<u32> {
    if let Ok(number) = group.parse() {
        return Ok(number);
    }
    let found = Group::from_name(group)?.map(|found| found.gid.as_raw());
    found.ok_or_else(|| {
        let text = format!("unix_group: there is no group {group:?}; expected the name or the number of one");
        io::Error::new(io::ErrorKind::InvalidInput, text)
    })
}

/// Removes a stale socket file, on which no process listens. Anything else at this path is left alone.
fn remove_stale(path: &Path) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            format!("{} exists and is not a socket; choose another path, or remove the file", path.display()),
        ));
    }
    let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // Without O_NONBLOCK, connecting would block while the queue of a server is full.
    socket.set_nonblocking(true)?;
    match socket.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
        Ok(()) | Err(_) => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("{}: another server listens there; stop it, or choose another path", path.display()),
        )),
    }
}

/// A socket file that the process which has created it removes with its listener, if it is still the same
/// file.
#[derive(Debug)]
pub(crate) struct OwnedPath {
    process: u32,
    path: PathBuf,
    identity: (u64, u64),
}

impl OwnedPath {
    fn new(path: &Path) -> io::Result<Self> {
        Ok(OwnedPath { process: process::id(), path: path.to_owned(), identity: identity(path)? })
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

impl Drop for OwnedPath {
    fn drop(&mut self) {
        if self.process == process::id() && identity(&self.path).is_ok_and(|found| found == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_is_refused_with_what_is_expected() {
        for address in ["127.0.0.1:8080", "[::1]:0", "::1:80", "localhost:65535", "unix:socket", "inherited"]
        {
            assert!(Address::check(address).is_ok(), "{address}");
        }
        for (address, text) in [
            ("127.0.0.1", "is not an address; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080"),
            (":8080", "is not an address; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080"),
            ("localhost:http", "is not an address; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080"),
            (
                "localhost:",
                "has no port from 0 to 65535; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080",
            ),
            ("[::1]", "is not an address; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080"),
            (
                "a:65536",
                "has no port from 0 to 65535; expected HOST:PORT or unix:PATH, such as 127.0.0.1:8080",
            ),
            ("unix:", "has no path; expected unix:PATH, such as unix:/run/app.sock"),
        ] {
            assert_eq!(Address::check(address).unwrap_err().to_string(), format!("{address:?} {text}"));
        }
    }
}
