//! Files that leave by `sendfile`: their bytes never come into this process.
//!
//! hyper writes what it is given as bytes in memory. So it is given a stand-in for the bytes of a file,
//! memory that is never read, and the transport, which writes for it, knows the stand-in by its address and
//! sends that many bytes of the file. Which file, and from where on, waits in a queue in the order of the
//! stand-ins. Only a transport that does so says that it sends files, and when all of a response is written,
//! none may be left in the queue ([`Files::have_left`]): a stand-in that went through as bytes would be zeros
//! of the right length.
//!
//! `sendfile` waits for the disk, which would hold up other connections, so only what is in the page cache
//! leaves like this. Elsewhere than on Linux nothing does.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use poorwsgi_core::BoxError;
use poorwsgi_core::response::{Body, BodyKind, FileRange};

/// As much as is sent for one stand-in.
const BLOCK: usize = 1 << 20;

/// The memory of all stand-ins. Nobody reads it, so the system never gives it any.
static STAND_IN: [u8; BLOCK] = [0; BLOCK];

/// Smaller ones are read: that costs less than this.
const WORTHWHILE: u64 = 64 << 10;

/// As much as is read where the disk has to be waited for.
const COLD_BLOCK: u64 = 256 << 10;

/// The parts of files that the stand-ins on their way are for.
#[derive(Debug, Default)]
pub(crate) struct Files(Mutex<VecDeque<FileRange>>);

/// Whether these bytes are those of a stand-in.
pub(crate) fn is_stand_in(bytes: &[u8]) -> bool {
    !bytes.is_empty() && STAND_IN.as_ptr_range().contains(&bytes.as_ptr())
}

impl Files {
    fn queue(&self) -> MutexGuard<'_, VecDeque<FileRange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether no file waits any more that a stand-in was given for.
    pub(crate) fn have_left(&self) -> bool {
        self.queue().is_empty()
    }

    /// Sends up to `most` bytes of the first file.
    pub(crate) fn send(&self, socket: impl AsFd, most: usize) -> io::Result<usize> {
        let mut queue = self.queue();
        let Some(range) = queue.front_mut() else { return Err(io::Error::other("no file for a stand-in")) };
        let most = usize::try_from(range.len()).map_or(most, |left| left.min(most));
        match sendfile(socket, range.file(), range.position(), most)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the file has become shorter")),
            sent => {
                *range = range.part(sent as u64, u64::MAX);
                if range.is_empty() {
                    queue.pop_front();
                }
                Ok(sent)
            }
        }
    }
}

/// A file on its way.
#[derive(Debug)]
pub(crate) struct SentFile {
    rest: FileRange,
    /// A part that is not in the page cache: it is read on a thread that may wait for the disk.
    cold: Option<Body>,
}

impl SentFile {
    pub(crate) fn len(&self) -> u64 {
        self.rest.len().saturating_add(self.cold.as_ref().and_then(Body::length).unwrap_or_default())
    }

    pub(crate) fn poll_frame(
        &mut self,
        files: &Files,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(cold) = &mut self.cold {
                match Pin::new(cold).poll_frame(cx) {
                    Poll::Ready(None) => self.cold = None,
                    other => return other,
                }
            }
            if self.rest.is_empty() {
                return Poll::Ready(None);
            }
            let block = self.rest.part(0, BLOCK as u64);
            if is_in_page_cache(&block) {
                self.rest = self.rest.part(block.len(), u64::MAX);
                let length = usize::try_from(block.len()).unwrap_or(BLOCK);
                let stand_in = STAND_IN.get(..length).unwrap_or(&STAND_IN);
                files.queue().push_back(block);
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(stand_in)))));
            }
            self.cold = Some(Body::blocks(self.rest.part(0, COLD_BLOCK)));
            self.rest = self.rest.part(COLD_BLOCK, u64::MAX);
        }
    }
}

/// Takes a file out of a body, if it is one and large enough.
pub(crate) fn take_file(body: &mut Body) -> Option<SentFile> {
    match body.kind() {
        BodyKind::File(range) if range.len() >= WORTHWHILE => {
            Some(SentFile { rest: range.clone(), cold: None })
        }
        _ => None,
    }
}

/// Whether the disk need not be waited for, as far as the first and the last byte tell.
fn is_in_page_cache(range: &FileRange) -> bool {
    let last = range.position().saturating_add(range.len()).saturating_sub(1);
    [range.position(), last].into_iter().all(|position| is_at_hand(range.file(), position))
}

#[cfg(target_os = "linux")]
fn is_at_hand(file: &File, position: u64) -> bool {
    use rustix::io::{Errno, ReadWriteFlags, preadv2};

    let mut byte = [0];
    loop {
        let mut buffer = [io::IoSliceMut::new(&mut byte)];
        match preadv2(file, &mut buffer, position, ReadWriteFlags::NOWAIT) {
            Err(Errno::INTR) => {}
            // A file system that does not know the flag is one whose disk may have to be waited for.
            read => return matches!(read, Ok(1)),
        }
    }
}

#[cfg(target_os = "linux")]
fn sendfile(socket: impl AsFd, file: &File, mut position: u64, most: usize) -> io::Result<usize> {
    Ok(rustix::fs::sendfile(socket, file, Some(&mut position), most)?)
}

#[cfg(not(target_os = "linux"))]
const fn is_at_hand(_: &File, _: u64) -> bool {
    false
}

#[cfg(not(target_os = "linux"))]
fn sendfile(_: impl AsFd, _: &File, _: u64, _: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}
