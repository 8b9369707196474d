//! Blocks on their way from the thread of a callable to its connection.
//!
//! A callable and its iterable run on one thread from the first to the last, because applications keep things
//! that belong to a thread (`threading.local`, an SQLite cursor). So blocks are pushed here. A client that
//! reads more slowly than they are made, and for which the memory has no room,
//!
//! 1. has its thread wait for it, while no more than a quarter of all threads wait for clients;
//! 2. else is given time by a temporary file, from which it gets the rest, so that the thread can end the
//!    call;
//! 3. where the file is full, has its thread wait after all, while no more than half of the threads do;
//! 4. else waits for a place, with no more than a quarter of the threads, and takes that of the client that
//!    has taken nothing for longest, which is cut off.
//!
//! A thread that waits takes no place among those that make calls.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use poorwsgi_calls::pool::step_aside;
use poorwsgi_core::BoxError;
use poorwsgi_core::response::{Body, FileRange};
use poorwsgi_server::spool::{BESIDES, MemoryShare, Spool, SpoolFile};
use tokio::runtime::Handle;

use super::asked::Asked;
use crate::forked::is_child;

/// Bytes that may wait for the client in memory; the block that passes this mark is the last that is taken.
/// Where all together take more than the spool has for them, it is [`BESIDES`].
const WINDOW: usize = 128 << 10;

/// As much is read from a file at a time.
const READ: u64 = 64 << 10;

/// The part of its spool that the file of one response may take.
const PART: u64 = 32;

/// For how long a client takes nothing before another one may have its place. Between two blocks that a
/// client takes, the system may let a good part of its socket's buffer become empty.
const TURN: Duration = Duration::from_secs(5);

/// For how long a thread stands in the line while its client makes no room in its file, and how often it
/// looks.
const LONGEST_STAND: Duration = Duration::from_secs(15);
const LOOK: Duration = Duration::from_secs(1);

/// What is done for clients that read slowly. Clones share it.
#[derive(Clone)]
pub(crate) struct Patience(Arc<Limits>);

struct Limits {
    turns: Mutex<Turns>,
    /// Told when there is a place, or the line has moved on.
    freed: Condvar,
    /// How many of those stay free for clients whose file is full.
    kept_free: usize,
    /// Clients that are waited for.
    waited_for: Line,
    /// Clients that have something in a file; who takes a block of it goes to the end.
    in_files: Line,
    spool: Spool,
}

/// Who may wait for a client.
struct Turns {
    /// How many more threads.
    free: usize,
    /// Those who have asked for it, and how many may.
    line: VecDeque<u64>,
    longest_line: usize,
    next: u64,
}

impl Turns {
    /// Asks for it; `None` where too many do.
    fn enter(&mut self) -> Option<u64> {
        // Who is just about to get a permission stands in the line as well.
        if self.line.len() >= self.longest_line + self.free {
            return None;
        }
        self.next += 1;
        self.line.push_back(self.next);
        Some(self.next)
    }
}

/// Clients in the order in which they are cut off for others: who has taken nothing for longest comes first.
#[derive(Default)]
struct Line {
    numbers: AtomicU64,
    places: Mutex<BTreeMap<u64, (Instant, Weak<Shared>)>>,
}

impl Line {
    fn places(&self) -> MutexGuard<'_, BTreeMap<u64, (Instant, Weak<Shared>)>> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters at the end; for the number of the place.
    fn enter(&self, pipe: &Arc<Shared>) -> u64 {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        self.places().insert(number, (Instant::now(), Arc::downgrade(pipe)));
        number
    }

    fn leave(&self, number: u64) {
        self.places().remove(&number);
    }

    /// Cuts off the first one, unless it has come a moment ago.
    fn cut_first(&self) -> bool {
        let first = {
            let mut places = self.places();
            let first = places.first_entry().filter(|entry| entry.get().0.elapsed() >= TURN);
            first.map(|entry| entry.remove().1)
        };
        let Some(first) = first else { return false };
        if let Some(pipe) = first.upgrade() {
            Sender(pipe).cut();
        }
        true
    }
}

