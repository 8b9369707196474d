//! The access log: one line for each request, written by a thread of its own.
//!
//! A request appends its line to a buffer in memory. The thread writes the buffer every tenth of a second, so
//! that a full disk or a pipe that nobody reads holds up no request. Lines that do not fit into the buffer are
//! counted, and the server's log says how many there were.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use memchr::{memchr, memchr_iter, memrchr};

mod format;
mod time;

pub(crate) use format::{AccessEntry, FieldSet, LogField, RequestLine};
pub use format::{AccessFormat, BadFormat};

use self::time::LogTime;
use crate::LOG;

/// How many bytes of lines may wait to be written.
const BUFFER: usize = 1 << 20;
/// How long lines are collected before they are written.
const COLLECTED: Duration = Duration::from_millis(100);
/// How many bytes a pipe takes in one piece, so that the lines of several processes do not mix (`PIPE_BUF`).
const PIPE: usize = 4096;

/// An access log that is open. Its clones write to the same file.
///
/// Several processes may write to one file or pipe. A file that was moved away, as `logrotate` does, is opened
/// anew before the next lines are written.
///
/// ```
/// use poorwsgi_server::{AccessFormat, AccessLog, Config};
///
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("access.log");
/// let log = AccessLog::open(&path, AccessFormat::json())?;
/// let config = Config::new().access_log(log);
/// # let _ = config;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone)]
pub struct AccessLog(Arc<OpenLog>);

struct OpenLog {
    format: AccessFormat,
    lines: Arc<LogLines>,
}

/// What the requests share with the thread that writes.
struct LogLines {
    waiting: Mutex<WaitingLines>,
    changed: Condvar,
}

#[derive(Default)]
struct WaitingLines {
    text: Vec<u8>,
    time: LogTime,
    /// How many lines did not fit.
    lost: u64,
    /// Whether the thread is writing lines that are not in `text` any more.
    is_writing: bool,
    /// Whether the file is to be opened anew.
    reopen: bool,
    /// Whether no more lines come.
    is_closed: bool,
}

impl LogLines {
    fn waiting(&self) -> MutexGuard<'_, WaitingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AccessLog {
    /// Opens a file to append to, which is created if it does not exist; its directory has to exist.
    ///
    /// # Errors
    /// The file cannot be opened, or no thread can be started.
    pub fn open(path: impl Into<PathBuf>, format: AccessFormat) -> io::Result<Self> {
        let path = path.into();
        let file = append_to(&path)?;
        Self::start(LogOutput { file, path: Some(path) }, format)
    }

    /// Writes to the standard output.
    ///
    /// # Errors
    /// The standard output is closed, or no thread can be started.
    pub fn stdout(format: AccessFormat) -> io::Result<Self> {
        let file = File::from(rustix::io::dup(io::stdout())?);
        Self::start(LogOutput { file, path: None }, format)
    }

    fn start(output: LogOutput, format: AccessFormat) -> io::Result<Self> {
        let lines = Arc::new(LogLines { waiting: Mutex::default(), changed: Condvar::new() });
        let theirs = Arc::clone(&lines);
        thread::Builder::new()
            .name("poorwsgi access".to_owned())
            .spawn(move || write_lines(&theirs, output))?;
        Ok(AccessLog(Arc::new(OpenLog { format, lines })))
    }

    /// Has the file opened anew soon, also if no line waits.
    pub fn reopen(&self) {
        self.0.lines.waiting().reopen = true;
        self.0.lines.changed.notify_all();
    }

    /// Waits until every line is written, but not longer than this. Returns whether that was long enough.
    pub fn flush(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut waiting = self.0.lines.waiting();
        while !waiting.text.is_empty() || waiting.is_writing {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            waiting = match self.0.lines.changed.wait_timeout(waiting, left) {
                Ok((waiting, _)) => waiting,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        true
    }

    /// The fields that its lines have.
    pub(crate) fn fields(&self) -> FieldSet {
        self.0.format.field_set()
    }

    pub(crate) fn write(&self, entry: &AccessEntry<'_>) {
        let mut waiting = self.0.lines.waiting();
        let WaitingLines { text, time, lost, .. } = &mut *waiting;
        let before = text.len();
        if before >= BUFFER {
            *lost += 1;
            return;
        }
        time.show(SystemTime::now());
        self.0.format.write(text, entry, time);
        if before == 0 {
            drop(waiting);
            self.0.lines.changed.notify_all();
        }
    }
}

impl fmt::Debug for AccessLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessLog").field("format", &self.0.format).finish_non_exhaustive()
    }
}

impl Drop for OpenLog {
    fn drop(&mut self) {
        self.lines.waiting().is_closed = true;
        self.lines.changed.notify_all();
    }
}

