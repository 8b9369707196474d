//! Where the data of an uploaded file goes.

use std::any::Any;
use std::io::{self, Read, Seek, SeekFrom, Write};

/// A file that an upload is written to and read from: everything that is [`Read`], [`Write`] and [`Seek`].
///
/// It is also [`Any`], so that it can be downcast to its own type:
///
/// ```
/// use std::any::Any;
/// use std::io::Cursor;
/// use poorwsgi::form::FormFile;
///
/// let file: Box<dyn FormFile> = Box::new(Cursor::new(Vec::new()));
/// let file: Box<dyn Any> = file;
/// assert!(file.is::<Cursor<Vec<u8>>>());
/// ```
pub trait FormFile: Read + Write + Seek + Send + Any {}

impl<T: Read + Write + Seek + Send + Any> FormFile for T {}

/// Makes a [`FormFile`] of something that can only be written to, such as a checksum or a compressor. Reading
/// and seeking fail with an error of kind [`Unsupported`](io::ErrorKind::Unsupported).
///
/// ```
/// use std::io::{self, Write};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
///
/// use poorwsgi::Application;
/// use poorwsgi::form::WriteOnly;
///
/// /// Counts what is uploaded, and keeps nothing.
/// struct Meter(Arc<AtomicUsize>);
///
/// impl Write for Meter {
///     fn write(&mut self, data: &[u8]) -> io::Result<usize> {
///         self.0.fetch_add(data.len(), Relaxed);
///         Ok(data.len())
///     }
/// #   fn flush(&mut self) -> io::Result<()> { Ok(()) }
/// }
///
/// let bytes = Arc::new(AtomicUsize::new(0));
/// let mut app = Application::new("demo");
/// app.settings_mut().file_callback = Some(Arc::new(move |_| Ok(Box::new(WriteOnly(Meter(bytes.clone()))))));
/// # let mut file = app.settings().file_callback.clone().unwrap()("a.txt").unwrap();
/// # assert_eq!(file.write(b"data").unwrap(), 4);
/// # assert_eq!(io::Read::read(&mut file, &mut [0]).unwrap_err().kind(), io::ErrorKind::Unsupported);
/// ```
#[derive(Debug)]
pub struct WriteOnly<W>(pub W);

impl<W: Write> Write for WriteOnly<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W> Read for WriteOnly<W> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl<W> Seek for WriteOnly<W> {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

/// A line of up to this many bytes is written in one piece, because a piece of a line may end within a
/// character.
const MAX_LINE: usize = 64 * 1024;

/// Writes in pieces that end at a line end, unless a line is longer than [`MAX_LINE`]. Applications that
/// decode each piece rely on this.
pub(super) struct LineWriter {
    file: Box<dyn FormFile>,
    begun: Vec<u8>,
}

impl LineWriter {
    pub(super) fn new(file: Box<dyn FormFile>) -> Self {
        LineWriter { file, begun: Vec::new() }
    }

    pub(super) fn write(&mut self, data: &[u8]) -> io::Result<()> {
        let (mut lines, begun) = data.split_at(memchr::memrchr(b'\n', data).map_or(0, |at| at + 1));
        if !lines.is_empty() && !self.begun.is_empty() {
            // Only the rest of the line in `self.begun` is copied; whole lines are written from `data`.
            let first;
            (first, lines) = lines.split_at(memchr::memchr(b'\n', lines).map_or(lines.len(), |at| at + 1));
            self.begun.extend_from_slice(first);
            self.write_begun()?;
        }
        if !lines.is_empty() {
            self.file.write_all(lines)?;
        }
        self.begun.extend_from_slice(begun);
        if self.begun.len() > MAX_LINE { self.write_begun() } else { Ok(()) }
    }

    /// Writes the rest and returns the file, which is rewound to its beginning where it can seek.
    pub(super) fn finish(mut self) -> io::Result<Box<dyn FormFile>> {
        if !self.begun.is_empty() {
            self.write_begun()?;
        }
        self.file.flush()?;
        match self.file.rewind() {
            Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(error),
            _ => Ok(self.file),
        }
    }

    fn write_begun(&mut self) -> io::Result<()> {
        self.file.write_all(&self.begun)?;
        self.begun.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Pieces(Arc<Mutex<Vec<Vec<u8>>>>);

    impl Write for Pieces {
        fn write(&mut self, data: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().push(data.to_vec());
            Ok(data.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(pieces: &[&[u8]]) -> Vec<Vec<u8>> {
        let written = Pieces::default();
        let mut writer = LineWriter::new(Box::new(WriteOnly(written.clone())));
        for piece in pieces {
            writer.write(piece).unwrap();
        }
        writer.finish().unwrap();
        written.0.lock().unwrap().clone()
    }

    #[test]
    fn pieces_end_at_line_ends() {
        assert_eq!(
            written(&[b"one\ntw", b"o\nthr", b"ee", b" and\n", b"four"]),
            [&b"one\n"[..], b"two\n", b"three and\n", b"four"]
        );
    }

    #[test]
    fn a_line_without_end_is_not_kept_in_memory() {
        let long = vec![b'x'; MAX_LINE];
        let pieces = written(&[&long, &long, b"y", &long, b"\n"]);
        assert!(pieces.len() >= 2 && pieces.iter().all(|piece| piece.len() <= 2 * MAX_LINE + 1));
        assert_eq!(pieces.concat().len(), 3 * MAX_LINE + 2);
    }

    #[test]
    fn a_write_only_file_says_so() {
        let mut file = WriteOnly(Vec::new());
        file.write_all(b"x").unwrap();
        assert_eq!(file.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::Unsupported);
        assert_eq!(file.rewind().unwrap_err().kind(), io::ErrorKind::Unsupported);
    }
}