impl Patience {
    /// For a server with this number of threads. A quarter of them wait for clients that read slowly, and a
    /// quarter for the place of one of those; another quarter waits for bodies. So the last quarter is left
    /// for calls that wait for no client.
    pub(crate) fn new(threads: usize, spool: Spool) -> Self {
        let most = (threads / 4).max(1);
        Patience(Arc::new(Limits {
            turns: Mutex::new(Turns { free: most, line: VecDeque::new(), longest_line: most, next: 0 }),
            freed: Condvar::new(),
            kept_free: most - threads / 8,
            waited_for: Line::default(),
            in_files: Line::default(),
            spool,
        }))
    }

    /// The permission to wait for a client, where more than `kept_free` are left and no other thread stands
    /// in the line.
    fn may_wait(&self, kept_free: usize) -> Option<Permit<'_>> {
        let mut turns = self.turns();
        if turns.free <= kept_free || !turns.line.is_empty() {
            return None;
        }
        turns.free -= 1;
        Some(Permit(self))
    }

    /// A place in the line for the permission to wait; `None` where it is too long.
    fn enter_line(&self) -> Option<InLine<'_>> {
        self.turns().enter().map(|number| InLine { patience: self, number })
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file_bytes(&self) -> u64 {
        self.0.spool.file_bytes() / PART
    }
}

/// The permission to wait for a client, until it is dropped.
struct Permit<'a>(&'a Patience);

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.turns().free += 1;
        self.0.0.freed.notify_all();
    }
}

/// A place in the line, until it is dropped.
struct InLine<'a> {
    patience: &'a Patience,
    number: u64,
}

impl<'a> InLine<'a> {
    /// Waits a moment for the permission: where too many threads wait, for the price of the client that has
    /// taken nothing for longest. Or until this client has moved on.
    fn turn(&self, has_moved: &AtomicBool) -> Option<Permit<'a>> {
        let InLine { patience, number } = *self;
        let is_full = patience.turns().free == 0;
        if is_full {
            patience.0.waited_for.cut_first();
        }
        let must_wait = |turns: &mut Turns| {
            (turns.free == 0 || turns.line.front() != Some(&number)) && !has_moved.load(Ordering::Relaxed)
        };
        let waited = patience.0.freed.wait_timeout_while(patience.turns(), LOOK, must_wait);
        let (mut turns, result) = waited.unwrap_or_else(PoisonError::into_inner);
        if result.timed_out() || turns.free == 0 || turns.line.front() != Some(&number) {
            return None;
        }
        // At once: whoever has a permission takes no room in the line.
        turns.line.pop_front();
        turns.free -= 1;
        Some(Permit(patience))
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.patience.turns().line.retain(|number| *number != self.number);
        self.patience.0.freed.notify_all();
    }
}

/// The end that a thread writes to.
#[derive(Clone)]
pub(super) struct Sender(Arc<Shared>);

/// The end that a connection reads from.
pub(super) struct Receiver {
    shared: Arc<Shared>,
    /// What is being read from the file.
    reading: Option<Body>,
}

struct Shared {
    patience: Patience,
    /// The request, where that is known here.
    asked: Option<Asked>,
    state: Mutex<State>,
    room: Condvar,
    /// Written to by one thread at a time, which does not hold the state meanwhile.
    file: Mutex<Option<SpoolFile>>,
    /// Whether the thread stands in the line, and whether the client has taken something since.
    stands: AtomicBool,
    has_moved: AtomicBool,
}

struct State {
    blocks: VecDeque<Bytes>,
    waiting: usize,
    /// What the blocks take of the memory for all.
    memory: MemoryShare,
    /// What comes behind the blocks: the file is used in a circle, and these count on.
    read: u64,
    written: u64,
    file: Option<Arc<File>>,
    /// Among those who have something in a file, and among those that a thread waits for.
    place: Option<u64>,
    waited_for: Option<u64>,
    end: Option<Result<(), BoxError>>,
    is_gone: bool,
    reader: Option<Waker>,
}

impl State {
    fn new(spool: &Spool) -> Self {
        State {
            blocks: VecDeque::new(),
            waiting: 0,
            memory: MemoryShare::new(spool),
            read: 0,
            written: 0,
            file: None,
            place: None,
            waited_for: None,
            end: None,
            is_gone: false,
            reader: None,
        }
    }

    /// Whether the client is near enough for another block.
    const fn has_room(&self) -> bool {
        self.waiting < WINDOW && self.read == self.written
    }

