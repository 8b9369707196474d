//! Blocks on their way from the thread of a callable to its connection.
//!
//! A callable and its iterable run on one thread from the first to the last, because applications keep things that
//! belong to a thread (`threading.local`, an SQLite cursor). So blocks are pushed here, and the thread waits while
//! the client is slower than it.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use poorwsgi::BoxError;

/// Bytes that may wait for the client; the block that passes this mark is the last that is taken.
const WINDOW: usize = 128 << 10;

/// The same where the thread cannot wait.
const KEPT: usize = 16 << 20;

/// The end that a thread writes to.
#[derive(Clone)]
pub(super) struct Sender(Arc<Shared>);

/// The end that a connection reads from.
pub(super) struct Receiver(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    room: Condvar,
}

#[derive(Default)]
struct State {
    blocks: VecDeque<Bytes>,
    waiting: usize,
    end: Option<Result<(), BoxError>>,
    is_gone: bool,
    reader: Option<Waker>,
}

/// What came of a block.
pub(super) enum Sent {
    Taken,
    /// There is no room for it now.
    Full(Bytes),
    /// The connection is gone, or wants no more.
    Gone,
}

pub(super) fn pipe() -> (Sender, Receiver) {
    let shared = Arc::new(Shared { state: Mutex::default(), room: Condvar::new() });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sender {
    /// Hands a block over where there is room for it.
    pub(super) fn try_send(&self, block: Bytes) -> Sent {
        self.push(self.0.state(), block, WINDOW)
    }

    /// Hands a block over; waits until there is room for it. `false` when the connection is gone.
    pub(super) fn send(&self, block: Bytes) -> bool {
        let is_full = |state: &mut State| !state.is_gone && state.waiting >= WINDOW;
        let state = self.0.room.wait_while(self.0.state(), is_full).unwrap_or_else(PoisonError::into_inner);
        matches!(self.push(state, block, WINDOW), Sent::Taken)
    }

    /// Hands a block over, even where there would be no room for it as a rule.
    pub(super) fn keep(&self, block: Bytes) -> Sent {
        self.push(self.0.state(), block, KEPT)
    }

    fn push(&self, mut state: MutexGuard<'_, State>, block: Bytes, window: usize) -> Sent {
        if state.is_gone || state.end.is_some() {
            return Sent::Gone;
        }
        if state.waiting >= window {
            return Sent::Full(block);
        }
        state.waiting += block.len();
        state.blocks.push_back(block);
        let reader = state.reader.take();
        drop(state);
        reader.into_iter().for_each(Waker::wake);
        Sent::Taken
    }

    pub(super) fn is_gone(&self) -> bool {
        self.0.state().is_gone
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

impl Body for Receiver {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut state = self.0.state();
        if let Some(block) = state.blocks.pop_front() {
            state.waiting -= block.len();
            drop(state);
            self.0.room.notify_all();
            return Poll::Ready(Some(Ok(Frame::data(block))));
        }
        match &mut state.end {
            None => {
                state.reader = Some(cx.waker().clone());
                Poll::Pending
            }
            Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
        }
    }

    fn is_end_stream(&self) -> bool {
        let state = self.0.state();
        state.blocks.is_empty() && matches!(state.end, Some(Ok(())))
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.is_gone = true;
        let blocks = std::mem::take(&mut state.blocks);
        let unread = state.end.take();
        drop(state);
        drop(blocks);
        self.0.room.notify_all();
        if let Some(Err(error)) = unread {
            super::log_failure(&error);
        }
    }
}
