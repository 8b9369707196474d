//! Blocks on their way from the thread of a callable to its connection.
//!
//! A callable and its iterable run on one thread from the first to the last, because applications keep things that
//! belong to a thread (`threading.local`, an SQLite cursor). So blocks are pushed here. A client that reads more slowly
//! than they are made
//!
//! 1. has its thread wait for it, while no more than a quarter of all threads wait for clients;
//! 2. else is given time by a temporary file, from which it gets the rest, so that the thread can end the call;
//! 3. where the file is full, has its thread wait after all, while no more than half of the threads do;
//! 4. else is cut off.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use poorwsgi::BoxError;
use poorwsgi::response::{Body, FileRange};
use poorwsgi_server::spool::{Spool, SpoolFile};
use tokio::sync::Semaphore;

/// Bytes that may wait for the client; the block that passes this mark is the last that is taken.
const WINDOW: usize = 128 << 10;

/// The part of its spool that the file of one response may take.
const PART: u64 = 64;

/// What is done for clients that read slowly. Clones share it.
#[derive(Clone)]
pub(crate) struct Patience(Arc<Limits>);

struct Limits {
    /// How many threads may wait for their clients.
    waiting: Semaphore,
    /// How many of those stay free for clients whose file is full.
    kept_free: usize,
    spool: Spool,
}

impl Patience {
    /// That of a server with so many threads.
    pub(crate) fn new(threads: usize, spool: Spool) -> Self {
        let most = (threads / 2).max(1);
        let limits = Limits { waiting: Semaphore::new(most), kept_free: most - threads / 4, spool };
        Patience(Arc::new(limits))
    }

    fn file_bytes(&self) -> u64 {
        self.0.spool.file_bytes() / PART
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
    state: Mutex<State>,
    room: Condvar,
    /// Written to by one thread at a time, which does not hold the state meanwhile.
    file: Mutex<Option<SpoolFile>>,
}

#[derive(Default)]
struct State {
    blocks: VecDeque<Bytes>,
    waiting: usize,
    /// What comes behind the blocks: the file is used in a circle, and these count on.
    read: u64,
    written: u64,
    file: Option<Arc<File>>,
    end: Option<Result<(), BoxError>>,
    is_gone: bool,
    reader: Option<Waker>,
}

impl State {
    const fn has_room(&self) -> bool {
        self.waiting < WINDOW && self.read == self.written
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

pub(super) fn pipe(patience: &Patience) -> (Sender, Receiver) {
    let shared = Arc::new(Shared {
        patience: patience.clone(),
        state: Mutex::default(),
        room: Condvar::new(),
        file: Mutex::default(),
    });
    (Sender(Arc::clone(&shared)), Receiver { shared, reading: None })
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until there is room, or the connection is gone.
    fn wait_for_room(&self) -> MutexGuard<'_, State> {
        let has_none = |state: &mut State| !state.is_over() && !state.has_room();
        self.room.wait_while(self.state(), has_none).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Hands a block over where there is room for it.
    pub(super) fn try_send(&self, block: Bytes) -> Sent {
        self.push(self.0.state(), block)
    }

    /// Hands a block over; waits until there is room for it, or puts it into the file. `false` when the connection is gone.
    pub(super) fn send(&self, block: Bytes) -> bool {
        let Limits { waiting, kept_free, .. } = &*self.0.patience.0;
        let mut sent = self.try_send(block);
        if let Sent::Full(block) = sent {
            let may_wait = waiting.available_permits() > *kept_free;
            sent = match may_wait.then(|| waiting.try_acquire()) {
                Some(Ok(_waits)) => self.push(self.0.wait_for_room(), block),
                _ => self.keep(block),
            };
        }
        if let Sent::Full(block) = sent {
            sent = match waiting.try_acquire() {
                Ok(_waits) => self.push(self.0.wait_for_room(), block),
                Err(_) => self.cut(),
            };
        }
        matches!(sent, Sent::Taken)
    }

    /// Puts a block into the file, where that has room for it.
    pub(super) fn keep(&self, block: Bytes) -> Sent {
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let size = self.0.patience.file_bytes();
        let (begin, unread) = {
            let state = self.0.state();
            if state.is_over() {
                return Sent::Gone;
            }
            (state.written, state.written - state.read)
        };
        let length = block.len() as u64;
        if unread.saturating_add(length) > size {
            return Sent::Full(block);
        }
        // Where the spool or the disk is full, the thread has to wait, or the client is cut off, and the log told.
        let written = written_in_circle(&mut file, &self.0.patience.0.spool, &block, begin, size);
        let Ok(file) = written else { return Sent::Full(block) };
        let mut state = self.0.state();
        state.written += length;
        state.file = Some(file);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Sent::Taken
    }

    fn push(&self, mut state: MutexGuard<'_, State>, block: Bytes) -> Sent {
        if state.is_over() {
            return Sent::Gone;
        }
        if !state.has_room() {
            return Sent::Full(block);
        }
        state.waiting += block.len();
        state.blocks.push_back(block);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Sent::Taken
    }

    /// Ends the connection, which tells the log.
    fn cut(&self) -> Sent {
        let mut state = self.0.state();
        state.blocks.clear();
        state.read = state.written;
        drop(state);
        let _ = self.end(Err(Box::new(TooFarBehind)));
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

impl Receiver {
    /// The next part of what waits in the file, up to where its circle closes.
    fn next_part(&self, state: &State) -> Option<Body> {
        let size = self.shared.patience.file_bytes();
        let unread = state.written - state.read;
        let file = state.file.as_ref().filter(|_| unread > 0)?;
        let position = state.read % size.max(1);
        let range = position..size.min(position.saturating_add(unread));
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
                        drop(state);
                        self.shared.room.notify_all();
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    failed => return Poll::Ready(failed),
                }
            }
            let shared = Arc::clone(&self.shared);
            let mut state = shared.state();
            if let Some(block) = state.blocks.pop_front() {
                state.waiting -= block.len();
                drop(state);
                shared.room.notify_all();
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
        let blocks = std::mem::take(&mut state.blocks);
        let unread = state.end.take();
        drop(state);
        drop(blocks);
        self.shared.room.notify_all();
        if let Some(Err(error)) = unread
            && !error.is::<TooFarBehind>()
        {
            super::log_failure(&error);
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
