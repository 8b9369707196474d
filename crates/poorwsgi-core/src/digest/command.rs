//! The logic of the command-line tool for password files, without its terminal I/O.
//!
//! ```
//! use poorwsgi::digest::Algorithm;
//! use poorwsgi::digest::command::{Action, Command, CommandEnd};
//!
//! # let directory = tempfile::tempdir()?;
//! # let file = directory.path().join("users");
//! // An installer makes the first user of an application.
//! let command = Command {
//!     file: Some(file),
//!     realm: "Zone".into(),
//!     user: "ann".into(),
//!     algorithm: Algorithm::Sha256,
//!     action: Action::Set { create: true },
//! };
//! let ask = |_prompt: &str| Ok("looking-glass".to_owned());
//! assert_eq!(command.run(ask, &mut std::io::stdout())?, CommandEnd::Done);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

use super::password_map::check_name;
use super::{Algorithm, PasswordMap, PasswordMapError, hexdigest};

/// One run of the tool, for one user of one realm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The password file; not needed for [`Action::Print`].
    pub file: Option<PathBuf>,
    /// The realm.
    pub realm: String,
    /// The user.
    pub user: String,
    /// The algorithm of the stored digest.
    pub algorithm: Algorithm,
    /// What to do.
    pub action: Action,
}

/// What to do with the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Ask for a password and store its digest; `create` allows the file to be new.
    Set {
        /// Whether a missing file is created.
        create: bool,
    },
    /// Ask for a password and print the line for the file.
    Print,
    /// Remove the user.
    Delete,
    /// Ask for the password and say whether it is right.
    Verify,
}

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    /// Done.
    Done,
    /// The two passwords were not the same; nothing was changed.
    Mismatch,
    /// The user is unknown or the password wrong.
    Invalid,
}

impl CommandEnd {
    /// The exit code, the same as that of `python -m poorwsgi.digest`: 0 for `Done`, 1 for `Mismatch`, 2 for
    /// `Invalid`. The tool also exits with 2 on an error.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            CommandEnd::Done => 0,
            CommandEnd::Mismatch => 1,
            CommandEnd::Invalid => 2,
        }
    }
}

/// Why the command could not be run.
#[derive(Debug)]
#[non_exhaustive]
pub enum CommandError {
    /// No password file was named.
    NoFile,
    /// The password file does not exist.
    FileNotFound(PathBuf),
    /// The password file cannot be used, or a name is not allowed in it.
    PasswordMap(PasswordMapError),
    /// The password cannot be read, or a message cannot be written.
    Io(io::Error),
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommandError::NoFile => f.write_str("a password file is required"),
            CommandError::FileNotFound(path) => {
                write!(f, "{}: not found; -c without -v and -D makes a new password file", path.display())
            }
            CommandError::PasswordMap(error) => error.fmt(f),
            CommandError::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for CommandError {}

impl From<PasswordMapError> for CommandError {
    fn from(error: PasswordMapError) -> Self {
        CommandError::PasswordMap(error)
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        CommandError::Io(error)
    }
}

/// Asks the user for passwords. A function that shows a prompt and returns the typed text implements this
/// trait. A type of its own is needed only to ask for new passwords, or to hash them, in another way.
pub trait Ask {
    /// Shows a prompt and returns the text that the user types.
    ///
    /// # Errors
    /// Where the user cannot be asked.
    fn password(&mut self, prompt: &str) -> io::Result<String>;

    /// Asks for a new password twice. Where the two differ, it writes a message to `out` and returns `None`.
    ///
    /// # Errors
    /// Where the user cannot be asked, or the message cannot be written.
    fn new_password(&mut self, out: &mut dyn Write) -> io::Result<Option<String>> {
        let password = self.password("New password: ")?;
        if password != self.password("Re-type new password: ")? {
            writeln!(out, "They don't match, sorry.")?;
            return Ok(None);
        }
        Ok(Some(password))
    }

    /// The digest that is stored for a password.
    ///
    /// # Errors
    /// The default implementation never fails.
    fn digest(&mut self, command: &Command, password: &str) -> io::Result<String> {
        Ok(hexdigest(&command.user, &command.realm, password, command.algorithm))
    }
}

impl<F: FnMut(&str) -> io::Result<String>> Ask for F {
    fn password(&mut self, prompt: &str) -> io::Result<String> {
        self(prompt)
    }
}

impl Command {
    /// Runs the command. `ask` asks for passwords; messages go to `out`.
    ///
    /// # Errors
    /// [`CommandError`]; the file is then unchanged.
    pub fn run(&self, mut ask: impl Ask, out: &mut impl Write) -> Result<CommandEnd, CommandError> {
        let Command { realm, user, .. } = self;
        check_name("realm", realm)?;
        check_name("user", user)?;
        if self.action == Action::Print {
            let Some(digest) = self.new_digest(&mut ask, out)? else { return Ok(CommandEnd::Mismatch) };
            let mut one = PasswordMap::new();
            one.set(realm, user, &digest)?;
            write!(out, "{}", one.render())?;
            return Ok(CommandEnd::Done);
        }
        let path = self.file.as_ref().ok_or(CommandError::NoFile)?;
        let exists = path.try_exists().map_err(|error| PasswordMapError::Io(path.clone(), error))?;
        let mut users = if exists {
            PasswordMap::load(path)?
        } else if self.action == (Action::Set { create: true }) {
            PasswordMap::new()
        } else {
            return Err(CommandError::FileNotFound(path.clone()));
        };
        match self.action {
            Action::Verify => {
                let password = ask.password("Password: ")?;
                let digest = ask.digest(self, &password)?;
                let valid = users.verify(realm, user, &digest);
                writeln!(out, "{} user.", if valid { "Valid" } else { "Invalid" })?;
                return Ok(if valid { CommandEnd::Done } else { CommandEnd::Invalid });
            }
            Action::Delete if !users.delete(realm, user) => {
                writeln!(out, "User `{user}` not found.")?;
                return Ok(CommandEnd::Done);
            }
            Action::Delete => {
                users.write(path)?;
                writeln!(out, "User `{user}` was deleted.")?;
                return Ok(CommandEnd::Done);
            }
            Action::Set { .. } | Action::Print => {
                let verb = if users.find(realm, user).is_some() { "Changing password for" } else { "Adding" };
                writeln!(out, "{verb} user `{user}` in realm `{realm}`.")?;
                let Some(digest) = self.new_digest(&mut ask, out)? else { return Ok(CommandEnd::Mismatch) };
                users.set(realm, user, &digest)?;
            }
        }
        users.write(path)?;
        Ok(CommandEnd::Done)
    }

