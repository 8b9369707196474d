//! The blocks on their way through a pipe, and what both of its ends know of the client.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use bytes::Bytes;
use poorwsgi_core::BoxError;
use tokio::runtime::Handle;

use super::patience::{CutOrder, Limits};
use crate::spool::{BESIDES, MemoryShare, Spool, SpoolFile};

/// High-water mark of the bytes that wait in memory for one client: once they exceed it, no further block is
/// accepted. Where all pipes together exceed the spool's memory budget, the mark is [`BESIDES`].
pub(super) const WINDOW: usize = 128 << 10;

/// The producer of the blocks, as far as the pipe has to know it.
pub trait Maker: Send + Sync + 'static {
    /// What a thread holds while it waits for a client.
    type Aside;

    /// Declares that this thread waits for its client until the result is dropped: other calls may run
    /// meanwhile.
    fn step_aside() -> Self::Aside;

    /// Whether this process was forked from the one that serves, so that no connection reads what it sends.
    fn is_unread() -> bool;

    /// Logs a failure of the call after its client has gone.
    fn unheard(&self, error: &BoxError);
}

/// The limits of waiting for clients that read slowly. Clones share them.
pub struct Patience<M: Maker>(pub(super) Arc<Limits<Pipe<M>>>);

impl<M: Maker> Clone for Patience<M> {
    fn clone(&self) -> Self {
        Patience(Arc::clone(&self.0))
    }
}

impl<M: Maker> Patience<M> {
    /// For a server with this number of threads. At most a quarter of them waits for clients that read
    /// slowly, another quarter queues for a permission to do so, and another quarter waits for request
    /// bodies. So the last quarter is left for calls that wait for no client.
    #[must_use]
    pub fn new(threads: usize, spool: Spool) -> Self {
        Patience(Arc::new(Limits::new(threads, spool)))
    }
}

/// The result of sending a block.
#[derive(Debug)]
pub enum Sent {
    /// The pipe has accepted it.
    Taken,
    /// There is no room for the block now.
    Full(Bytes),
    /// The connection is gone, or accepts no more blocks.
    Gone,
}

/// What the two ends of a pipe share.
pub(super) struct Pipe<M: Maker> {
    pub(super) patience: Patience<M>,
    pub(super) maker: M,
    flow: Mutex<Flow>,
    room: Condvar,
    /// Written to by one thread at a time, which does not hold the lock of `flow` meanwhile.
    pub(super) file: Mutex<Option<SpoolFile>>,
    /// Whether the thread queues for a permission to wait, and whether the client has read something since
    /// then.
    pub(super) stands: AtomicBool,
    pub(super) has_moved: AtomicBool,
}

/// The blocks in a pipe, and its state.
pub(super) struct Flow {
    pub(super) blocks: VecDeque<Bytes>,
    pub(super) waiting: usize,
    /// The share of the blocks in the memory budget.
    memory: MemoryShare,
    /// The bytes after the blocks are in the file, a ring buffer. These two count all bytes read and written,
    /// without wrapping.
    pub(super) read: u64,
    pub(super) written: u64,
    pub(super) file: Option<Arc<File>>,
    /// The client's numbers among those with bytes in a file, and among those that a thread waits for.
    pub(super) place: Option<u64>,
    waited_for: Option<u64>,
    pub(super) end: Option<Result<(), BoxError>>,
    pub(super) is_gone: bool,
    pub(super) reader: Option<Waker>,
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

    /// Whether the client is close enough behind for another block.
    pub(super) const fn has_room(&self) -> bool {
        self.waiting < WINDOW && self.read == self.written
    }

    /// Whether the memory budget has room for the block as well.
    pub(super) fn fits(&mut self, block: &Bytes) -> bool {
        self.waiting < BESIDES || self.memory.grow(block.len() as u64)
    }

    pub(super) fn pop(&mut self) -> Option<Bytes> {
        let block = self.blocks.pop_front()?;
        self.waiting -= block.len();
        self.memory.shrink_to(self.waiting as u64);
        Some(block)
    }

    pub(super) const fn is_over(&self) -> bool {
        self.is_gone || self.end.is_some()
    }
}

impl<M: Maker> Pipe<M> {
    pub(super) fn new(patience: &Patience<M>, maker: M) -> Self {
        Pipe {
            patience: patience.clone(),
            maker,
            flow: Mutex::new(Flow::new(&patience.0.spool)),
            room: Condvar::new(),
            file: Mutex::default(),
            stands: AtomicBool::new(false),
            has_moved: AtomicBool::new(false),
        }
    }

    pub(super) fn flow(&self) -> MutexGuard<'_, Flow> {
        self.flow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The client has read something: it goes to the end of the order in which clients are cut off.
    pub(super) fn moves_on(self: &Arc<Self>, flow: &mut Flow) {
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

    /// Drops the file of a client that has read all of it, or is gone. If a thread is writing to the file
    /// now, that thread drops the file, or leaves bytes in it: the event loop must not wait for a disk.
    pub(super) fn drop_file(&self) {
        let Ok(mut file) = self.file.try_lock() else { return };
        let mut flow = self.flow();
        if flow.read != flow.written {
            return;
        }
        // The next file starts at position 0: a hole at its start would count as well.
        (flow.read, flow.written) = (0, 0);
        let dropped = (file.take(), flow.file.take());
        drop((flow, file));
        // Closing the file frees its disk blocks, which may take a while.
        match Handle::try_current() {
            Ok(runtime) if dropped.0.is_some() => drop(runtime.spawn_blocking(move || drop(dropped))),
            _ => drop(dropped),
        }
    }

    /// Wakes the thread that waits for the client, because the client has read something or is gone.
    pub(super) fn wake(&self) {
        self.room.notify_all();
        if self.stands.load(Ordering::Relaxed) && !self.has_moved.load(Ordering::Relaxed) {
            let turns = self.patience.0.turns();
            self.has_moved.store(true, Ordering::Relaxed);
            drop(turns);
            self.patience.0.freed.notify_all();
        }
    }

    /// Cuts the connection, which logs it, unless the client has read everything. The space of the file is
    /// freed at once.
    pub(super) fn cut(&self) -> Sent {
        let mut flow = self.flow();
        let has_all = flow.blocks.is_empty() && flow.read == flow.written;
        if flow.is_gone || (has_all && flow.end.is_some()) {
            return Sent::Gone;
        }
        // This error replaces the end of the call, because the rest of the content is not sent.
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
            // Its descriptor stays open as long as the connection.
            let _ = file.file().set_len(0);
        }
        Sent::Gone
    }

    /// Waits until there is room, or the connection is gone.
    pub(super) fn wait_for_room(self: &Arc<Self>) -> MutexGuard<'_, Flow> {
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

impl<M: Maker> CutOrder<Pipe<M>> {
    /// Cuts off the client that has read nothing for longest, if that is long enough.
    pub(super) fn cut_first(&self) -> bool {
        let Some(first) = self.take_first() else { return false };
        if let Some(pipe) = first.upgrade() {
            pipe.cut();
        }
        true
    }
}

/// Why a client was cut off.
#[derive(Debug)]
pub(super) struct TooFarBehind;

impl fmt::Display for TooFarBehind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the client is too far behind, and too many threads wait for others (settings max_spool, threads)",
        )
    }
}

impl std::error::Error for TooFarBehind {}
