//! Settings of which the Python object that was set is kept, so that reading returns the same object.

use poorwsgi_core::settings::Settings;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyList;

/// The objects of one application.
#[derive(Default)]
pub(super) struct Own {
    pub(super) values: Values,
    pub(super) profile: Option<(Py<PyAny>, Py<PyAny>)>,
}

#[derive(Default)]
pub(super) struct Values {
    pub(super) form_mime_types: Option<Py<PyList>>,
    pub(super) json_mime_types: Option<Py<PyList>>,
    pub(super) document_root: Option<Py<PyAny>>,
    pub(super) secret_key: Option<Py<PyAny>>,
    pub(super) file_callback: Option<Py<PyAny>>,
    pub(super) read_timeout: Option<Py<PyAny>>,
    pub(super) auth_timeout: Option<Py<PyAny>>,
    pub(super) auth_qop: Option<Py<PyAny>>,
    pub(super) auth_algorithm: Option<Py<PyAny>>,
}

impl Own {
    pub(super) fn new(py: Python<'_>, settings: &Settings) -> PyResult<Self> {
        let values = Values {
            form_mime_types: Some(PyList::new(py, &settings.form_mime_types)?.unbind()),
            json_mime_types: Some(PyList::new(py, &settings.json_mime_types)?.unbind()),
            ..Values::default()
        };
        Ok(Own { values, profile: None })
    }

    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    pub(super) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        let Values {
            form_mime_types,
            json_mime_types,
            document_root,
            secret_key,
            file_callback,
            read_timeout,
            auth_timeout,
            auth_qop,
            auth_algorithm,
        } = &self.values;
        for list in [form_mime_types, json_mime_types].into_iter().flatten() {
            visit.call(list)?;
        }
        let values =
            [document_root, secret_key, file_callback, read_timeout, auth_timeout, auth_qop, auth_algorithm];
        values.into_iter().flatten().try_for_each(|value| visit.call(value))?;
        match &self.profile {
            Some((runctx, dump)) => visit.call(runctx).and_then(|()| visit.call(dump)),
            None => Ok(()),
        }
    }
}