fn append_to(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// The thread that writes.
fn write_lines(lines: &LogLines, mut output: LogOutput) {
    let mut text = Vec::new();
    loop {
        let mut waiting = lines.waiting();
        while waiting.text.is_empty() && !waiting.reopen {
            if waiting.is_closed {
                return;
            }
            waiting = lines.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        if !waiting.is_closed {
            drop(waiting);
            thread::sleep(COLLECTED);
            waiting = lines.waiting();
        }
        std::mem::swap(&mut waiting.text, &mut text);
        waiting.is_writing = true;
        let (reopen, lost) = (std::mem::take(&mut waiting.reopen), std::mem::take(&mut waiting.lost));
        drop(waiting);
        if reopen || output.was_moved() {
            output.reopen();
        }
        let unwritten = output.write(&text).err().map_or(0, |error| {
            tracing::warn!(target: LOG, %error, "the access log cannot be written");
            memchr_iter(b'\n', &text).count() as u64
        });
        let lost = lost + unwritten;
        if lost > 0 {
            tracing::warn!(target: LOG, "{lost} lines of the access log are lost, because it was not written in time");
        }
        text.clear();
        // A burst does not keep its memory.
        text.shrink_to(BUFFER / 8);
        lines.waiting().is_writing = false;
        lines.changed.notify_all();
    }
}

/// Where the lines go.
struct LogOutput {
    file: File,
    /// `None` for the standard output.
    path: Option<PathBuf>,
}

impl LogOutput {
    /// Whether the path names another file now, or none.
    fn was_moved(&self) -> bool {
        let Some(path) = &self.path else { return false };
        let place = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
        match (path.metadata(), self.file.metadata()) {
            (Ok(named), Ok(open)) => place(named) != place(open),
            (Err(error), _) => error.kind() == io::ErrorKind::NotFound,
            (Ok(_), Err(_)) => false,
        }
    }

    /// Opens the file anew. If that fails, the lines go on to the file that is open.
    fn reopen(&mut self) {
        let Some(path) = &self.path else { return };
        match append_to(path) {
            Ok(file) => self.file = file,
            Err(error) => {
                tracing::warn!(target: LOG, path = %path.display(), %error, "the access log cannot be opened anew");
            }
        }
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if !self.file.metadata()?.file_type().is_fifo() {
            return self.file.write_all(text);
        }
        let mut rest = text;
        while !rest.is_empty() {
            let piece = rest.get(..PIPE).unwrap_or(rest);
            let end = memrchr(b'\n', piece).or_else(|| memchr(b'\n', rest)).map_or(rest.len(), |end| end + 1);
            let (lines, others) = rest.split_at(end);
            self.file.write_all(lines)?;
            rest = others;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;

    use super::*;

    const SOON: Duration = Duration::from_secs(10);

    fn entry(client: &str) -> AccessEntry<'_> {
        AccessEntry { client, status: 200, ..AccessEntry::default() }
    }

    fn client_only() -> AccessFormat {
        "{client}".parse().unwrap()
    }

    #[test]
    fn lines_are_appended_and_a_file_that_was_moved_away_is_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let (path, moved) = (directory.path().join("log"), directory.path().join("log.1"));
        fs::write(&path, "before\n").unwrap();
        let log = AccessLog::open(&path, client_only()).unwrap();
        log.write(&entry("one"));
        assert!(log.flush(SOON));
        fs::rename(&path, &moved).unwrap();
        log.write(&entry("two"));
        assert!(log.flush(SOON));
        assert_eq!(fs::read_to_string(&moved).unwrap(), "before\none\n");
        assert_eq!(fs::read_to_string(&path).unwrap(), "two\n");
    }

    #[test]
    fn a_signal_has_the_file_opened_anew() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        let log = AccessLog::open(&path, client_only()).unwrap();
        log.write(&entry("one"));
        assert!(log.flush(SOON));
        fs::remove_file(&path).unwrap();
        log.reopen();
        // No line has to come for that.
        let deadline = Instant::now() + SOON;
        while !path.exists() {
            assert!(Instant::now() < deadline);
            thread::yield_now();
        }
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_an_error() {
        let directory = tempfile::tempdir().unwrap();
        assert!(AccessLog::open(directory.path(), client_only()).is_err());
        assert!(AccessLog::open(directory.path().join("no/log"), client_only()).is_err());
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up_and_gets_whole_lines() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = LogOutput { file: File::from(std::os::fd::OwnedFd::from(writer)), path: None };
        let log = AccessLog::start(output, client_only()).unwrap();
        let client = "c".repeat(900);
        let begun = Instant::now();
        for _ in 0..3000 {
            log.write(&entry(&client));
        }
        assert!(begun.elapsed() < SOON);
        assert!(!log.flush(Duration::from_millis(1)));
        let lost = log.0.lines.waiting().lost;
        // The pipe and one buffer that is being written may have taken some lines.
        assert!(lost > 500, "{lost}");
        drop(log);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert!(text.lines().all(|line| line == client));
    }
}
