//! Blocks on their way from the thread that makes them to a connection.
//!
//! A call may have to make all its blocks on one thread, because it keeps things that belong to a thread (of
//! Python: a `threading.local`, an SQLite cursor). So blocks are pushed here. A client that reads more slowly
//! than they are made, and for which the memory has no room,
//!
//! 1. has its thread wait for it, while no more than a quarter of all threads wait for clients;
//! 2. else is given time by a temporary file, from which it gets the rest, so that the thread can end the
//!    call;
//! 3. where the file is full, has its thread wait after all, while no more than half of the threads do;
//! 4. else waits for a place, with no more than a quarter of the threads, and takes that of the client that
//!    has taken nothing for longest, which is cut off.
//!
//! A thread that waits takes no place among those that make calls.

mod patience;
mod receiver;
mod sender;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use poorwsgi_core::BoxError;
use tokio::runtime::Handle;

use crate::spool::{BESIDES, MemoryShare, Spool, SpoolFile};
use patience::Limits;
pub use patience::Patience;
pub use receiver::Receiver;
pub use sender::{Sender, Sent};

/// What makes the blocks of a pipe, as far as the pipe has to know it.
pub trait Maker: Send + Sync + 'static {
    /// What a thread holds while it waits for a client.
    type Aside;

    /// Says that this thread waits for its client from now on, until the result is dropped: others may be
    /// called meanwhile.
    fn step_aside() -> Self::Aside;

    /// Whether nobody reads what this process sends, because it was forked from the one that serves.
    fn is_unread() -> bool;

    /// Tells the log of a failure that the client did not stay for.
    fn unheard(&self, error: &BoxError);
}

/// Bytes that may wait for the client in memory; the block that passes this mark is the last that is taken.
/// Where all together take more than the spool has for them, it is [`BESIDES`].
const WINDOW: usize = 128 << 10;

/// The two ends of a pipe for the blocks of one response.
#[must_use]
pub fn pipe<M: Maker>(patience: &Patience<M>, maker: M) -> (Sender<M>, Receiver<M>) {
    let pipe = Arc::new(Pipe {
        patience: patience.clone(),
        maker,
        flow: Mutex::new(Flow::new(&patience.0.spool)),
        room: Condvar::new(),
        file: Mutex::default(),
        stands: AtomicBool::new(false),
        has_moved: AtomicBool::new(false),
    });
    (Sender(Arc::clone(&pipe)), Receiver::new(pipe))
}

struct Pipe<M: Maker> {
    patience: Patience<M>,
    maker: M,
    flow: Mutex<Flow>,
    room: Condvar,
    /// Written to by one thread at a time, which does not hold the flow meanwhile.
    file: Mutex<Option<SpoolFile>>,
    /// Whether the thread stands in the line, and whether the client has taken something since.
    stands: AtomicBool,
    has_moved: AtomicBool,
}

/// What is on its way through a pipe.
struct Flow {
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

impl Flow {
    fn new(spool: &Spool) -> Self {
        Flow {
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

impl<M: Maker> Pipe<M> {
    fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has taken something.
    fn moves_on(self: &Arc<Self>, flow: &mut Flow) {
        let Limits { in_files, waited_for, .. } = &*self.patience.0;
        if let Some(place) = flow.place.take() {
            in_files.leave(place);
            flow.place = (flow.read < flow.written).then(|| in_files.enter(self));
        }
        if let Some(place) = flow.waited_for.take() {
            waited_for.leave(place);
            flow.waited_for = Some(waited_for.enter(self));
        }
    }

    /// Gives up the file of a client that has taken all of it, or is gone. A thread that writes into it now
    /// drops the file itself, or leaves something in it: the thread of the connections must not wait for a
    /// disk.
    fn drop_file(&self) {
        let Ok(mut file) = self.file.try_lock() else { return };
        let mut flow = self.flow();
        if flow.read != flow.written {
            return;
        }
        // The next one begins at its beginning: a hole would count as well.
        (flow.read, flow.written) = (0, 0);
        let dropped = (file.take(), flow.file.take());
        drop((flow, file));
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

    /// Ends the connection, which tells the log, unless it has taken all that there is. What the file takes
    /// is free at once.
    fn cut(&self) -> Sent {
        let mut flow = self.flow();
        let has_all = flow.blocks.is_empty() && flow.read == flow.written;
        if flow.is_gone || (has_all && flow.end.is_some()) {
            return Sent::Gone;
        }
        // This replaces the end that the call has come to, because the rest of the content is not sent.
        flow.end = Some(Err(Box::new(TooFarBehind)));
        while flow.pop().is_some() {}
        flow.read = flow.written;
        let place = flow.place.take();
        let reader = flow.reader.take();
        drop(flow);
        reader.into_iter().for_each(Waker::wake);
        if let Some(place) = place {
            self.patience.0.in_files.leave(place);
        }
        self.room.notify_all();
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(file) = file {
            // Its descriptor is open as long as the connection is.
            let _ = file.file().set_len(0);
        }
        Sent::Gone
    }

    /// Waits until there is room, or the connection is gone.
    fn wait_for_room(self: &Arc<Self>) -> MutexGuard<'_, Flow> {
        let _aside = M::step_aside();
        let waited_for = &self.patience.0.waited_for;
        let mut flow = self.flow();
        flow.waited_for = Some(waited_for.enter(self));
        let has_none = |flow: &mut Flow| !flow.is_over() && !flow.has_room();
        let mut flow = self.room.wait_while(flow, has_none).unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = flow.waited_for.take() {
            waited_for.leave(place);
        }
        flow
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