    /// Whether the memory for all has room for a block as well.
    fn fits(&mut self, block: &Bytes) -> bool {
        self.waiting < BESIDES || self.memory.grow(block.len() as u64)
    }

    fn pop(&mut self) -> Option<Bytes> {
        let block = self.blocks.pop_front()?;
        self.waiting -= block.len();
        self.memory.shrink_to(self.waiting as u64);
        Some(block)
    }

    const fn is_over(&self) -> bool {
        self.is_gone || self.end.is_some()
    }
}

/// What came of a block.
pub(super) enum Sent {
    Taken,
    /// There is no room for it now.
    Full(Bytes),
    /// The connection is gone, or wants no more.
    Gone,
}

pub(super) fn pipe(patience: &Patience, asked: Option<Asked>) -> (Sender, Receiver) {
    let shared = Arc::new(Shared {
        patience: patience.clone(),
        asked,
        state: Mutex::new(State::new(&patience.0.spool)),
        room: Condvar::new(),
        file: Mutex::default(),
        stands: AtomicBool::new(false),
        has_moved: AtomicBool::new(false),
    });
    (Sender(Arc::clone(&shared)), Receiver { shared, reading: None })
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has taken something.
    fn moves_on(self: &Arc<Self>, state: &mut State) {
        let Limits { in_files, waited_for, .. } = &*self.patience.0;
        if let Some(place) = state.place.take() {
            in_files.leave(place);
            state.place = (state.read < state.written).then(|| in_files.enter(self));
        }
        if let Some(place) = state.waited_for.take() {
            waited_for.leave(place);
            state.waited_for = Some(waited_for.enter(self));
        }
    }

    /// Gives up the file of a client that has taken all of it, or is gone. A thread that writes into it now
    /// drops the file itself, or leaves something in it: the thread of the connections must not wait for a
    /// disk.
    fn drop_file(&self) {
        let Ok(mut file) = self.file.try_lock() else { return };
        let mut state = self.state();
        if state.read != state.written {
            return;
        }
        // The next one begins at its beginning: a hole would count as well.
        (state.read, state.written) = (0, 0);
        let dropped = (file.take(), state.file.take());
        drop((state, file));
        // The system frees what it has taken of the disk.
        match Handle::try_current() {
            Ok(runtime) if dropped.0.is_some() => drop(runtime.spawn_blocking(move || drop(dropped))),
            _ => drop(dropped),
        }
    }

    /// Wakes the thread that waits for the client, which has taken something or is gone.
    fn wake(&self) {
        self.room.notify_all();
        if self.stands.load(Ordering::Relaxed) && !self.has_moved.load(Ordering::Relaxed) {
            let turns = self.patience.turns();
            self.has_moved.store(true, Ordering::Relaxed);
            drop(turns);
            self.patience.0.freed.notify_all();
        }
    }

    /// Waits until there is room, or the connection is gone.
    fn wait_for_room(self: &Arc<Self>) -> MutexGuard<'_, State> {
        let _aside = step_aside();
        let waited_for = &self.patience.0.waited_for;
        let mut state = self.state();
        state.waited_for = Some(waited_for.enter(self));
        let has_none = |state: &mut State| !state.is_over() && !state.has_room();
        let mut state = self.room.wait_while(state, has_none).unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = state.waited_for.take() {
            waited_for.leave(place);
        }
        state
    }
}

impl Sender {
    /// Hands a block over where there is room for it.
    pub(super) fn try_send(&self, block: Bytes) -> Sent {
        // A child has the file of its parent, and nobody who reads.
        if is_child() {
            return Sent::Gone;
        }
        let mut state = self.0.state();
        if state.is_over() || (state.has_room() && state.fits(&block)) {
            return self.push(state, block);
        }
        Sent::Full(block)
    }

    /// Hands a block over; waits until there is room for it, or puts it into the file. `false` when the
    /// connection is gone.
    pub(super) fn send(&self, block: Bytes) -> bool {
        let patience = &self.0.patience;
        let mut sent = self.try_send(block);
        if let Sent::Full(block) = sent {
            sent = match patience.may_wait(patience.0.kept_free) {
                Some(_permit) => self.push(self.0.wait_for_room(), block),
                None => self.keep(block),
            };
        }
        if let Sent::Full(block) = sent {
            sent = self.stand_in_line(block);
        }
        matches!(sent, Sent::Taken)
    }

