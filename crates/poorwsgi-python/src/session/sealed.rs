//! What the encrypted sessions have in common: their secrets, and data as JSON.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyByteArray, PyBytes, PyDict, PyList, PyMemoryView, PyString, PyTuple};

use super::{Session, SessionError, cookie};
use crate::exceptions::{bad_cookie, fault_of_client};
use crate::log;
use crate::names::{Name, kind_of};

/// The secrets from a str, bytes, or a list of these, the current one first. None, as in an application
/// without a key, gives no secrets. Returns `None` for any other type.
pub(super) fn secrets(key: &Bound<'_, PyAny>) -> PyResult<Option<Vec<Vec<u8>>>> {
    if key.is_none() {
        return Ok(Some(Vec::new()));
    }
    if key.is_instance_of::<PyList>() || key.is_instance_of::<PyTuple>() {
        let one = |key: PyResult<Bound<'_, PyAny>>| {
            let key = key?;
            secret(&key)?.ok_or_else(|| wrong_type(&key))
        };
        return key.try_iter()?.map(one).collect::<PyResult<_>>().map(Some);
    }
    Ok(secret(key)?.map(|secret| vec![secret]))
}

fn secret(key: &Bound<'_, PyAny>) -> PyResult<Option<Vec<u8>>> {
    if let Ok(text) = key.cast::<PyString>() {
        return Ok(Some(text.to_str()?.as_bytes().to_vec()));
    }
    if key.is_instance_of::<PyMemoryView>() {
        return key.call_method0("tobytes")?.extract().map(Some);
    }
    if key.is_instance_of::<PyBytes>() || key.is_instance_of::<PyByteArray>() {
        return key.extract().map(Some);
    }
    Ok(None)
}

pub(super) fn wrong_type(key: &Bound<'_, PyAny>) -> PyErr {
    let kind = kind_of(key);
    PyTypeError::new_err(format!("the secret key is {kind}; expected str, bytes, or a list of them"))
}

/// Loads the data of a session from its cookie; `open` decrypts the cookie to JSON text.
pub(super) fn load(
    session: &Bound<'_, Session>,
    cookies: Option<&Bound<'_, PyAny>>,
    open: impl FnOnce(&str, &str) -> PyResult<Vec<u8>>,
) -> PyResult<()> {
    static LOADS: Name = Name::new("json", "loads");
    let py = session.py();
    let sid = Session::sid_of(session)?;
    let Some(value) = cookie::value_of(cookies, &sid)?.filter(|value| !value.is_empty()) else {
        return Ok(());
    };
    let data = open(&sid, &value)
        .and_then(|json| LOADS.get(py)?.call1((PyBytes::new(py, &json),)))
        .map_err(|error| refused(session, error))?;
    if !data.is_instance_of::<PyDict>() {
        let error = SessionError::new_err(
            "the session cookie contains JSON that is not an object; session.data is a dict",
        );
        return Err(of_client(session, error));
    }
    session.setattr("data", data)
}

fn refused(session: &Bound<'_, Session>, error: PyErr) -> PyErr {
    let py = session.py();
    // An error of logging must not hide that the cookie is bad.
    let quoted = (error.value(py),);
    let _ = log::write(py, "poorwsgi.session", "info", "session cookie refused: %s", quoted);
    if error.is_instance_of::<SessionError>(py) {
        // Not a session without a key, which is the application's mistake.
        let is_of_client = fault_of_client(py, &error).is_some();
        return if is_of_client { of_client(session, error) } else { error };
    }
    let refused = SessionError::new_err("bad session data");
    refused.set_cause(py, Some(error));
    of_client(session, refused)
}

/// The exception for a cookie that the client should not have sent. If no code handles it, it is a 400 that
/// removes the cookie, so that the client's next request begins a new session.
fn of_client(session: &Bound<'_, Session>, error: PyErr) -> PyErr {
    let py = session.py();
    let detail = format!("session cookie: {}", error.value(py));
    bad_cookie(py, error, detail, Session::removing_cookie(session))
}

/// The data of a session as JSON text.
pub(super) fn dumps(session: &Bound<'_, Session>) -> PyResult<Vec<u8>> {
    static DUMPS: Name = Name::new("json", "dumps");
    let json: String = DUMPS.get(session.py())?.call1((session.getattr("data")?,))?.extract()?;
    Ok(json.into_bytes())
}
