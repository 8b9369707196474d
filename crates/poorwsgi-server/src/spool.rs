//! Buffers for slow peers: in memory up to a budget, beyond it in temporary files.
//!
//! A request body waits here until all of it has arrived, so that its call begins with the complete body; the
//! content of a response waits here for a client that reads slowly, so that its call can end. Neither takes a
//! thread. [`Spool`] has the budgets that all bodies share, [`Gathering`] collects a request body, and
//! [`SpoolFile`] is a temporary file whose bytes are counted.

use std::collections::BTreeMap;
use std::collections::btree_map::OccupiedEntry;
use std::fmt;
use std::fs::File;
use std::io;
use std::mem;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use poorwsgi_core::request::body_error;
use poorwsgi_core::response::{Blocking, Blocks, Body, FileRange};
use poorwsgi_core::{BoxError, HttpError, state};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};

use crate::LOG;

/// A body of up to this number of bytes stays in memory: 1 MiB and the parts of a form around it. Calls that
/// read their bodies as they arrive are not under the concurrency limit, and many of them raise each other's
/// cost: 64 uploads of 1 MB to Django at a time took 1.6 times the CPU.
pub const IN_MEMORY: u64 = (1 << 20) + (64 << 10);

/// The memory budget of all bodies; beyond it each body goes to its own file.
const MEMORY: u64 = 32 << 20;

/// Each body may keep this many bytes in memory beyond the budget, so that a file is not written byte by
/// byte.
pub const BESIDES: usize = 8 << 10;

/// How long a body in a file has to have received nothing before it may be dropped to make room for others.
const PATIENCE: Duration = Duration::from_secs(1);

/// How often a body without room retries after another one was dropped, and the pause before each retry.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// The budgets of a server. Clones share them.
#[derive(Clone, Debug)]
pub struct Spool(Arc<Budgets>);

#[derive(Debug)]
struct Budgets {
    memory: SpoolBudget,
    files: SpoolBudget,
    /// The bodies that wait in files, the one whose last write is oldest first.
    waiting: Mutex<BTreeMap<u64, Arc<WaitingBody>>>,
    numbers: AtomicU64,
}

/// A body that waits in a file.
#[derive(Debug)]
struct WaitingBody {
    written: Mutex<Instant>,
    /// Whether it has to be dropped, and the task to wake then.
    is_taken: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// A budget of bytes, of which bodies take shares.
#[derive(Debug)]
struct SpoolBudget {
    most: u64,
    used: AtomicU64,
}

impl SpoolBudget {
    const fn new(most: u64) -> Self {
        SpoolBudget { most, used: AtomicU64::new(0) }
    }

