//! Bodies that are read by calls which block: files, readers, iterators of another language.

use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::{fmt, mem};

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::window::Window;
use crate::error::BoxError;

/// The most bytes that are read at once. Reading this many bytes takes much longer than a hop to another
/// thread (some 40 µs).
pub(super) const BLOCK: usize = 256 * 1024;

/// A body that is produced block by block, by calls that may block their thread.
///
/// A synchronous door calls [`next_block`](Blocks::next_block) itself; an event loop calls it on a thread for
/// blocking work.
pub trait Blocks: Send {
    /// The next block, or `None` at the end.
    ///
    /// # Errors
    /// Any error ends the body, and with it the connection, so that the client sees that something is
    /// missing.
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError>;

    /// How many bytes are still to come, where that is known. The body then fails if it has more or fewer
    /// bytes.
    fn remaining(&self) -> Option<u64> {
        None
    }

    /// Whether the next block can be read faster than a hop to another thread takes. An event loop then calls
    /// [`next_block`](Blocks::next_block) on its own thread.
    fn at_hand(&self) -> bool {
        false
    }
}

/// A body of [`Blocks`], read by an event loop or by calls of [`next_block`](Self::next_block).
pub struct Blocking {
    state: BlockState,
    window: Option<Window>,
}

enum BlockState {
    Resting(Box<dyn Blocks>),
    Reading(JoinHandle<ReadBlock>),
    Done,
}

type ReadBlock = (Box<dyn Blocks>, Result<Option<Bytes>, BoxError>);

impl Blocking {
    pub(super) fn new(blocks: Box<dyn Blocks>) -> Self {
        let window = blocks.remaining().map(Window::exactly);
        Blocking { state: BlockState::Resting(blocks), window }
    }

    /// How many bytes are still to come, where that is known.
    #[must_use]
    pub fn remaining(&self) -> Option<u64> {
        self.window.as_ref().map(Window::left)
    }

    /// Lets only the bytes of `window` through.
    pub(super) fn through(self, window: Window) -> Self {
        Blocking { window: Some(window), ..self }
    }

    /// The next block, read on this thread; `None` at the end. A source with a known length is read until it
    /// returns `None`, even after its last byte, so that it can do its work at the end.
    ///
    /// # Errors
    /// An error of the source, or a source whose length is not the announced one. Also an error where an
    /// event loop is already reading this body.
    pub fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        loop {
            if self.window.as_ref().is_some_and(Window::is_through) {
                self.state = BlockState::Done;
            }
            match mem::replace(&mut self.state, BlockState::Done) {
                BlockState::Resting(mut blocks) => {
                    let read = blocks.next_block();
                    if let Some(result) = self.settle((blocks, read)) {
                        return result.transpose();
                    }
                }
                BlockState::Reading(_) => {
                    return Err("this body is being read by an event loop already".into());
                }
                BlockState::Done => return Ok(None),
            }
        }
    }

    pub(super) fn poll_block(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BoxError>>> {
        loop {
            if self.is_done() {
                self.state = BlockState::Done;
            }
            let outcome = match &mut self.state {
                BlockState::Reading(reading) => match ready!(Pin::new(reading).poll(cx)) {
                    Ok(outcome) => outcome,
                    Err(error) => {
                        self.state = BlockState::Done;
                        return Poll::Ready(Some(Err(error.into())));
                    }
                },
                BlockState::Resting(_) | BlockState::Done => {
                    match mem::replace(&mut self.state, BlockState::Done) {
                        BlockState::Resting(mut blocks) => match Handle::try_current() {
                            Ok(runtime) if !blocks.at_hand() => {
                                self.state = BlockState::Reading(runtime.spawn_blocking(move || {
                                    let read = blocks.next_block();
                                    (blocks, read)
                                }));
                                continue;
                            }
                            _ => {
                                let read = blocks.next_block();
                                (blocks, read)
                            }
                        },
                        _ => return Poll::Ready(None),
                    }
                }
            };
            if let Some(result) = self.settle(outcome) {
                return Poll::Ready(result);
            }
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self.state, BlockState::Done) || self.remaining() == Some(0)
    }

    /// What [`poll_block`](Self::poll_block) returns after a read; `None` where the block is empty, so that
    /// the next one has to be read. The source is kept only if it can be read further.
    #[allow(clippy::option_option)]
    fn settle(&mut self, (blocks, read): ReadBlock) -> Option<Option<Result<Bytes, BoxError>>> {
        self.state = BlockState::Done;
        let result = match (read, &mut self.window) {
            (Ok(Some(block)), Some(window)) => window.cut(block).map_err(BoxError::from),
            (Ok(Some(block)), None) => Ok(block),
            (Ok(None), Some(window)) => return Some(window.end().err().map(|error| Err(error.into()))),
            (Ok(None), None) => return Some(None),
            (Err(error), _) => Err(error),
        };
        match result {
            Ok(block) => {
                self.state = BlockState::Resting(blocks);
                if block.is_empty() { None } else { Some(Some(Ok(block))) }
            }
            Err(error) => Some(Some(Err(error))),
        }
    }
}

impl fmt::Debug for Blocking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocking").field("remaining", &self.remaining()).finish_non_exhaustive()
    }
}

/// The blocks of a reader of unknown length.
pub(super) struct ReaderBlocks<R>(pub(super) R);

impl<R: Read + Send> Blocks for ReaderBlocks<R> {
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        let mut block = vec![0; BLOCK];
        loop {
            match self.0.read(&mut block) {
                Ok(0) => return Ok(None),
                Ok(length) => {
                    block.truncate(length);
                    return Ok(Some(block.into()));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
