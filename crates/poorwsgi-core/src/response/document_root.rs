//! Access to the files and directories beneath one directory, and to nothing else.
//!
//! ```
//! use poorwsgi::response::document_root::{DocumentRoot, Found};
//! use poorwsgi::{Request, Response, Result, abort, state};
//!
//! /// Serves files to users who are signed in; directories are not listed.
//! fn download(req: &Request, members: &DocumentRoot) -> Result<Response> {
//!     if req.user().is_none() {
//!         return abort(state::HTTP_FORBIDDEN);
//!     }
//!     match members.lookup(req.path_arg("path")?)? {
//!         Found::File(file) => Ok(file.into()),
//!         _ => abort(state::HTTP_NOT_FOUND),
//!     }
//! }
//! # let root = DocumentRoot::open(env!("CARGO_MANIFEST_DIR")).unwrap();
//! # let mut app = poorwsgi::Application::new("demo");
//! # let handler = move |req: Request| download(&req, &root);
//! # app.route("/members/<path:re:.*>", state::METHOD_GET, handler).unwrap();
//! ```

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use cap_fs_ext::OpenOptionsSyncExt;
use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, OpenOptions};
use rustix::io::Errno;

use super::file::{OpenFile, media_type};

/// A directory whose files are served.
///
/// The directory is opened once, and every path is resolved beneath it by the operating system: `..`,
/// absolute paths and symbolic links never lead out of it, unless it was [opened with
/// links](Self::open_linked). A symbolic link is followed when its target is relative and stays inside. Files
/// and directories whose name begins with a dot are missing, except `.well-known` at the top (RFC 8615).
///
/// ```
/// use poorwsgi::response::document_root::{DocumentRoot, Found};
///
/// let root = DocumentRoot::open(env!("CARGO_MANIFEST_DIR"))?;
/// assert!(matches!(root.lookup("/Cargo.toml")?, Found::File(_)));
/// assert!(matches!(root.lookup("/src")?, Found::Directory(_)));
/// assert!(matches!(root.lookup("/../../Cargo.toml")?, Found::Missing));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct DocumentRoot {
    tree: Arc<Tree>,
    dot_files: bool,
}

/// The directory, and how far its symbolic links are followed.
#[derive(Debug)]
enum Tree {
    /// Symbolic links are followed only beneath the directory.
    Beneath(Dir),
    /// Symbolic links are followed wherever they lead.
    Linked(PathBuf),
}

impl Tree {
    /// Opens the file or directory at a path, each part of which [`is_plain`].
    fn open(&self, path: &str) -> io::Result<std::fs::File> {
        // A named pipe would wait for its writer without O_NONBLOCK.
        let mut options = OpenOptions::new();
        options.read(true).nonblock(true);
        let file = match self {
            Tree::Beneath(dir) => dir.open_with(path, &options),
            Tree::Linked(root) => File::open_ambient_with(root.join(path), &options, ambient_authority()),
        };
        file.map(File::into_std)
    }

    fn open_dir(&self, path: &str) -> io::Result<Dir> {
        match self {
            Tree::Beneath(dir) => dir.open_dir(path),
            Tree::Linked(root) => Dir::open_ambient_dir(root.join(path), ambient_authority()),
        }
    }

    /// Whether the entry at a path is a directory; an error where there is none.
    fn is_dir(&self, path: &str) -> io::Result<bool> {
        match self {
            Tree::Beneath(dir) => dir.metadata(path).map(|metadata| metadata.is_dir()),
            Tree::Linked(root) => std::fs::metadata(root.join(path)).map(|metadata| metadata.is_dir()),
        }
    }
}

/// What [`DocumentRoot::lookup`] has found.
#[derive(Debug)]
pub enum Found {
    /// A regular file, opened.
    File(OpenFile),
    /// A directory, opened.
    Directory(Directory),
    /// Something that exists, but may not be read, or is neither file nor directory: 403.
    Forbidden,
    /// Nothing, or something that is hidden from clients: 404.
    Missing,
}

