//! Stored digests of users, in memory and in a file of Apache's `htdigest` format.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use indexmap::IndexMap;
use subtle::ConstantTimeEq;

/// Realms, their users, and each user's digest.
///
/// ```
/// use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
///
/// let mut users = PasswordMap::new();
/// users.set("Zone", "alice", &hexdigest("alice", "Zone", "secret", Algorithm::Sha256))?;
/// assert!(users.verify("Zone", "alice", &hexdigest("alice", "Zone", "secret", Algorithm::Sha256)));
/// assert!(users.delete("Zone", "alice"));
/// # Ok::<(), poorwsgi::digest::PasswordMapError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct PasswordMap(IndexMap<String, IndexMap<String, String>>);

/// A password file that cannot be read or written, or a name that cannot stand in one.
///
/// ```
/// use poorwsgi::digest::{PasswordMap, PasswordMapError};
///
/// let file = "ann:Zone:99f490dffe2c74a7f13d0cf9b61098a5\nbob:Zone\n";
/// assert!(matches!(PasswordMap::parse(file), Err(PasswordMapError::Line(2))));
///
/// let refused = PasswordMap::new().set("Zone", "eve:x", "99f490dffe2c74a7f13d0cf9b61098a5");
/// assert!(matches!(refused, Err(PasswordMapError::Name { what: "user", .. })));
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum PasswordMapError {
    /// A user, realm or digest is empty, or contains something that the file format cannot hold: `:`, a
    /// control character, or a blank where a line begins or ends.
    Name {
        /// `"user"`, `"realm"` or `"digest"`.
        what: &'static str,
        /// The refused value.
        value: String,
    },
    /// A line is not `user:realm:digest`. Lines count from 1.
    Line(usize),
    /// The file cannot be read or written.
    Io(PathBuf, io::Error),
}

impl fmt::Display for PasswordMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PasswordMapError::Name { what, value } => {
                write!(
                    f,
                    "{what} {value:?}: must not be empty nor hold `:` or control characters, nor blanks at an end of the line"
                )
            }
            PasswordMapError::Line(line) => write!(f, "line {line}: expected user:realm:digest"),
            PasswordMapError::Io(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for PasswordMapError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PasswordMapError::Io(_, error) => Some(error),
            _ => None,
        }
    }
}

impl PasswordMap {
    /// A map without users.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a file: `user:realm:digest` in each line, empty lines skipped. Of two lines for one user the
    /// later counts.
    ///
    /// # Errors
    /// [`PasswordMapError::Io`] where the file cannot be read or is not UTF-8, [`PasswordMapError::Line`] for
    /// a line of another form. Such a line is not skipped, because the next [`write`](Self::write) would lose
    /// it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, PasswordMapError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map_err(|error| PasswordMapError::Io(path.into(), error))?;
        Self::parse(&text)
    }

    /// Reads the text of a password file.
    ///
    /// # Errors
    /// [`PasswordMapError::Line`] for a line that is not `user:realm:digest`.
    pub fn parse(text: &str) -> Result<Self, PasswordMapError> {
        let mut map = Self::new();
        for (line, number) in text.lines().zip(1..) {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            let mut parts = line.splitn(3, ':');
            let (Some(user), Some(realm), Some(digest)) = (parts.next(), parts.next(), parts.next()) else {
                return Err(PasswordMapError::Line(number));
            };
            map.set(realm, user, digest).map_err(|_| PasswordMapError::Line(number))?;
        }
        Ok(map)
    }

    /// The text of a password file with these users, realm by realm, in the order in which they were set.
    #[must_use]
    pub fn render(&self) -> String {
        self.iter().map(|(realm, user, digest)| format!("{user}:{realm}:{digest}\n")).collect()
    }

    /// Every realm, user and digest, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.0.iter().flat_map(|(realm, users)| {
            users.iter().map(move |(user, digest)| (realm.as_str(), user.as_str(), digest.as_str()))
        })
    }

    /// Adds a user to a realm, or changes the digest.
    ///
    /// # Errors
    /// [`PasswordMapError::Name`] where one of the three is not allowed in a password file. A name with a
    /// line end, for example, could add a line for any user.
    pub fn set(&mut self, realm: &str, user: &str, digest: &str) -> Result<(), PasswordMapError> {
        for (what, value) in [("realm", realm), ("user", user), ("digest", digest)] {
            check_name(what, value)?;
        }
        self.0.entry(realm.to_owned()).or_default().insert(user.to_owned(), digest.to_owned());
        Ok(())
    }

    /// Removes a user from a realm. Returns whether the user was there.
    pub fn delete(&mut self, realm: &str, user: &str) -> bool {
        self.0.get_mut(realm).is_some_and(|users| users.shift_remove(user).is_some())
    }

    /// The digest of a user in a realm.
    #[must_use]
    pub fn find(&self, realm: &str, user: &str) -> Option<&str> {
        self.0.get(realm)?.get(user).map(String::as_str)
    }

    /// Whether this is the user's digest, compared in constant time.
    #[must_use]
    pub fn verify(&self, realm: &str, user: &str, digest: &str) -> bool {
        self.find(realm, user).is_some_and(|stored| stored.as_bytes().ct_eq(digest.as_bytes()).into())
    }

    /// Writes the file atomically: a reader sees the old users or the new ones, even after a power cut.
    ///
    /// An existing file keeps its permissions, and a symbolic link stays a link; a new file is readable by
    /// its owner only (0600), because a digest is as good as the password for its realm.
    ///
    /// # Errors
    /// [`PasswordMapError::Io`].
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), PasswordMapError> {
        let path = path.as_ref();
        replace(path, self.render().as_bytes()).map_err(|error| PasswordMapError::Io(path.into(), error))
    }
}