    fn new_digest(&self, ask: &mut impl Ask, out: &mut impl Write) -> io::Result<Option<String>> {
        let password = ask.new_password(out)?;
        password.map(|password| ask.digest(self, &password)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Terminal {
        directory: tempfile::TempDir,
    }

    impl Terminal {
        fn new() -> Self {
            Terminal { directory: tempfile::tempdir().unwrap() }
        }

        fn file(&self) -> PathBuf {
            self.directory.path().join("users")
        }

        fn run(
            &self,
            action: Action,
            user: &str,
            typed: &[&str],
        ) -> (Result<CommandEnd, CommandError>, String) {
            let command = Command {
                file: Some(self.file()),
                realm: "Zone".to_owned(),
                user: user.to_owned(),
                algorithm: Algorithm::Md5,
                action,
            };
            let (mut typed, mut out) = (typed.iter(), Vec::new());
            let ask = |_: &str| {
                typed.next().map(|&line| line.to_owned()).ok_or(io::ErrorKind::UnexpectedEof.into())
            };
            let result = command.run(ask, &mut out);
            (result, String::from_utf8(out).unwrap())
        }
    }

    /// The life of a user, with the messages, exit codes and file of `python -m poorwsgi.digest` (2.8.1).
    #[test]
    fn a_user_is_added_verified_changed_and_deleted() {
        let terminal = Terminal::new();
        let done = |action, typed: &[&str]| {
            let (result, out) = terminal.run(action, "user", typed);
            (result.unwrap().exit_code(), out)
        };
        let (set, added) = (Action::Set { create: false }, "Adding user `user` in realm `Zone`.\n");
        assert_eq!(done(Action::Set { create: true }, &["pw", "pw"]), (0, added.to_owned()));
        let line = "user:Zone:e7cb908e545f4564a0d9375b03f54b4c\n";
        assert_eq!(std::fs::read_to_string(terminal.file()).unwrap(), line);
        assert_eq!(done(Action::Verify, &["pw"]), (0, "Valid user.\n".to_owned()));
        assert_eq!(done(Action::Verify, &["other"]), (2, "Invalid user.\n".to_owned()));

        let changing = "Changing password for user `user` in realm `Zone`.\n";
        assert_eq!(done(set, &["new", "new"]), (0, changing.to_owned()));
        assert_eq!(done(set, &["a", "b"]), (1, format!("{changing}They don't match, sorry.\n")));
        assert_eq!(done(Action::Verify, &["new"]).0, 0);
        assert_eq!(done(Action::Delete, &[]), (0, "User `user` was deleted.\n".to_owned()));
        assert_eq!(done(Action::Delete, &[]), (0, "User `user` not found.\n".to_owned()));
        assert_eq!(done(Action::Print, &["pw", "pw"]), (0, line.to_owned()));
        assert_eq!(std::fs::read_to_string(terminal.file()).unwrap(), "");
    }

    #[test]
    fn a_file_is_made_only_when_asked() {
        let terminal = Terminal::new();
        for action in [Action::Set { create: false }, Action::Verify, Action::Delete] {
            let (result, _) = terminal.run(action, "user", &["pw", "pw"]);
            assert!(matches!(result, Err(CommandError::FileNotFound(_))));
        }
        assert!(!terminal.file().exists());
    }

    #[test]
    fn a_bad_name_or_file_leaves_everything_as_it_was() {
        let terminal = Terminal::new();
        let (result, _) = terminal.run(Action::Set { create: true }, "a:b", &[]);
        assert!(matches!(result, Err(CommandError::PasswordMap(_))), "before a password is asked for");
        assert!(!terminal.file().exists());
        assert!(terminal.run(Action::Print, "a\nb", &["pw", "pw"]).0.is_err());
        std::fs::write(terminal.file(), "junk\n").unwrap();
        assert!(terminal.run(Action::Set { create: true }, "user", &["pw", "pw"]).0.is_err());
        assert_eq!(std::fs::read_to_string(terminal.file()).unwrap(), "junk\n");
    }
}
