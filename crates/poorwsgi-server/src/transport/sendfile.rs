//! Sends files by `sendfile`: their bytes never enter the memory of this process.
//!
//! hyper writes only bytes in memory. So hyper gets a stand-in for the bytes of a file, memory that is never
//! read. The transport, to which hyper writes, recognizes the stand-in by its address and sends that many
//! bytes of the file. A queue holds the files and their positions, in the order of the stand-ins. Only a
//! transport that does so declares that it sends files, and once a response is written completely, the queue
//! must be empty ([`Files::have_left`]): a stand-in that was sent as bytes would be zeros of the right
//! length.
//!
//! `sendfile` waits for the disk, which would block other connections, so it sends only what is in the page
//! cache. It is used only on Linux.

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
use poorwsgi_core::response::{Blocking, Body, BodyKind, FileRange};

/// The bytes that one stand-in stands for at most.
const BLOCK: usize = 1 << 20;

/// The memory of all stand-ins. It is never read, so the system never backs it with pages.
static STAND_IN: [u8; BLOCK] = [0; BLOCK];

/// Smaller files are read, which costs less than `sendfile`.
const WORTHWHILE: u64 = 64 << 10;

/// The bytes that are read at a time if the disk has to be waited for.
const COLD_BLOCK: u64 = 256 << 10;

/// The queue of the file parts whose stand-ins are not sent yet. Only transports can make one: whoever has it
/// says that it replaces stand-ins by their files.
#[derive(Debug)]
pub(crate) struct Files(Mutex<VecDeque<FileRange>>);

/// Whether these bytes are a stand-in.
pub(crate) fn is_stand_in(bytes: &[u8]) -> bool {
    !bytes.is_empty() && STAND_IN.as_ptr_range().contains(&bytes.as_ptr())
}

impl Files {
    pub(super) const fn new() -> Self {
        Files(Mutex::new(VecDeque::new()))
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<FileRange>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether every stand-in has been replaced by its file.
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

/// A file that is being sent.
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
            self.cold = Some(Blocking::body(self.rest.part(0, COLD_BLOCK)));
            self.rest = self.rest.part(COLD_BLOCK, u64::MAX);
        }
    }
}

/// Takes the file out of a body, if the body is a file and large enough.
pub(crate) fn take_file(body: &mut Body) -> Option<SentFile> {
    match BodyKind::of(body) {
        BodyKind::File(range) if range.len() >= WORTHWHILE => {
            Some(SentFile { rest: range.clone(), cold: None })
        }
        _ => None,
    }
}

/// Whether the part is in the page cache, judged by its first and last byte.
pub(crate) fn is_in_page_cache(range: &FileRange) -> bool {
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
            // On a file system that does not know the flag, reading may have to wait for the disk.
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
