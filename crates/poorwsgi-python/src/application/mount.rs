//! Mounting of other applications below a prefix.

use std::sync::Arc;

use poorwsgi_core::routing::mount;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyType;

use super::registration::callable;
use super::routes::route_error;
use super::tables::Callee;
use super::{Application, MountedCallable};
use crate::names::overrides;

#[pymethods]
impl Application {
    /// Mounts another application below a prefix of the path: an Application, or any other WSGI callable.
    ///
    ///     >>> inner = Application("hello")
    ///     >>> app.mount("/inner", inner)
    ///
    /// It gets all requests, whatever their method, whose path is the prefix, or begins with the prefix and a
    /// slash; only static routes, and routes with groups that were set before, come first. The before and
    /// after hooks of this application run as for handlers. The request body is left to the mounted
    /// application, and so are its errors: its own hooks, state and error handlers answer them. An exception
    /// that a WSGI callable raises goes to the error handlers of this application.
    ///
    /// The mounted application sees the rest of the path; for the prefix alone that is "/". Its
    /// Request.construct_url adds the prefix, and so does a redirect of it to a path. A WSGI callable finds
    /// the prefix in SCRIPT_NAME.
    ///
    /// Raises ValueError for a prefix that does not begin with a slash, that ends with one or has groups,
    /// where something is mounted already, and for an application that would be mounted in itself; TypeError
    /// for what is not callable.
    fn mount(slf: &Bound<'_, Self>, prefix: &str, application: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        let tables = Application::native(application)?.map(|inner| Arc::clone(&inner.get().tables));
        if tables.as_ref().is_some_and(|tables| tables.lead_to(&slf.get().tables)) {
            return Err(PyValueError::new_err(format!(
                "mount {prefix:?}: an application cannot be mounted in itself"
            )));
        }
        if let Ok(class) = application.cast::<PyType>()
            && class.is_subclass_of::<Application>()?
        {
            let name = class.name()?;
            return Err(PyTypeError::new_err(format!(
                "mount {prefix:?}: {name} is a class; mount an application: {name}(\"name\")"
            )));
        }
        callable(application, &format!("mount {prefix:?}"))?;
        let mounted = MountedCallable { prefix: prefix.to_owned(), tables };
        let callee = Arc::new(Callee::mounted(application.clone().unbind(), mounted));
        let set = slf.get().change(py, |tables| mount(&mut tables.router, prefix, callee));
        set.map_err(|error| route_error(py, &error))
    }
}

impl Application {
    /// The object as one of our applications, if it can be called without WSGI: unless its class defines
    /// `__call__`, which is reached only through WSGI. Middleware around an application is not an
    /// application.
    pub(crate) fn native<'a, 'py>(object: &'a Bound<'py, PyAny>) -> PyResult<Option<&'a Bound<'py, Self>>> {
        let Ok(ours) = object.cast::<Application>() else { return Ok(None) };
        let class = object.py().get_type::<Application>();
        Ok((!overrides(&ours.get_type(), &class, &["__call__", "__request__"])?).then_some(ours))
    }
}
