//! Password files.

use std::path::PathBuf;

use poorwsgi::digest::{PasswordMap, PasswordMapError};
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

/// (realm, user, digest) of every line of a password file.
#[pyfunction]
pub(crate) fn _read_passwords(py: Python<'_>, path: PathBuf) -> PyResult<Vec<(String, String, String)>> {
    let map = py.detach(|| PasswordMap::load(path)).map_err(|error| python_error(py, error))?;
    Ok(map.iter().map(|(realm, user, digest)| (realm.into(), user.into(), digest.into())).collect())
}

/// Writes a password file of (realm, user, digest): as a whole or not at all.
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

/// What the file system says is an OSError with its number and path; a bad name or line is a ValueError.
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