    /// Takes a share if the budget has enough left.
    fn take(&self, bytes: u64) -> bool {
        let before = self.used.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.checked_add(bytes).is_some_and(|used| used <= self.most);
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Spool {
    /// A spool whose temporary files hold at most this many bytes together.
    #[must_use]
    pub fn new(file_bytes: u64) -> Self {
        Spool(Arc::new(Budgets {
            memory: SpoolBudget::new(MEMORY),
            files: SpoolBudget::new(file_bytes),
            waiting: Mutex::default(),
            numbers: AtomicU64::new(0),
        }))
    }

    /// How many bytes of bodies are in memory now.
    #[must_use]
    pub fn memory_used(&self) -> u64 {
        self.0.memory.used.load(Ordering::Relaxed)
    }

    /// How many bytes of bodies are in temporary files now.
    #[must_use]
    pub fn files_used(&self) -> u64 {
        self.0.files.used.load(Ordering::Relaxed)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<WaitingBody>>> {
        lock(&self.0.waiting)
    }

    /// Drops the body that has received nothing for longest, if that is at least [`PATIENCE`], so that slow
    /// uploads do not keep the room from faster ones. `false` if there is no such body.
    fn make_room(&self) -> bool {
        let slowest = {
            let mut waiting = self.waiting();
            let slowest =
                waiting.first_entry().filter(|entry| lock(&entry.get().written).elapsed() >= PATIENCE);
            slowest.map(OccupiedEntry::remove)
        };
        let Some(slowest) = slowest else { return false };
        slowest.is_taken.store(true, Ordering::Release);
        lock(&slowest.waker).take().into_iter().for_each(Waker::wake);
        true
    }

    /// How many bytes its temporary files may hold together.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.0.files.most
    }
}

/// A temporary file without a name. Its bytes count among those of its spool until it is dropped.
#[derive(Debug)]
pub struct SpoolFile {
    file: Arc<File>,
    spool: Spool,
    length: u64,
}

impl SpoolFile {
    /// An empty file, where the system keeps temporary files (`TMPDIR`).
    ///
    /// # Errors
    /// Errors of the system, such as that there are no descriptors left.
    pub fn new(spool: &Spool) -> io::Result<Self> {
        Ok(SpoolFile { file: Arc::new(tempfile::tempfile()?), spool: spool.clone(), length: 0 })
    }

    /// Writes bytes at a position up to its end. It may block.
    ///
    /// # Errors
    /// [`io::ErrorKind::QuotaExceeded`] if the spool has no room for the bytes; errors of the system, such as
    /// a full disk.
    pub fn write_at(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        let more = position.saturating_add(bytes.len() as u64).saturating_sub(self.length);
        if !self.spool.0.files.take(more) {
            let limit = self.spool.0.files.most;
            let text = format!("temporary files over the limit of {limit} bytes (setting max_spool)");
            return Err(io::Error::new(io::ErrorKind::QuotaExceeded, text));
        }
        if let Err(error) = self.file.write_all_at(bytes, position) {
            self.spool.0.files.give_back(more);
            return Err(error);
        }
        self.length += more;
        Ok(())
    }

    /// The length of the file in bytes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.length
    }

    /// Whether nothing has been written.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The file itself, to read what has been written.
    #[must_use]
    pub const fn file(&self) -> &Arc<File> {
        &self.file
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.spool.0.files.give_back(self.length);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The place of a body among those that wait in files, until it is dropped.
#[derive(Debug)]
struct Waiting {
    spool: Spool,
    number: u64,
    place: Arc<WaitingBody>,
}

impl Waiting {
    fn new(spool: &Spool) -> Self {
        let (written, is_taken) = (Mutex::new(Instant::now()), AtomicBool::new(false));
        let place = Arc::new(WaitingBody { written, is_taken, waker: Mutex::default() });
        let mut waiting = Waiting { spool: spool.clone(), number: 0, place };
        waiting.enter();
        waiting
    }

    fn enter(&mut self) {
        self.number = self.spool.0.numbers.fetch_add(1, Ordering::Relaxed);
        self.spool.waiting().insert(self.number, Arc::clone(&self.place));
    }

    /// Something has been written: the body goes to the end of the order.
    fn go_on(&mut self) {
        if self.spool.waiting().remove(&self.number).is_some() {
            *lock(&self.place.written) = Instant::now();
            self.enter();
        }
    }

    /// Whether the body has to be dropped; otherwise the task is woken when it has to.
    fn poll_taken(&self, cx: &Context<'_>) -> bool {
        lock(&self.place.waker).replace(cx.waker().clone());
        self.place.is_taken.load(Ordering::Acquire)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.spool.waiting().remove(&self.number);
    }
}

/// Bytes of the memory of a spool, until they are dropped.
#[derive(Debug)]
pub struct MemoryShare {
    spool: Spool,
    bytes: u64,
}

impl MemoryShare {
    /// No bytes yet.
    #[must_use]
    pub fn new(spool: &Spool) -> Self {
        MemoryShare { spool: spool.clone(), bytes: 0 }
    }

    /// Takes more bytes if the spool has enough left.
    #[must_use]
    pub fn grow(&mut self, bytes: u64) -> bool {
        let fits = self.spool.0.memory.take(bytes);
        if fits {
            self.bytes += bytes;
        }
        fits
    }

    /// Gives back all but this number of bytes.
    pub fn shrink_to(&mut self, bytes: u64) {
        let over = self.bytes.saturating_sub(bytes);
        self.bytes -= over;
        self.spool.0.memory.give_back(over);
    }
}

impl Drop for MemoryShare {
    fn drop(&mut self) {
        self.shrink_to(0);
    }
}

/// A request body that is collected as it arrives, on a tokio runtime with timers: in memory up to
/// [`IN_MEMORY`] and the spool's budget, then in a temporary file. While a piece is written to the file,
/// nothing is read from the client (backpressure).
#[derive(Debug)]
pub struct Gathering {
    body: Body,
    memory: MemoryShare,
    pieces: BodyPieces,
    file: Option<SpoolFile>,
    waiting: Option<Waiting>,
    writing: Writing,
    is_whole_or_error: bool,
}

/// The state of the bytes that go to the file.
#[derive(Debug)]
enum Writing {
    Nothing,
    Now(JoinHandle<Written>),
    /// There was no room for them; `tries` counts how often another body was dropped for them.
    Again {
        at: Pin<Box<Sleep>>,
        file: SpoolFile,
        bytes: Bytes,
        tries: u32,
    },
}

#[derive(Debug)]
struct Written {
    file: SpoolFile,
    bytes: Bytes,
    tries: u32,
    result: io::Result<()>,
}

/// A request body that has arrived.
#[derive(Debug)]
pub struct Gathered {
    /// The body.
    pub body: Body,
    /// The body's share of the memory budget, to be kept as long as the body.
    pub held: Held,
}

/// A share of the memory budget, until it is dropped.
#[derive(Debug)]
pub struct Held(#[allow(dead_code, reason = "kept for what its end does")] MemoryShare);

/// The part of a body that is in memory. A body that arrives in one piece is not copied.
#[derive(Debug)]
enum BodyPieces {
    One(Bytes),
    Many(BytesMut),
}

impl BodyPieces {
    fn len(&self) -> usize {
        match self {
            BodyPieces::One(bytes) => bytes.len(),
            BodyPieces::Many(bytes) => bytes.len(),
        }
    }

    /// Of several pieces the first one is copied as well: it may be a small part of a large buffer.
    fn add(&mut self, piece: &[u8]) {
        if let BodyPieces::One(first) = self {
            *self = BodyPieces::Many(BytesMut::from(first.as_ref()));
        }
        if let BodyPieces::Many(all) = self {
            all.extend_from_slice(piece);
        }
    }

    fn take(&mut self) -> Bytes {
        match mem::replace(self, BodyPieces::One(Bytes::new())) {
            BodyPieces::One(bytes) => bytes,
            BodyPieces::Many(bytes) => bytes.freeze(),
        }
    }
}

impl Gathering {
    /// Collects a body within the budgets of a spool.
    #[must_use]
    pub fn new(body: Body, spool: &Spool) -> Self {
        Gathering {
            body,
            memory: MemoryShare::new(spool),
            pieces: BodyPieces::One(Bytes::new()),
            file: None,
            waiting: None,
            writing: Writing::Nothing,
            is_whole_or_error: false,
        }
    }

    /// Like [`new`](Self::new), but for a body that is of no use if it breaks off: then the result is only the error.
    #[must_use]
    pub fn whole(body: Body, spool: &Spool) -> Self {
        Gathering { is_whole_or_error: true, ..Gathering::new(body, spool) }
    }

    /// The complete body, once it has arrived: bytes, or blocks that are read from the file and wait for
    /// nothing but the disk. A body that breaks off ends with its error after the bytes that have arrived; of
    /// [`whole`](Self::whole), the result is the error.
    ///
    /// # Errors
    /// 503 if there is no room for the body in the spool or on the disk, or if it was the slowest of all and
    /// another one needs its room. Of [`whole`](Self::whole) also the error that the body breaks off with.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Gathered, HttpError>> {
        let failure = loop {
            if self.waiting.as_ref().is_some_and(|waiting| waiting.poll_taken(cx)) {
                return Poll::Ready(Err(no_room(&"another request body needed its room")));
            }
            ready!(self.poll_written(cx))?;
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => self.add(frame.into_data().unwrap_or_default())?,
                Some(Err(error)) if self.is_whole_or_error => return Poll::Ready(Err(body_error(error))),
                Some(Err(error)) => break Some(error),
                None => break None,
            }
        };
        let body = self.finish(failure);
        let share =
            MemoryShare { spool: self.memory.spool.clone(), bytes: mem::take(&mut self.memory.bytes) };
        Poll::Ready(Ok(Gathered { body, held: Held(share) }))
    }

    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), HttpError>> {
        loop {
            match &mut self.writing {
                Writing::Nothing => return Poll::Ready(Ok(())),
                Writing::Again { at, .. } => {
                    ready!(at.as_mut().poll(cx));
                    if let Writing::Again { file, bytes, tries, .. } =
                        mem::replace(&mut self.writing, Writing::Nothing)
                    {
                        self.write(file, bytes, tries);
                    }
                }
                Writing::Now(writing) => {
                    let written = ready!(Pin::new(writing).poll(cx));
                    self.writing = Writing::Nothing;
                    self.settle(written.map_err(|error| no_room(&error))?)?;
                }
            }
        }
    }

    fn settle(&mut self, written: Written) -> Result<(), HttpError> {
        let Written { file, bytes, tries, result } = written;
        match result {
            Ok(()) => {
                self.file = Some(file);
                self.memory.shrink_to(0);
                self.waiting.get_or_insert_with(|| Waiting::new(&self.memory.spool)).go_on();
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::QuotaExceeded && tries < TRIES => {
                if !self.memory.spool.make_room() && tries > 0 {
                    return Err(no_room(&error));
                }
                let at = Box::pin(sleep(PAUSE));
                self.writing = Writing::Again { at, file, bytes, tries: tries + 1 };
                Ok(())
            }
            Err(error) => Err(no_room(&error)),
        }
    }

    fn add(&mut self, data: Bytes) -> Result<(), HttpError> {
        let length = data.len() as u64;
        if self.pieces.len() == 0 && self.body.is_end_stream() {
            self.pieces = BodyPieces::One(data);
        } else {
            self.pieces.add(&data);
        }
        let held = self.pieces.len();
        let fits = self.memory.grow(length) && held as u64 <= IN_MEMORY;
        if fits || held <= BESIDES || self.body.is_end_stream() && self.file.is_none() {
            return Ok(());
        }
        let file = match self.file.take() {
            Some(file) => file,
            None => SpoolFile::new(&self.memory.spool).map_err(|error| no_room(&error))?,
        };
        let bytes = self.pieces.take();
        self.write(file, bytes, 0);
        Ok(())
    }

    /// Writes to the file on a thread that may wait for the disk.
    fn write(&mut self, mut file: SpoolFile, bytes: Bytes, tries: u32) {
        let write = move || {
            let result = file.write_at(&bytes, file.len());
            Written { file, bytes, tries, result }
        };
        self.writing = Writing::Now(Handle::current().spawn_blocking(write));
    }

    fn finish(&mut self, failure: Option<BoxError>) -> Body {
        let rest = self.pieces.take();
        match (self.file.take(), failure) {
            (None, None) => rest.into(),
            (file, failure) => {
                let range = file.as_ref().map(|file| FileRange::new(Arc::clone(file.file()), 0..file.len()));
                Blocking::body(StoredBody { range, rest, failure, _file: file })
            }
        }
    }
}

/// The response to a client whose body cannot be stored.
fn no_room(error: &dyn fmt::Display) -> HttpError {
    tracing::error!(target: LOG, %error, "a request body cannot be stored in a temporary file");
    HttpError::new(state::HTTP_SERVICE_UNAVAILABLE).with_detail("There is no room for the request body now.")
}

/// A body that has arrived: a file, the bytes after it, and the error that it broke off with.
struct StoredBody {
    range: Option<FileRange>,
    rest: Bytes,
    failure: Option<BoxError>,
    /// The bytes of the file count as long as it may be read.
    _file: Option<SpoolFile>,
}

impl Blocks for StoredBody {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        if let Some(range) = &mut self.range {
            match range.next_block()? {
                Some(block) => return Ok(Some(block)),
                None => self.range = None,
            }
        }
        if !self.rest.is_empty() {
            return Ok(Some(mem::take(&mut self.rest)));
        }
        self.failure.take().map_or(Ok(None), Err)
    }

    fn remaining(&self) -> Option<u64> {
        let in_file = self.range.as_ref().map_or(0, FileRange::len);
        self.failure.is_none().then(|| in_file.saturating_add(self.rest.len() as u64))
    }

    /// The reader is a thread that may wait for the disk.
    fn at_hand(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::future::poll_fn;

    use http_body::Frame;
    use http_body_util::{BodyExt, StreamBody};
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    /// A body of these pieces, with an error at its end if there is one.
    fn body(pieces: Vec<Vec<u8>>, error: Option<&'static str>) -> Body {
        let mut items: VecDeque<_> =
            pieces.into_iter().map(|piece| Ok(Frame::data(Bytes::from(piece)))).collect();
        items.extend(error.map(|error| Err(BoxError::from(error))));
        Body::wrap(StreamBody::new(poorwsgi_core::response::iter(items)))
    }

    async fn gather(body: Body, spool: &Spool) -> Result<Gathered, HttpError> {
        let mut gathering = Gathering::new(body, spool);
        poll_fn(|cx| gathering.poll(cx)).await
    }

    /// What a body holds, and the error that it ends with.
    async fn read(mut body: Body) -> (Vec<u8>, Option<String>) {
        let mut all = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap_or_default()),
                Err(error) => return (all, Some(error.to_string())),
            }
        }
        (all, None)
    }

