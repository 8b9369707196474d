//! The end that a thread writes to.

use std::fs::File;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::{Duration, Instant};

use bytes::Bytes;
use poorwsgi_core::BoxError;

use super::flow::{Flow, Maker, Pipe, Sent};
use super::patience::Limits;
use crate::LOG;
use crate::spool::{Spool, SpoolFile};

/// How long a thread queues for a permission to wait while its client makes no room in its file.
const LONGEST_STAND: Duration = Duration::from_secs(15);

/// The end that a thread writes to.
pub struct Sender<M: Maker>(pub(super) Arc<Pipe<M>>);

impl<M: Maker> Clone for Sender<M> {
    fn clone(&self) -> Self {
        Sender(Arc::clone(&self.0))
    }
}

impl<M: Maker> Sender<M> {
    /// Sends a block if there is room for it.
    pub fn try_send(&self, block: Bytes) -> Sent {
        // A forked child shares the file of its parent, and has no connection that reads.
        if M::is_unread() {
            return Sent::Gone;
        }
        let mut flow = self.0.flow();
        if flow.is_over() || (flow.has_room() && flow.fits(&block)) {
            return self.push(flow, block);
        }
        Sent::Full(block)
    }

    /// Sends a block: waits until there is room for it, or writes it to the file. `false` when the connection
    /// is gone.
    pub fn send(&self, block: Bytes) -> bool {
        let limits = &self.0.patience.0;
        let mut sent = self.try_send(block);
        if let Sent::Full(block) = sent {
            sent = match limits.may_wait(limits.kept_free) {
                Some(_permit) => self.push(self.0.wait_for_room(), block),
                None => self.keep(block),
            };
        }
        if let Sent::Full(block) = sent {
            sent = self.stand_in_line(block);
        }
        matches!(sent, Sent::Taken)
    }

    /// Queues for the permission to wait, or until the client has read so much that its file has room again.
    fn stand_in_line(&self, mut block: Bytes) -> Sent {
        let aside = M::step_aside();
        let limits = &self.0.patience.0;
        let Some(place) = limits.enter_line() else { return self.0.cut() };
        let mut deadline = Instant::now() + LONGEST_STAND;
        self.0.stands.store(true, Ordering::Relaxed);
        let sent = loop {
            if limits.are_reached() {
                limits.waited_for.cut_first();
            }
            if let Some(_permit) = place.turn(&self.0.has_moved) {
                drop((place, aside));
                break self.push(self.0.wait_for_room(), block);
            }
            if self.0.has_moved.swap(false, Ordering::Relaxed) {
                deadline = Instant::now() + LONGEST_STAND;
            }
            // The client may have read everything, or so much that the file has room again.
            block = match self.try_send(block) {
                Sent::Full(block) => match self.keep(block) {
                    Sent::Full(block) => block,
                    sent => break sent,
                },
                sent => break sent,
            };
            if Instant::now() >= deadline {
                break self.0.cut();
            }
        };
        self.0.stands.store(false, Ordering::Relaxed);
        sent
    }

    /// Writes a block to the file, if there is room for it.
    pub fn keep(&self, block: Bytes) -> Sent {
        if M::is_unread() {
            return Sent::Gone;
        }
        let limits = &self.0.patience.0;
        loop {
            match self.write(&block) {
                Ok(true) => return Sent::Taken,
                Ok(false) => return Sent::Full(block),
                Err(_) if self.is_gone() => return Sent::Gone,
                // No lock is held here: two threads may cut each other's clients off.
                Err(error) if error.kind() == io::ErrorKind::QuotaExceeded && limits.in_files.cut_first() => {
                }
                Err(error) => {
                    tell(&error);
                    return Sent::Full(block);
                }
            }
        }
    }

    /// Writes a block to the file; `false` if the client is too far behind for that.
    fn write(&self, block: &[u8]) -> io::Result<bool> {
        let Limits { in_files, spool, .. } = &*self.0.patience.0;
        let mut file = self.0.file.lock().unwrap_or_else(PoisonError::into_inner);
        let size = self.0.patience.0.file_bytes();
        let (begin, unread) = {
            let mut flow = self.0.flow();
            if flow.is_over() {
                flow.file = None;
                drop(flow);
                *file = None;
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            (flow.written, flow.written - flow.read)
        };
        let length = block.len() as u64;
        if unread.saturating_add(length) > size {
            return Ok(false);
        }
        let written = written_in_circle(&mut file, spool, block, begin, size)?;
        let mut flow = self.0.flow();
        if flow.is_over() {
            flow.file = None;
            drop((flow, written));
            *file = None;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        flow.written += length;
        flow.file = Some(written);
        if flow.place.is_none() {
            flow.place = Some(in_files.enter(&self.0));
        }
        let reader = flow.reader.take();
        drop(flow);
        reader.into_iter().for_each(Waker::wake);
        Ok(true)
    }

    fn push(&self, mut flow: MutexGuard<'_, Flow>, block: Bytes) -> Sent {
        if flow.is_over() {
            return Sent::Gone;
        }
        flow.waiting += block.len();
        flow.blocks.push_back(block);
        let reader = flow.reader.take();
        drop(flow);
        reader.into_iter().for_each(Waker::wake);
        Sent::Taken
    }

    /// Whether no further block is accepted: the connection is gone, or the content has ended.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.0.flow().is_over()
    }

    /// Ends the content: it is complete, or it broke off.
    ///
    /// # Errors
    /// The error that it broke off with, if the connection is gone and cannot be told.
    pub fn end(&self, end: Result<(), BoxError>) -> Result<(), BoxError> {
        let mut flow = self.0.flow();
        if flow.is_gone {
            return end;
        }
        flow.end.get_or_insert(end);
        let reader = flow.reader.take();
        drop(flow);
        reader.into_iter().for_each(Waker::wake);
        Ok(())
    }
}

/// Writes a block to a ring buffer of this size, from where the last block ended, and returns the file.
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

/// Logs a failed write, at most once a minute: many threads meet a full disk. A full spool is logged with
/// each client that is cut off.
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
        tracing::warn!(target: LOG, %error, "responses cannot be stored for clients that read slowly");
    }
}