impl DocumentRoot {
    /// Opens the directory.
    ///
    /// # Errors
    /// Those of the operating system: the directory does not exist, is not a directory, or may not be read.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        let dir = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(DocumentRoot { tree: Arc::new(Tree::Beneath(dir)), dot_files: false })
    }

    /// Opens a directory beneath which symbolic links are followed wherever they lead. This is for a site
    /// that links to data elsewhere. Whoever can make a link there can publish any file that this process may
    /// read.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_linked(path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        drop(Dir::open_ambient_dir(path, ambient_authority())?);
        Ok(DocumentRoot { tree: Arc::new(Tree::Linked(path.to_owned())), dot_files: false })
    }

    /// Serves files and directories whose name begins with a dot, too.
    #[must_use]
    pub const fn with_dot_files(mut self) -> Self {
        self.dot_files = true;
        self
    }

    /// Finds the file or directory for the path of a request, which has to be percent-decoded already.
    /// Repeated and trailing slashes are ignored.
    ///
    /// This calls the operating system, and may block on the disk.
    ///
    /// # Errors
    /// Those of the operating system that say nothing about the path: no file descriptors left, a failing
    /// disk.
    pub fn lookup(&self, url_path: &str) -> io::Result<Found> {
        let mut path = String::with_capacity(url_path.len());
        for segment in url_path.split('/').filter(|segment| !matches!(*segment, "" | ".")) {
            let well_known = path.is_empty() && segment == ".well-known";
            let hidden = segment.starts_with('.') && !well_known && !self.dot_files;
            if hidden || !is_plain(segment, cfg!(windows)) {
                return Ok(Found::Missing);
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(segment);
        }
        let path = if path.is_empty() { "." } else { &path };
        open(&self.tree, path, self.dot_files).or_else(|error| refusal(&self.tree, path, error))
    }
}

/// Whether the operating system reads a name as an entry of a directory and as nothing else: not as the
/// parent directory, and on Windows not as a path, drive, stream or device.
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

fn open(tree: &Arc<Tree>, path: &str, dot_files: bool) -> io::Result<Found> {
    let directory = |dir| Directory { tree: Arc::clone(tree), path: path.to_owned(), dir, dot_files };
    // Windows cannot open a directory as a file.
    if cfg!(windows) && tree.is_dir(path)? {
        return Ok(Found::Directory(directory(tree.open_dir(path)?)));
    }
    let file = tree.open(path)?;
    let metadata = file.metadata()?;
    Ok(if metadata.is_dir() {
        Found::Directory(directory(Dir::from_std_file(file)))
    } else if metadata.is_file() {
        Found::File(OpenFile::known(file, &metadata, path.as_ref()))
    } else {
        Found::Forbidden
    })
}

/// Turns an error of the operating system into an answer for the client. An error that says nothing about the
/// path stays an error: a process that is out of file descriptors must not call its files missing.
fn refusal(tree: &Tree, path: &str, error: io::Error) -> io::Result<Found> {
    match error.kind() {
        // A path that leads out of the root is refused by cap-std, without an error number of the system.
        // Such a path counts as missing.
        io::ErrorKind::PermissionDenied if error.raw_os_error().is_none() => Ok(Found::Missing),
        io::ErrorKind::PermissionDenied => Ok(Found::Forbidden),
        io::ErrorKind::NotFound
        | io::ErrorKind::NotADirectory
        | io::ErrorKind::InvalidFilename
        | io::ErrorKind::InvalidInput => Ok(Found::Missing),
        // A cycle of symbolic links.
        _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => Ok(Found::Missing),
        // A socket exists, though it cannot be opened as a file.
        _ if tree.is_dir(path).is_ok() => Ok(Found::Forbidden),
        _ => Err(error),
    }
}

/// A directory beneath the root.
#[derive(Debug)]
pub struct Directory {
    /// The root, which decides how far symbolic links in this directory are followed.
    tree: Arc<Tree>,
    path: String,
    dir: Dir,
    dot_files: bool,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name, without any slash. It is not escaped for HTML or for a URL.
    pub name: String,
    /// The length in bytes; `None` for a directory.
    pub size: Option<u64>,
    /// The time of the last modification, where the system records it.
    pub modified: Option<SystemTime>,
    /// The media type, guessed from the name; `None` for a directory.
    pub media_type: Option<&'static str>,
}

