//! Hooks, and the handlers of states and errors.

use std::sync::Arc;

use poorwsgi_core::tables::Tables;
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::registration::{
    callable, check_replaced_state, check_status, method_bits, methods, not_exceptions, of_error, of_status,
    status_code as status,
};
use super::routes::{by_method, ordered};
use super::{Application, ErrorType, Function, Python3, decorator, one_method};
use crate::names::{deprecated, function_name, name_and_place};

/// Selects the hooks of one kind.
type Hooks = fn(&mut Tables<Python3>) -> &mut Vec<Function>;

const BEFORE: Hooks = |tables| &mut tables.before;
const AFTER: Hooks = |tables| &mut tables.after;

impl Application {
    fn add_hook(&self, hooks: Hooks, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        let hook = callable(fun, "hook")?;
        // Compared before the table is locked, because == may run Python code.
        if at(hooks(Arc::make_mut(&mut self.tables())), fun)?.is_some() {
            let name = name_and_place(fun);
            return Err(PyValueError::new_err(format!("hook {name} was added already; add each hook once")));
        }
        self.change(fun.py(), |tables| hooks(tables).push(hook));
        Ok(())
    }

    fn pop_hook(&self, hooks: Hooks, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        let found = at(hooks(Arc::make_mut(&mut self.tables())), fun)?;
        let missing = || {
            let name = name_and_place(fun);
            PyValueError::new_err(format!("hook {name} was not added, so it cannot be removed"))
        };
        let hook = found.ok_or_else(missing)?;
        self.change(fun.py(), |tables| hooks(tables).retain(|other| !Arc::ptr_eq(other, &hook)));
        Ok(())
    }

    /// The key of an exception type, or of several, in the table of error handlers: the existing key that is
    /// equal, otherwise a new one.
    fn error_type(&self, error: &Bound<'_, PyAny>) -> PyResult<ErrorType> {
        // Compared while the table is not locked, because == may run Python code.
        let known: Vec<ErrorType> = self.tables().errors.iter().map(|(kind, _)| kind.clone()).collect();
        for kind in known {
            if kind.0.bind(error.py()).eq(error)? {
                return Ok(kind);
            }
        }
        Ok(ErrorType(Arc::new(error.clone().unbind().into())))
    }

    fn hooks<'py>(&self, py: Python<'py>, hooks: Hooks) -> PyResult<Bound<'py, PyTuple>> {
        let functions: Vec<_> =
            hooks(Arc::make_mut(&mut self.tables())).iter().map(|hook| hook.clone_ref(py)).collect();
        PyTuple::new(py, functions)
    }
}

/// The hook that is equal to this function.
fn at(hooks: &[Function], fun: &Bound<'_, PyAny>) -> PyResult<Option<Function>> {
    for hook in hooks {
        if hook.bind(fun.py()).eq(fun)? {
            return Ok(Some(Arc::clone(hook)));
        }
    }
    Ok(None)
}