    /// Waits for the permission to wait, or until the client has moved on so far that its file has room
    /// again.
    fn stand_in_line(&self, mut block: Bytes) -> Sent {
        let aside = step_aside();
        let Some(place) = self.0.patience.enter_line() else { return self.cut() };
        let mut deadline = Instant::now() + LONGEST_STAND;
        self.0.stands.store(true, Ordering::Relaxed);
        let sent = loop {
            if let Some(_permit) = place.turn(&self.0.has_moved) {
                drop((place, aside));
                break self.push(self.0.wait_for_room(), block);
            }
            if self.0.has_moved.swap(false, Ordering::Relaxed) {
                deadline = Instant::now() + LONGEST_STAND;
            }
            // It may have taken all that there was, and so much that the file has room again.
            block = match self.try_send(block) {
                Sent::Full(block) => match self.keep(block) {
                    Sent::Full(block) => block,
                    sent => break sent,
                },
                sent => break sent,
            };
            if Instant::now() >= deadline {
                break self.cut();
            }
        };
        self.0.stands.store(false, Ordering::Relaxed);
        sent
    }

    /// Puts a block into the file, where that has room for it.
    pub(super) fn keep(&self, block: Bytes) -> Sent {
        if is_child() {
            return Sent::Gone;
        }
        let patience = &*self.0.patience.0;
        loop {
            match self.write(&block) {
                Ok(true) => return Sent::Taken,
                Ok(false) => return Sent::Full(block),
                Err(_) if self.is_gone() => return Sent::Gone,
                // Nothing is locked here: two may cut each other off.
                Err(error)
                    if error.kind() == io::ErrorKind::QuotaExceeded && patience.in_files.cut_first() => {}
                Err(error) => {
                    tell(&error);
                    return Sent::Full(block);
                }
            }
        }
    }