/// Checks that a value is allowed in a password file. Blanks around a line are dropped when the file is read,
/// so a user must not begin, and a digest not end, with one.
pub(super) fn check_name(what: &'static str, value: &str) -> Result<(), PasswordMapError> {
    let read_back = match what {
        "user" => value.trim_start(),
        "digest" => value.trim_end(),
        _ => value,
    };
    if read_back != value
        || value.is_empty()
        || value.contains(|character: char| character == ':' || character.is_control())
    {
        return Err(PasswordMapError::Name { what, value: value.to_owned() });
    }
    Ok(())
}

/// Replaces a file by one with this content, by a rename within the directory.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let existing = match fs::canonicalize(path) {
        Ok(target) => Some((fs::metadata(&target)?.permissions(), target)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let target = existing.as_ref().map_or(path, |(_, target)| target);
    let directory = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    // The file is created with mode 0600, on systems that have modes.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    if let Some((permissions, _)) = &existing {
        file.as_file().set_permissions(permissions.clone())?;
    }
    file.as_file().sync_all()?;
    file.persist(target)?;
    // The rename is durable only once the directory is on disk. An error is ignored, because not every system
    // can open a directory.
    fs::File::open(directory).and_then(|directory| directory.sync_all()).or(Ok(()))
}

impl fmt::Debug for PasswordMap {
    /// Shows names only, no digests.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|(realm, user, _)| (realm, user))).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LOOSER: &str = "99f490dffe2c74a7f13d0cf9b61098a5";

    fn zone() -> PasswordMap {
        let mut map = PasswordMap::new();
        map.set("User Zone", "user", LOOSER).unwrap();
        map
    }

    /// The line that `htdigest` of PoorWSGI 2.8.1 writes for the password "looser".
    #[test]
    fn lines_are_those_of_htdigest() {
        let line = format!("user:User Zone:{LOOSER}\n");
        assert_eq!(zone().render(), line);
        assert_eq!(PasswordMap::parse(&format!("\n \t{}\r\n \n", line.trim())).unwrap(), zone());
    }

    #[test]
    fn users_are_found_changed_and_deleted() {
        let mut map = zone();
        assert!(map.verify("User Zone", "user", LOOSER));
        assert!(!map.verify("User Zone", "user", "") && !map.verify("User Zone", "nobody", LOOSER));
        assert!(!map.verify("Other", "user", LOOSER));
        map.set("User Zone", "user", "00").unwrap();
        assert_eq!(map.find("User Zone", "user"), Some("00"));
        assert!(map.delete("User Zone", "user") && !map.delete("User Zone", "user"));
        assert_eq!(map.render(), "");
    }

    /// PoorWSGI 2.8.1 writes such a name, and cannot read its file any more.
    #[test]
    fn names_that_break_the_file_are_refused() {
        for bad in ["", "a:b", "a\nroot:Zone:00", "a\rb", "a\0"] {
            assert!(zone().set(bad, "user", "00").is_err());
            assert!(zone().set("Zone", bad, "00").is_err());
            assert!(zone().set("Zone", "user", bad).is_err());
        }
        assert!(zone().set("Zone", " user", "00").is_err() && zone().set("Zone", "user", "00 ").is_err());
        for (text, line) in [("user:Zone", 1), ("user:Zone:00\n#comment", 2), ("a:b:c:d", 1), ("::", 1)] {
            assert!(
                matches!(PasswordMap::parse(text), Err(PasswordMapError::Line(at)) if at == line),
                "{text}"
            );
        }
    }

    #[test]
    fn debug_shows_no_digest() {
        assert_eq!(format!("{:?}", zone()), r#"{("User Zone", "user")}"#);
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = PasswordMap::load("/nowhere/users").unwrap_err().to_string();
        assert!(error.starts_with("/nowhere/users: "), "{error}");
        assert!(zone().write("/nowhere/users").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_replaced_as_a_whole_and_keeps_its_mode() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let directory = tempfile::tempdir().unwrap();
        let (path, link) = (directory.path().join("users"), directory.path().join("link"));

        zone().write(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("users", &link).unwrap();
        PasswordMap::new().write(&link).unwrap();
        assert_eq!(mode(&path), 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(PasswordMap::load(&path).unwrap(), PasswordMap::new());
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2, "nothing is left behind");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(names in prop::collection::vec(("[^:\\p{Cc}]{1,9}", "[^:\\p{Cc}\\s][^:\\p{Cc}]{0,8}", "[0-9a-f]{32}"), 0..9)) {
            let mut map = PasswordMap::new();
            for (realm, user, digest) in names {
                map.set(&realm, &user, &digest).unwrap();
            }
            // Line ends of Unicode are ordinary characters here.
            prop_assert_eq!(PasswordMap::parse(&map.render()).unwrap(), map);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "([^:]{0,3}:?){0,9}") {
            let _ = PasswordMap::parse(&text);
        }
    }
}