#[pymethods]
impl Application {
    /// The functions that are called before each handler, in order.
    #[getter]
    fn before<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.hooks(py, BEFORE)
    }

    /// The functions that are called with each response, in order.
    #[getter]
    fn after<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.hooks(py, AFTER)
    }

    /// Decorator: the function is called with each request before its handler. See add_before_response.
    fn before_response<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyCFunction>> {
        decorator(slf, |app, function| app.call_method1("add_before_response", (function,)).map(drop))
    }

    /// Adds a function that is called with each request before its handler, for files and unknown paths, too.
    ///
    /// The function is called with the request. Its return value is ignored; it ends a request by raising an
    /// exception: abort(401), redirect("/login"). Raises ValueError if the function was added already.
    fn add_before_response(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        self.add_hook(BEFORE, fun)
    }

    /// Removes a function that was added with add_before_response. Raises ValueError if it was not added.
    fn pop_before_response(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        self.pop_hook(BEFORE, fun)
    }

    /// Deprecated: use before_response.
    fn before_request<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyCFunction>> {
        deprecated(slf.py(), "before_request is deprecated: use before_response")?;
        Self::before_response(slf)
    }

    /// Deprecated: use add_before_response.
    fn add_before_request(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        deprecated(fun.py(), "add_before_request is deprecated: use add_before_response")?;
        self.add_hook(BEFORE, fun)
    }

    /// Deprecated: use pop_before_response.
    fn pop_before_request(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        deprecated(fun.py(), "pop_before_request is deprecated: use pop_before_response")?;
        self.pop_hook(BEFORE, fun)
    }

    /// Decorator: the function is called with each response. See add_after_response.
    fn after_response<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyCFunction>> {
        decorator(slf, |app, function| app.call_method1("add_after_response", (function,)).map(drop))
    }

    /// Adds a function that is called with the request and each response, error responses included. The
    /// function returns the response that is sent: the same or another. Raises ValueError if the function was
    /// added already.
    fn add_after_response(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        self.add_hook(AFTER, fun)
    }

    /// Removes a function that was added with add_after_response. Raises ValueError if it was not added.
    fn pop_after_response(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        self.pop_hook(AFTER, fun)
    }

    /// Deprecated: use after_response.
    fn after_request<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyCFunction>> {
        deprecated(slf.py(), "after_request is deprecated: use after_response")?;
        Self::after_response(slf)
    }

    /// Deprecated: use add_after_response.
    fn add_after_request(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        deprecated(fun.py(), "add_after_request is deprecated: use add_after_response")?;
        self.add_hook(AFTER, fun)
    }

    /// Deprecated: use pop_after_response.
    fn pop_after_request(&self, fun: &Bound<'_, PyAny>) -> PyResult<()> {
        deprecated(fun.py(), "pop_after_request is deprecated: use pop_after_response")?;
        self.pop_hook(AFTER, fun)
    }

    /// A copy of the table of state handlers: {status code: {method: handler}}.
    #[getter]
    fn states<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let states = PyDict::new(py);
        for (status, table) in self.tables().states.iter() {
            states.set_item(status, by_method(py, table, |handler| Ok(handler.bind(py).clone()))?)?;
        }
        Ok(states)
    }

    /// A copy of the table of error handlers: {exception type: {method: handler}}.
    #[getter]
    fn errors<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let errors = ordered(py)?;
        for (kind, table) in self.tables().errors.iter() {
            errors
                .set_item(kind.0.bind(py), by_method(py, table, |handler| Ok(handler.bind(py).clone()))?)?;
        }
        Ok(errors)
    }

    /// Decorator: the function becomes the handler of a status. See set_http_state.
    #[pyo3(signature = (status_code, method = 7))]
    fn http_state<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = status)] status_code: u16,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyCFunction>> {
        decorator(slf, move |app, function| {
            app.call_method1("set_http_state", (status_code, function, method)).map(drop)
        })
    }

    /// Sets the handler that answers in place of the default page of a status.
    ///
    /// The handler is called with the request and the keyword arguments of the HTTPException. One of these is
    /// error, if the cause is known; sys.exc_info() returns the exception. A handler that has a parameter
    /// allow gets the methods of the path with a 405, one with a parameter www_authenticate the digest
    /// challenge with a 401. Where the handler's response has that status but not the header, the header is
    /// added. Other methods keep the default page. method is one or several METHOD_ constants of poorwsgi.state, joined by |; the default is 7:
    /// HEAD, GET and POST.
    #[pyo3(signature = (status_code, fun, method = 7))]
    fn set_http_state(
        &self,
        #[pyo3(from_py_with = status)] status_code: u16,
        fun: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<()> {
        let what = of_status(status_code);
        let (handler, methods) = (callable(fun, &what)?, methods(fun, method, &what)?);
        check_status(fun.py(), status_code)?;
        {
            let tables = self.tables();
            let rows = tables.states.iter().filter(|(status, _)| **status == status_code);
            check_replaced_state(fun, methods, &what, rows.flat_map(|(_, table)| table.iter()))?;
        }
        self.change(fun.py(), |tables| tables.states.set(status_code, methods, handler));
        Ok(())
    }

    /// Removes the handler of a status for one method, and returns it. Raises KeyError if there is none.
    fn pop_http_state(
        &self,
        py: Python<'_>,
        status_code: u16,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Py<PyAny>> {
        let one = one_method(method)?;
        let popped = self.change(py, |tables| tables.states.pop(&status_code, one));
        popped.map(|handler| handler.clone_ref(py)).ok_or_else(|| PyKeyError::new_err(method))
    }

    /// Decorator: the function becomes the handler of exceptions of a type. See set_error_handler.
    #[pyo3(signature = (error, method = 7))]
    fn error_handler<'py>(
        slf: &Bound<'py, Self>,
        error: Bound<'py, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyCFunction>> {
        if error.is_callable() && error.py().None().bind(error.py()).is_instance(&error).is_err() {
            return Err(PyTypeError::new_err(format!(
                "error_handler: {:?} is given in place of the type; write the type in parentheses: \
                 @app.error_handler(ValueError)",
                function_name(&error)
            )));
        }
        let error = error.unbind();
        decorator(slf, move |app, function| {
            app.call_method1("set_error_handler", (&error, function, method)).map(drop)
        })
    }

    /// Sets the handler of exceptions of a type and its subclasses. It is called with the request and the
    /// exception.
    ///
    /// error is whatever isinstance() takes: a type, a tuple of types, or a union.
    ///
    /// Of several handlers that match an exception and the method, the one that was set first is called.
    #[pyo3(signature = (error, fun, method = 7))]
    fn set_error_handler(
        &self,
        error: &Bound<'_, PyAny>,
        fun: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<()> {
        if error.py().None().bind(error.py()).is_instance(error).is_err() {
            return Err(not_exceptions(error));
        }
        let what = of_error(error);
        let (handler, methods) = (callable(fun, &what)?, methods(fun, method, &what)?);
        let kind = self.error_type(error)?;
        self.change(fun.py(), |tables| tables.errors.set(kind, methods, handler));
        Ok(())
    }

    /// Removes the handler of an exception type for one method, and returns it. Raises KeyError if there is
    /// none.
    fn pop_error_handler(
        &self,
        error: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Py<PyAny>> {
        let py = error.py();
        let one = one_method(method)?;
        let kind = self.error_type(error)?;
        let popped = self.change(py, |tables| tables.errors.pop(&kind, one));
        popped.map(|handler| handler.clone_ref(py)).ok_or_else(|| PyKeyError::new_err(method))
    }
}
