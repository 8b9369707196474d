//! Password files.

use std::io;
use std::path::PathBuf;

use poorwsgi_core::digest::command::{Action, Ask, Command, CommandError};
use poorwsgi_core::digest::{Algorithm, PasswordMap, PasswordMapError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// The (realm, user, digest) of each line of a password file. Raises OSError or ValueError.
#[pyfunction]
pub(crate) fn _read_passwords(py: Python<'_>, path: PathBuf) -> PyResult<Vec<(String, String, String)>> {
    let map = py.detach(|| PasswordMap::load(path)).map_err(|error| python_error(py, error))?;
    Ok(map.iter().map(|(realm, user, digest)| (realm.into(), user.into(), digest.into())).collect())
}

/// Writes a password file of (realm, user, digest) atomically. Raises OSError or ValueError.
#[pyfunction]
pub(crate) fn _write_passwords(
    py: Python<'_>,
    path: PathBuf,
    users: Vec<(String, String, String)>,
) -> PyResult<()> {
    let write = || {
        let mut map = PasswordMap::new();
        for (realm, user, digest) in users {
            map.set(&realm, &user, &digest)?;
        }
        map.write(path)
    };
    py.detach(write).map_err(|error| python_error(py, error))
}

/// The work of `python -m poorwsgi.digest`. password is called with a prompt and returns what the user types;
/// new_password returns a new password or None; digest is called with a password and returns its digest;
/// write is called with the text to print. Returns the exit code; raises OSError or ValueError if the command
/// cannot be run.
#[pyfunction]
#[pyo3(signature = (file, realm, user, action, *, password, new_password, digest, write))]
#[expect(clippy::too_many_arguments, reason = "Python gives them by name")]
pub(crate) fn _digest_command(
    file: Option<PathBuf>,
    realm: String,
    user: String,
    action: &str,
    password: &Bound<'_, PyAny>,
    new_password: &Bound<'_, PyAny>,
    digest: &Bound<'_, PyAny>,
    write: &Bound<'_, PyAny>,
) -> PyResult<u8> {
    let action = match action {
        "create" => Action::Set { create: true },
        "change" => Action::Set { create: false },
        "print" => Action::Print,
        "delete" => Action::Delete,
        "verify" => Action::Verify,
        other => return Err(PyValueError::new_err(format!("no such action: {other:?}"))),
    };
    // Not used: `digest` computes the digest.
    let command = Command { file, realm, user, algorithm: Algorithm::Md5, action };
    match command.run(PythonPrompts { password, new_password, digest }, &mut Printed(write)) {
        Ok(outcome) => Ok(outcome.exit_code()),
        Err(CommandError::PasswordMap(error)) => Err(python_error(write.py(), error)),
        // Includes the exceptions of the Python functions.
        Err(CommandError::Io(error)) => Err(error.into()),
        Err(error) => Err(PyValueError::new_err(error.to_string())),
    }
}

/// Functions of `poorwsgi.digest`. They are called through Python because a program may replace them.
struct PythonPrompts<'a, 'py> {
    password: &'a Bound<'py, PyAny>,
    new_password: &'a Bound<'py, PyAny>,
    digest: &'a Bound<'py, PyAny>,
}

impl Ask for PythonPrompts<'_, '_> {
    fn password(&mut self, prompt: &str) -> io::Result<String> {
        Ok(self.password.call1((prompt,))?.extract()?)
    }

    fn new_password(&mut self, _out: &mut dyn io::Write) -> io::Result<Option<String>> {
        Ok(self.new_password.call0()?.extract()?)
    }

    fn digest(&mut self, _command: &Command, password: &str) -> io::Result<String> {
        Ok(self.digest.call1((password,))?.extract()?)
    }
}

/// The `write` method of a Python text file.
struct Printed<'a, 'py>(&'a Bound<'py, PyAny>);

impl io::Write for Printed<'_, '_> {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.0.call1((String::from_utf8_lossy(text),))?;
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of the file system becomes an OSError with its number and path; a bad name or line a ValueError.
fn python_error(py: Python<'_>, error: PasswordMapError) -> PyErr {
    match error {
        PasswordMapError::Io(path, error) => match error.raw_os_error() {
            Some(number) => {
                let text = py
                    .import("os")
                    .and_then(|os| os.call_method1("strerror", (number,))?.extract::<String>());
                PyOSError::new_err((number, text.unwrap_or_default(), path.into_os_string()))
            }
            None => error.into(),
        },
        error => PyValueError::new_err(error.to_string()),
    }
}
