//! Files and directories beneath one directory, and nothing else.

use std::io;
use std::path::Path;
use std::time::SystemTime;

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};

use super::file::{OpenFile, media_type};

/// A directory whose files are served.
///
/// It is opened once, and every path is resolved beneath it by the operating system: `..`, absolute paths and symbolic
/// links never lead out of it. A symbolic link is followed when its target is relative and stays inside. Files and
/// directories whose name begins with a dot are missing, except `.well-known` at the top (RFC 8615).
///
/// ```
/// use poorwsgi::response::document_root::{DocumentRoot, Found};
///
/// let root = DocumentRoot::open(env!("CARGO_MANIFEST_DIR"))?;
/// assert!(matches!(root.lookup("/Cargo.toml"), Found::File(_)));
/// assert!(matches!(root.lookup("/src"), Found::Directory(_)));
/// assert!(matches!(root.lookup("/../../Cargo.toml"), Found::Missing));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DocumentRoot {
    dir: Dir,
    dot_files: bool,
}

/// What stands under a path.
#[derive(Debug)]
pub enum Found {
    /// A regular file, opened.
    File(OpenFile),
    /// A directory, opened.
    Directory(Directory),
    /// Something that is there and may not be read, or is neither file nor directory: 403.
    Forbidden,
    /// Nothing that a client may know of: 404.
    Missing,
}

impl DocumentRoot {
    /// Opens the directory.
    ///
    /// # Errors
    /// Those of the operating system: it is not there, is no directory, or may not be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(DocumentRoot { dir: Dir::open_ambient_dir(path, ambient_authority())?, dot_files: false })
    }

    /// Serves files and directories whose name begins with a dot, too.
    #[must_use]
    pub const fn with_dot_files(mut self) -> Self {
        self.dot_files = true;
        self
    }

    /// What stands under the path of a request, which is decoded already. Slashes at the end and doubled ones do not
    /// count.
    #[must_use]
    pub fn lookup(&self, url_path: &str) -> Found {
        let mut path = String::with_capacity(url_path.len());
        for segment in url_path.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
            let well_known = path.is_empty() && segment == ".well-known";
            let hidden = segment.starts_with('.') && !well_known && !self.dot_files;
            if hidden || !is_plain(segment, cfg!(windows)) {
                return Found::Missing;
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(segment);
        }
        let path = if path.is_empty() { "." } else { &path };
        open(&self.dir, path, self.dot_files).unwrap_or_else(|error| refusal(&error))
    }
}

/// Whether a name means one entry of a directory and nothing else to the system: not the directory above, no separator,
/// no drive, stream or device of Windows.
fn is_plain(segment: &str, windows: bool) -> bool {
    if segment == ".." || segment.contains('\0') {
        return false;
    }
    if !windows {
        return true;
    }
    let device = segment.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |name: &str| {
        let mut digits = device.strip_prefix(name).unwrap_or_default().chars();
        matches!(digits.next(), Some('0'..='9' | '¹' | '²' | '³')) && digits.next().is_none()
    };
    !segment.contains(['\\', ':', '<', '>', '"', '|', '?', '*'])
        && !segment.contains(|character: char| character.is_control())
        && !segment.ends_with(['.', ' '])
        && !matches!(&*device, "CON" | "PRN" | "AUX" | "NUL" | "CONIN$" | "CONOUT$")
        && !numbered("COM")
        && !numbered("LPT")
}

fn open(dir: &Dir, path: &str, dot_files: bool) -> io::Result<Found> {
    // A directory cannot be opened as a file everywhere, and a named pipe would wait for its writer without O_NONBLOCK.
    if cfg!(windows) && dir.metadata(path)?.is_dir() {
        return Ok(Found::Directory(Directory { dir: dir.open_dir(path)?, dot_files }));
    }
    let file = dir.open_with(path, OpenOptions::new().read(true).nonblock(true))?;
    let kind = file.metadata()?.file_type();
    if kind.is_dir() {
        return Ok(Found::Directory(Directory { dir: Dir::from_std_file(file.into_std()), dot_files }));
    }
    if !kind.is_file() {
        return Ok(Found::Forbidden);
    }
    OpenFile::from_std(file.into_std(), path).map(Found::File)
}

/// What the client learns of an error.
fn refusal(error: &io::Error) -> Found {
    match error.kind() {
        // A path that leads out of the root is refused by cap-std, not by the system: such a path is not there.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_some() => Found::Forbidden,
        // A socket cannot be opened at all.
        _ if is_special(error) => Found::Forbidden,
        _ => Found::Missing,
    }
}

fn is_special(error: &io::Error) -> bool {
    // ENXIO, the same number on every Unix; the standard library has no kind for it.
    cfg!(unix) && error.raw_os_error() == Some(6)
}

/// A directory beneath the root.
#[derive(Debug)]
pub struct Directory {
    dir: Dir,
    dot_files: bool,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without any slash. It is not escaped for HTML or for a URL.
    pub name: String,
    /// Its length in bytes; `None` for a directory.
    pub size: Option<u64>,
    /// When its content was changed, where the system knows.
    pub modified: Option<SystemTime>,
    /// The media type by its name; `None` for a directory.
    pub media_type: Option<&'static str>,
}

impl Entry {
    /// Whether it is a directory.
    #[must_use]
    pub const fn is_dir(&self) -> bool {
        self.size.is_none()
    }
}

impl Directory {
    /// The most entries that are listed.
    pub const MAX_ENTRIES: usize = 10_000;

    /// When the directory was changed.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.dir.dir_metadata().ok()?.modified().ok().map(|time| time.into_std())
    }

    /// The entries that a client could ask for, by name, at most [`MAX_ENTRIES`](Self::MAX_ENTRIES) of them: no dot
    /// files, no back-up files (`name~`), nothing that may not be read, and no name that is not UTF-8.
    ///
    /// # Errors
    /// Those of the operating system when it reads the directory.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in self.dir.entries()? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if name.ends_with('~') || (name.starts_with('.') && !self.dot_files) {
                continue;
            }
            let Ok(found) = open(&self.dir, &name, self.dot_files) else { continue };
            entries.push(match found {
                Found::File(file) => Entry {
                    size: Some(file.size()),
                    modified: file.modified(),
                    media_type: Some(media_type(name.as_ref())),
                    name,
                },
                Found::Directory(directory) => {
                    Entry { name, size: None, modified: directory.modified(), media_type: None }
                }
                Found::Forbidden | Found::Missing => continue,
            });
            if entries.len() == Self::MAX_ENTRIES {
                break;
            }
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }
}