    /// Writes a block into the file; `false` where the client is too far behind for that.
    fn write(&self, block: &[u8]) -> io::Result<bool> {
        let Limits { in_files, spool, .. } = &*self.0.patience.0;
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let size = self.0.patience.file_bytes();
        let (begin, unread) = {
            let mut state = self.0.state();
            if state.is_over() {
                state.file = None;
                drop(state);
                *file = None;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            (state.written, state.written - state.read)
        };
        let length = block.len() as u64;
        if unread.saturating_add(length) > size {
            return Ok(false);
        }
        let written = written_in_circle(&mut file, spool, block, begin, size)?;
        let mut state = self.0.state();
        if state.is_over() {
            state.file = None;
            drop((state, written));
            *file = None;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        state.written += length;
        state.file = Some(written);
        if state.place.is_none() {
            state.place = Some(in_files.enter(&self.0));
        }
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(true)
    }

    fn push(&self, mut state: MutexGuard<'_, State>, block: Bytes) -> Sent {
        if state.is_over() {
            return Sent::Gone;
        }
        state.waiting += block.len();
        state.blocks.push_back(block);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Sent::Taken
    }

    /// Ends the connection, which tells the log, unless it has taken all that there is. What the file takes
    /// is free at once.
    fn cut(&self) -> Sent {
        let mut state = self.0.state();
        let has_all = state.blocks.is_empty() && state.read == state.written;
        if state.is_gone || (has_all && state.end.is_some()) {
            return Sent::Gone;
        }
        // This replaces the end that the call has come to, because the rest of the content is not sent.
        state.end = Some(Err(Box::new(TooFarBehind)));
        while state.pop().is_some() {}
        state.read = state.written;
        let place = state.place.take();
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        if let Some(place) = place {
            self.0.patience.0.in_files.leave(place);
        }
        self.0.room.notify_all();
        let file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(file) = file {
            // Its descriptor is open as long as the connection is.
            let _ = file.file().set_len(0);
        }
        Sent::Gone
    }

    pub(super) fn is_gone(&self) -> bool {
        self.0.state().is_over()
    }

    /// There is no more: it is complete, or it broke off. The error comes back when the connection is gone.
    pub(super) fn end(&self, end: Result<(), BoxError>) -> Result<(), BoxError> {
        let mut state = self.0.state();
        if state.is_gone {
            return end;
        }
        state.end.get_or_insert(end);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

/// Writes a block into a file of this size, from where the last one ended, and gives the file.
fn written_in_circle(
    file: &mut Option<SpoolFile>,
    spool: &Spool,
    block: &[u8],
    begin: u64,
    size: u64,
) -> io::Result<Arc<File>> {
    let file = match file {
        Some(file) => file,
        None => file.insert(SpoolFile::new(spool)?),
    };
    let position = begin % size.max(1);
    let until_end = usize::try_from(size - position).unwrap_or(usize::MAX).min(block.len());
    let (first, second) = block.split_at_checked(until_end).unwrap_or((block, &[]));
    file.write_at(first, position)?;
    if !second.is_empty() {
        file.write_at(second, 0)?;
    }
    Ok(Arc::clone(file.file()))
}

/// Tells the log of a file that could not be written, now and then: a full disk is met by many. That the
/// spool is full is told with those who are cut off.
fn tell(error: &io::Error) {
    static TOLD: Mutex<Option<Instant>> = Mutex::new(None);
    const AGAIN: Duration = Duration::from_secs(60);
    if error.kind() == io::ErrorKind::QuotaExceeded {
        return;
    }
    let mut told = TOLD.lock().unwrap_or_else(PoisonError::into_inner);
    if told.is_none_or(|told| told.elapsed() >= AGAIN) {
        *told = Some(Instant::now());
        drop(told);
        tracing::warn!(target: "poorwsgi::server", %error, "answers cannot be kept for clients that read slowly");
    }
}

impl Receiver {
    /// The next part of what waits in the file, up to where its circle closes.
    fn next_part(&self, state: &State) -> Option<Body> {
        let size = self.shared.patience.file_bytes();
        let unread = state.written - state.read;
        let file = state.file.as_ref().filter(|_| unread > 0)?;
        let position = state.read % size.max(1);
        let range = position..size.min(position.saturating_add(unread.min(READ)));
        Some(FileRange::new(Arc::clone(file), range).into())
    }
}

impl HttpBody for Receiver {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(part) = &mut self.reading {
                match ready!(Pin::new(part).poll_frame(cx)) {
                    None => self.reading = None,
                    Some(Ok(frame)) => {
                        let read = frame.data_ref().map_or(0, |data| data.len() as u64);
                        let mut state = self.shared.state();
                        state.read = state.read.saturating_add(read).min(state.written);
                        self.shared.moves_on(&mut state);
                        let has_all = state.read == state.written;
                        drop(state);
                        if has_all {
                            self.reading = None;
                            self.shared.drop_file();
                        }
                        self.shared.wake();
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    failed => {
                        // The file of a client that is cut off has been emptied.
                        let end = self.shared.state().end.take();
                        return Poll::Ready(
                            end.and_then(Result::err).map_or(failed, |error| Some(Err(error))),
                        );
                    }
                }
            }
            let shared = Arc::clone(&self.shared);
            let mut state = shared.state();
            if let Some(block) = state.pop() {
                shared.moves_on(&mut state);
                drop(state);
                shared.wake();
                return Poll::Ready(Some(Ok(Frame::data(block))));
            }
            if let Some(part) = self.next_part(&state) {
                self.reading = Some(part);
                continue;
            }
            return match &mut state.end {
                None => {
                    state.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.shared.state();
        state.blocks.is_empty() && state.read == state.written && matches!(state.end, Some(Ok(())))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.is_gone = true;
        while state.pop().is_some() {}
        let unread = state.end.take();
        let place = state.place.take();
        state.read = state.written;
        drop(state);
        if let Some(place) = place {
            self.shared.patience.0.in_files.leave(place);
        }
        self.shared.wake();
        self.reading = None;
        self.shared.drop_file();
        if let Some(Err(error)) = unread
            && !error.is::<TooFarBehind>()
        {
            super::log_failure(self.shared.asked.as_ref(), &error);
        }
    }
}

/// Why a client was cut off.
#[derive(Debug)]
struct TooFarBehind;

impl fmt::Display for TooFarBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the client is too far behind, and too many threads wait for others (settings max_spool, threads)",
        )
    }
}

impl std::error::Error for TooFarBehind {}