/// The entries of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// The entries, sorted by name.
    pub entries: Vec<Entry>,
    /// Whether there were more than [`Directory::MAX_ENTRIES`], so that some are left out.
    pub cut: bool,
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

    /// The time of the directory's last modification, where the system records it.
    #[must_use]
    pub fn modified(&self) -> Option<SystemTime> {
        self.dir.dir_metadata().ok()?.modified().ok().map(|time| time.into_std())
    }

    /// The entries that a client can ask for, sorted by name, at most [`MAX_ENTRIES`](Self::MAX_ENTRIES) of
    /// them. It leaves out hidden dot files, back-up files (`name~`), entries that may not be read, and names
    /// that are not UTF-8.
    ///
    /// # Errors
    /// Those of the operating system when it reads the directory.
    pub fn list(&self) -> io::Result<Listing> {
        let Listing { mut entries, mut cut } = Listing::default();
        for entry in self.dir.entries()? {
            let Ok(name) = entry?.file_name().into_string() else { continue };
            if name.ends_with('~') || (name.starts_with('.') && !self.dot_files) {
                continue;
            }
            let path = format!("{}/{name}", self.path);
            if entries.len() == Self::MAX_ENTRIES {
                cut = true;
                break;
            }
            let Ok(found) = open(&self.tree, &path, self.dot_files) else { continue };
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
        }
        entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Ok(Listing { entries, cut })
    }
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use proptest::prelude::*;

    use super::*;
    use crate::response::body::read;

    /// `site` is the root, in a directory with things that must never be seen.
    fn tree() -> (tempfile::TempDir, DocumentRoot) {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| dir.path().join(path);
        for path in ["site/docs", "site/.git", "site/.well-known", "site/docs/.well-known", "site-secret"] {
            fs::create_dir_all(at(path)).unwrap();
        }
        for (path, text) in [
            ("secret", "secret"),
            ("site-secret/a", "secret"),
            ("site/index.html", "index"),
            ("site/docs/b.txt", "b"),
            ("site/docs/a b.png", "a"),
            ("site/docs/old~", "old"),
            ("site/docs/.hidden", "hidden"),
            ("site/docs/.well-known/x", "hidden"),
            ("site/.git/config", "hidden"),
            ("site/.well-known/security.txt", "contact"),
        ] {
            fs::write(at(path), text).unwrap();
        }
        symlink("docs/b.txt", at("site/inside")).unwrap();
        symlink("../secret", at("site/outside")).unwrap();
        symlink(at("secret"), at("site/absolute")).unwrap();
        symlink("..", at("site/docs/up")).unwrap();
        symlink("../..", at("site/docs/upper")).unwrap();
        symlink("nowhere", at("site/dangling")).unwrap();
        symlink("loop", at("site/loop")).unwrap();
        let root = DocumentRoot::open(at("site")).unwrap();
        (dir, root)
    }

    fn text(found: io::Result<Found>) -> String {
        match found.unwrap() {
            Found::File(file) => String::from_utf8(read(file.into_range().into()).unwrap().to_vec()).unwrap(),
            Found::Directory(_) => "<directory>".into(),
            Found::Forbidden => "<forbidden>".into(),
            Found::Missing => "<missing>".into(),
        }
    }

    #[test]
    fn files_and_directories_are_found() {
        let (_dir, root) = tree();
        for (path, found) in [
            ("/index.html", "index"),
            ("index.html", "index"),
            ("/docs/b.txt", "b"),
            ("//docs///b.txt", "b"),
            ("/./docs/a b.png", "a"),
            ("/", "<directory>"),
            ("", "<directory>"),
            ("/docs", "<directory>"),
            ("/docs/", "<directory>"),
            ("/inside", "b"),
            ("/docs/up/index.html", "index"),
            ("/.well-known/security.txt", "contact"),
        ] {
            assert_eq!(text(root.lookup(path)), found, "{path}");
        }
    }

    /// Nothing outside the root is ever opened, and dot files are missing.
    #[test]
    fn nothing_outside_and_nothing_hidden_is_found() {
        let (dir, root) = tree();
        let absolute = format!("{}/secret", dir.path().display());
        for path in [
            "/../secret",
            "../secret",
            "/docs/../../secret",
            "/docs/../index.html",
            "/..",
            "-secret/a",
            "/../site-secret/a",
            &absolute,
            &format!("/{absolute}"),
            "/outside",
            "/absolute",
            "/docs/upper/secret",
            "/dangling",
            "/loop",
            "/loop/a",
            "/docs/up/../../secret",
            "/index.html\0.png",
            "/index.html/more",
            "/none",
            "/.git/config",
            "/.git",
            "/docs/.hidden",
            "/docs/.well-known/x",
            "/...",
            "/..\\secret",
            &"/x".repeat(5000),
            &format!("/{}", "x".repeat(5000)),
        ] {
            assert_eq!(text(root.lookup(path)), "<missing>", "{path}");
        }
    }

    #[test]
    fn a_setting_opens_dot_files_but_not_the_way_up() {
        let (_dir, root) = tree();
        let root = root.with_dot_files();
        assert_eq!(text(root.lookup("/.git/config")), "hidden");
        assert_eq!(text(root.lookup("/../secret")), "<missing>");
        let Found::Directory(top) = root.lookup("/").unwrap() else { panic!() };
        assert!(top.list().unwrap().entries.iter().any(|entry| entry.name == ".git"));
    }

    #[test]
    fn a_setting_opens_links_but_neither_dot_files_nor_the_way_up() {
        let (dir, _root) = tree();
        let root = DocumentRoot::open_linked(dir.path().join("site")).unwrap();
        for (path, found) in [
            ("/inside", "b"),
            ("/outside", "secret"),
            ("/absolute", "secret"),
            ("/docs/upper/secret", "secret"),
            ("/docs/upper", "<directory>"),
            ("/../secret", "<missing>"),
            ("/docs/../../secret", "<missing>"),
            ("/.git/config", "<missing>"),
            ("/docs/upper/.git", "<missing>"),
            ("/dangling", "<missing>"),
            ("/loop", "<missing>"),
            ("/none", "<missing>"),
            ("/index.html/more", "<missing>"),
        ] {
            assert_eq!(text(root.lookup(path)), found, "{path}");
        }
        let Found::Directory(top) = root.lookup("/").unwrap() else { panic!() };
        let names: Vec<_> = top.list().unwrap().entries.into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["absolute", "docs", "index.html", "inside", "outside"]);
        assert_eq!(DocumentRoot::open_linked("/nowhere/at/all").unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    /// Anything but a file or directory is refused, without waiting, for example for the writer of a pipe.
    #[test]
    fn special_files_are_forbidden_at_once() {
        let (dir, root) = tree();
        let pipe = dir.path().join("site/pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let _socket = UnixListener::bind(dir.path().join("site/socket")).unwrap();
        assert_eq!(text(root.lookup("/pipe")), "<forbidden>");
        assert_eq!(text(root.lookup("/socket")), "<forbidden>");
        let Found::Directory(top) = root.lookup("/").unwrap() else { panic!() };
        let names: Vec<_> = top.list().unwrap().entries.into_iter().map(|entry| entry.name).collect();
        assert_eq!(names, ["docs", "index.html", "inside"]);
    }

    #[test]
    fn what_may_not_be_read_is_forbidden_and_not_listed() {
        let (dir, root) = tree();
        let path = dir.path().join("site/docs/b.txt");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).unwrap();
        if fs::File::open(&path).is_ok() {
            return; // nothing is unreadable for the super-user
        }
        assert_eq!(text(root.lookup("/docs/b.txt")), "<forbidden>");
        let Found::Directory(docs) = root.lookup("/docs").unwrap() else { panic!() };
        assert!(docs.list().unwrap().entries.iter().all(|entry| entry.name != "b.txt"));
    }

    /// As in PoorWSGI, entries are sorted by name, without dot files and back-up files. Links that lead out
    /// of the root are left out, too.
    #[test]
    fn a_directory_lists_what_can_be_asked_for() {
        let (_dir, root) = tree();
        let Found::Directory(docs) = root.lookup("/docs").unwrap() else { panic!() };
        let entries = docs.list().unwrap().entries;
        let shown: Vec<_> = entries
            .iter()
            .map(|entry| (&*entry.name, entry.size, entry.is_dir(), entry.media_type))
            .collect();
        assert_eq!(
            shown,
            [
                ("a b.png", Some(1), false, Some("image/png")),
                ("b.txt", Some(1), false, Some("text/plain")),
                ("up", None, true, None),
            ]
        );
        assert!(entries.iter().all(|entry| entry.modified.is_some()));
    }

    #[test]
    fn windows_names_that_mean_more_than_a_file_are_refused() {
        for name in [
            "..", "a\0", "a\\b", "C:", "c:x", "a::$DATA", "CON", "nul.txt", "Com1", "LPT9.log", "COM¹", "a.",
            "a ", "aux .txt", "a?",
        ] {
            assert!(!is_plain(name, true), "{name:?}");
        }
        for name in ["console", "com", "COM10", "nulls.txt", "a.b", "...a"] {
            assert!(is_plain(name, true), "{name:?}");
        }
        assert!(is_plain("10:30 a\\b", false));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_path_leads_out(
            segments in prop::collection::vec(
                prop::sample::select(vec![
                    "..", ".", "", "docs", "up", "upper", "secret", "site", "site-secret", "a", "outside", "absolute",
                    "inside", "b.txt",
                ]),
                0..8,
            )
        ) {
            let (_dir, root) = tree();
            let found = text(root.lookup(&segments.join("/")));
            prop_assert_ne!(found, "secret");
        }
    }
}
