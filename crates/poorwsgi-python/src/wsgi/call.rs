//! The application as a WSGI callable.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::answer::answer;
use crate::application::Application;
use crate::names::Name;

#[pymethods]
impl Application {
    /// Answers a request of a WSGI server (PEP 3333).
    fn __call__<'py>(
        slf: &Bound<'py, Self>,
        env: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        static PROFILED: Name = Name::new("poorwsgi._profile", "call");
        if let Some((runctx, dump)) = slf.get().profile(slf.py()) {
            return PROFILED.get(slf.py())?.call1((
                slf.getattr("__request__")?,
                env,
                start_response,
                runctx,
                dump,
            ));
        }
        if !slf.is_exact_instance_of::<Self>() {
            // A subclass may have its own.
            return slf.call_method1(intern!(slf.py(), "__request__"), (env, start_response));
        }
        answer(slf, env, start_response)
    }

    /// Answers a request without the profiler.
    fn __request__<'py>(
        slf: &Bound<'py, Self>,
        env: &Bound<'py, PyDict>,
        start_response: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        answer(slf, env, start_response)
    }
}