    fn used(spool: &Spool) -> (u64, u64) {
        let Budgets { memory, files, .. } = &*spool.0;
        (memory.used.load(Ordering::Relaxed), files.used.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn a_body_in_one_piece_is_not_copied() {
        let piece = Bytes::from(vec![7; 1000]);
        let whole = Body::wrap(http_body_util::Full::new(piece.clone()));
        let gathered = gather(whole, &Spool::new(0)).await.unwrap();
        assert_eq!(gathered.body.as_bytes().unwrap().as_ptr(), piece.as_ptr());
    }

    #[tokio::test]
    async fn what_a_body_takes_is_given_back_when_it_is_gone() {
        let spool = Spool::new(1 << 30);
        let small = gather(body(vec![vec![1; 500], vec![2; 500]], None), &spool).await.unwrap();
        let large = gather(body(vec![vec![3; 50_000]; 40], None), &spool).await.unwrap();
        assert_eq!(small.body.length(), Some(1000));
        assert_eq!(large.body.length(), Some(2_000_000));
        let (memory, files) = used(&spool);
        assert!((1000..=1000 + IN_MEMORY).contains(&memory), "{memory}");
        assert!((2_000_000 - IN_MEMORY..=2_000_000).contains(&files), "{files}");
        let Gathered { body, held } = large;
        assert_eq!(read(body).await, (vec![3; 2_000_000], None));
        drop((small, held));
        assert_eq!(used(&spool), (0, 0));
    }

    #[tokio::test]
    async fn without_memory_bodies_go_to_files_and_without_files_they_are_503() {
        let spool = Spool::new(100_000);
        assert!(spool.0.memory.take(MEMORY));
        let kept = gather(body(vec![vec![1; 20_000]; 4], None), &spool).await.unwrap();
        assert!(used(&spool).1 >= 60_000);
        let refused = gather(body(vec![vec![1; 20_000]; 4], None), &spool).await.unwrap_err();
        assert_eq!(refused.status(), 503);
        // What is small has its place in any case.
        let small = gather(body(vec![vec![1; 1000]; 4], None), &spool).await.unwrap();
        assert_eq!(read(small.body).await.0.len(), 4000);
        drop(kept);
        assert!(gather(body(vec![vec![1; 20_000]; 4], None), &spool).await.is_ok());
        assert_eq!(used(&spool), (MEMORY, 0));
    }

    #[tokio::test]
    async fn a_body_of_which_only_the_whole_counts_is_nothing_when_it_breaks_off() {
        let spool = Spool::new(1 << 30);
        for pieces in [vec![], vec![vec![1; 10]], vec![vec![1; 50_000]; 5]] {
            let mut gathering = Gathering::whole(body(pieces, Some("broken off")), &spool);
            assert_eq!(poll_fn(|cx| gathering.poll(cx)).await.unwrap_err().status(), 400);
            drop(gathering);
            assert_eq!(used(&spool), (0, 0));
        }
        let mut gathering = Gathering::whole(body(vec![vec![1; 10]], None), &spool);
        let gathered = poll_fn(|cx| gathering.poll(cx)).await.unwrap();
        assert_eq!(gathered.body.length(), Some(10));
    }

    #[tokio::test]
    async fn who_sends_nothing_makes_room_for_who_sends_something() {
        let spool = Spool::new(200_000);
        spool.0.memory.take(MEMORY);
        let (mut client, reader) = tokio::io::duplex(1 << 20);
        client.write_all(&[1; 120_000]).await.unwrap();
        let own = spool.clone();
        let slow = tokio::spawn(async move { gather(Body::reader(reader), &own).await.map(drop) });
        while used(&spool).1 < 100_000 {
            sleep(Duration::from_millis(1)).await;
        }
        let another = || body(vec![vec![1; 20_000]; 6], None);
        assert_eq!(gather(another(), &spool).await.unwrap_err().status(), 503, "that was too early");
        sleep(PATIENCE).await;
        assert!(gather(another(), &spool).await.is_ok());
        assert_eq!(slow.await.unwrap().unwrap_err().status(), 503);
        assert_eq!((used(&spool).1, spool.waiting().len()), (0, 0));
    }

    #[test]
    fn a_file_that_is_full_keeps_what_it_has() {
        let spool = Spool::new(10);
        let mut file = SpoolFile::new(&spool).unwrap();
        file.write_at(b"0123456", 0).unwrap();
        let error = file.write_at(b"789a", 7).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::QuotaExceeded);
        assert!(error.to_string().contains("max_spool"));
        // What is written over takes nothing more.
        file.write_at(b"abcdefg", 0).unwrap();
        assert_eq!((file.len(), used(&spool).1), (7, 7));
    }

    proptest! {
        #[test]
        fn what_comes_out_is_what_came_in(
            pieces in proptest::collection::vec((1..40_000_usize, any::<u8>()), 0..20),
            error in proptest::option::of(Just("broken off")),
            has_memory in any::<bool>(),
        ) {
            let pieces: Vec<_> = pieces.into_iter().map(|(length, byte)| vec![byte; length]).collect();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let spool = Spool::new(1 << 30);
            if !has_memory {
                spool.0.memory.take(MEMORY);
            }
            let (all, ended) = runtime.block_on(async {
                let Gathered { body, held } = gather(body(pieces.clone(), error), &spool).await.unwrap();
                let read = read(body).await;
                drop(held);
                read
            });
            prop_assert_eq!(all, pieces.concat());
            prop_assert_eq!(ended.as_deref(), error);
            prop_assert_eq!(used(&spool), (if has_memory { 0 } else { MEMORY }, 0));
        }
    }
}
