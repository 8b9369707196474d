//! Files as bodies: an opened file, what is known about it, and a part of it that is sent in large blocks.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::blocks::{BLOCK, Blocks};
use super::conditional::EntityTag;
use super::window::Window;
use crate::error::BoxError;

/// A range with at most this many bytes left is read on the calling thread: from the page cache, that is
/// faster than a hop to another thread.
const READ_ON_THE_SPOT: u64 = 64 * 1024;

/// A part of an open file: the bytes `position..end`. Each read gives its own offset, so that several parts
/// of one file can be read independently.
#[derive(Clone)]
pub struct FileRange {
    file: Arc<File>,
    position: u64,
    end: u64,
    held: Option<Arc<dyn Send + Sync>>,
}

// Not derived, because the held value need not be `Debug`.
impl fmt::Debug for FileRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FileRange { file, position, end, held: _ } = self;
        f.debug_struct("FileRange")
            .field("file", file)
            .field("range", &(position..end))
            .finish_non_exhaustive()
    }
}

impl FileRange {
    /// The bytes `range` of a file. An end before the start is an empty range.
    #[must_use]
    pub fn new(file: impl Into<Arc<File>>, range: Range<u64>) -> Self {
        FileRange { file: file.into(), position: range.start, end: range.end.max(range.start), held: None }
    }

    /// Ties a value to this range. The value is dropped with the range and the last part taken from it, that
    /// is when they have been sent or are given up.
    #[must_use]
    pub fn holding(self, value: impl Send + Sync + 'static) -> Self {
        FileRange { held: Some(Arc::new(value)), ..self }
    }

    /// How many bytes are still to be read.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.end - self.position
    }

    /// Whether nothing is left to be read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &Arc<File> {
        &self.file
    }

    /// The offset in the file of the next byte to read.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The `length` bytes that begin `start` bytes after the current position, as far as this range has them.
    #[must_use]
    pub fn part(&self, start: u64, length: u64) -> Self {
        let position = self.position.saturating_add(start).min(self.end);
        let end = position.saturating_add(length).min(self.end);
        FileRange { file: Arc::clone(&self.file), position, end, held: self.held.clone() }
    }

    pub(super) fn through(&self, window: &Window) -> Self {
        self.part(window.start(), window.left())
    }
}

impl Blocks for FileRange {
    /// The next block, of up to 256 KiB. A file that has become shorter than the range is an error.
    fn next_block(&mut self) -> Result<Option<Bytes>, BoxError> {
        if self.is_empty() {
            return Ok(None);
        }
        let length = usize::try_from(self.len()).map_or(BLOCK, |left| left.min(BLOCK));
        let mut block = vec![0; length];
        read_exact_at(&self.file, &mut block, self.position)?;
        self.position += length as u64;
        Ok(Some(block.into()))
    }

    fn remaining(&self) -> Option<u64> {
        Some(self.len())
    }

    fn at_hand(&self) -> bool {
        self.len() <= READ_ON_THE_SPOT
    }
}

#[cfg(unix)]
fn read_exact_at(file: &File, block: &mut [u8], position: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, block, position)
}

#[cfg(windows)]
fn read_exact_at(file: &File, mut block: &mut [u8], mut position: u64) -> io::Result<()> {
    while !block.is_empty() {
        match std::os::windows::fs::FileExt::seek_read(file, block, position) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => {
                block = block.get_mut(read..).unwrap_or_default();
                position += read as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A regular file opened for reading, with the metadata that a response needs.
///
/// ```
/// use poorwsgi::Response;
/// use poorwsgi::response::OpenFile;
///
/// let file = OpenFile::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))?;
/// assert!(file.size() > 0);
/// assert!(Response::from(file).headers().contains("Last-Modified"));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct OpenFile {
    file: Arc<File>,
    size: u64,
    modified: Option<SystemTime>,
    tag: Option<EntityTag<'static>>,
    media_type: &'static str,
}

impl OpenFile {
    /// Opens a file by its path. The path has to come from the application, because it is followed wherever
    /// it leads; for paths from a request use [`DocumentRoot`](super::DocumentRoot).
    ///
    /// # Errors
    /// Those of the operating system, and [`io::ErrorKind::InvalidInput`] for anything but a regular file.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        // The type is checked before opening, because opening a named pipe waits for its writer.
        if !std::fs::metadata(path)?.is_file() {
            return Err(not_a_regular_file());
        }
        Self::from_std(File::open(path)?, path)
    }

    /// A file that is open already; its media type is guessed from `name`.
    ///
    /// # Errors
    /// Those of the operating system, and [`io::ErrorKind::InvalidInput`] for anything but a regular file.
    pub fn from_std(file: File, name: impl AsRef<Path>) -> io::Result<Self> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(not_a_regular_file());
        }
        Ok(Self::known(file, &metadata, name.as_ref()))
    }

    /// A regular file whose metadata is known already.
    pub(super) fn known(file: File, metadata: &Metadata, name: &Path) -> Self {
        let modified = metadata.modified().ok();
        OpenFile {
            file: file.into(),
            size: metadata.len(),
            modified,
            tag: modified.map(|modified| entity_tag(metadata, modified, SystemTime::now())),
            media_type: media_type(name.as_os_str()),
        }
    }

    /// The length of the file in bytes when it was opened.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The time of the last modification, where the system records it.
    #[must_use]
    pub const fn modified(&self) -> Option<SystemTime> {
        self.modified
    }

    /// The entity-tag, made from modification time, size and inode. `None` where the modification time is
    /// unknown. The tag is weak if the file, when it was opened, was so new that it could still change within
    /// the same tick of the file system's clock (RFC 9110, section 8.8.1).
    #[must_use]
    pub const fn entity_tag(&self) -> Option<&EntityTag<'static>> {
        self.tag.as_ref()
    }

    /// The media type, guessed from the name; `application/octet-stream` where the name has no known
    /// extension.
    #[must_use]
    pub const fn media_type(&self) -> &'static str {
        self.media_type
    }

    /// The whole content as a range.
    pub(super) fn into_range(self) -> FileRange {
        FileRange::new(self.file, 0..self.size)
    }
}

fn not_a_regular_file() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")
}

/// The media type of a file, guessed from its name.
pub(super) fn media_type(name: &OsStr) -> &'static str {
    mime_guess::from_path(Path::new(name)).first_raw().unwrap_or("application/octet-stream")
}

/// The coarsest resolution of modification times among file systems in use: FAT's is two seconds.
const CLOCK_TICK: Duration = Duration::from_secs(2);

fn entity_tag(metadata: &Metadata, modified: SystemTime, now: SystemTime) -> EntityTag<'static> {
    let since_epoch = match modified.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_nanos().to_be_bytes(),
        Err(before) => (!before.duration().as_nanos()).to_be_bytes(),
    };
    // The values are hashed, so that inode numbers are not disclosed.
    let mut hash = Sha256::new();
    hash.update(since_epoch);
    hash.update(metadata.len().to_be_bytes());
    #[cfg(unix)]
    hash.update(std::os::unix::fs::MetadataExt::ino(metadata).to_be_bytes());
    let mut tag = String::with_capacity(16);
    for byte in hash.finalize().iter().take(8) {
        for digit in [byte >> 4, byte & 0xF] {
            tag.extend(char::from_digit(digit.into(), 16));
        }
    }
    let settled = now.duration_since(modified).is_ok_and(|age| age > CLOCK_TICK);
    EntityTag::new(tag, !settled)
}
