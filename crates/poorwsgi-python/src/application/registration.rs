//! Checks of what an application registers: functions, methods, routes and statuses.
//!
//! What could never work in PoorWSGI is an error, and what PoorWSGI accepts in silence is a warning, so that an
//! existing application runs all the same.

use std::sync::Arc;

use poorwsgi_core::routing::{Shadow, mistakes_of_rule};
use poorwsgi_core::state::{METHOD_ALL, Method, MethodSet};
use pyo3::exceptions::{PyOverflowError, PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyString, PyType};

use super::Function;
use crate::exceptions::known;
use crate::names::{Name, function_name, kind_of, mistaken, name_and_place};

/// Flags of code objects (`inspect.CO_COROUTINE`, `inspect.CO_ASYNC_GENERATOR`).
const ASYNC: u32 = 0x80 | 0x200;

/// The callable as an entry of a table.
///
/// # Errors
/// TypeError, whose text begins with `what`, for an object that is not callable, and for a function that is
/// defined with `async def`.
pub(super) fn callable(function: &Bound<'_, PyAny>, what: &str) -> PyResult<Function> {
    if !function.is_callable() {
        let kind = kind_of(function);
        return Err(PyTypeError::new_err(format!("{what}: {kind} is not callable; expected a function")));
    }
    if is_async(function) {
        return Err(PyTypeError::new_err(format!(
            "{what}: {} is defined with async def, which is not supported yet; define it with def",
            name_and_place(function)
        )));
    }
    Ok(Arc::new(function.clone().unbind().into()))
}

/// Whether a function, a method, a partial or the `__call__` of an object is defined with `async def`.
fn is_async(function: &Bound<'_, PyAny>) -> bool {
    static PARTIAL: Name = Name::new("functools", "partial");
    let py = function.py();
    let mut function = function.clone();
    if function.is_instance_of::<PyType>() {
        return false;
    }
    while PARTIAL.get(py).and_then(|partial| function.is_instance(partial)).unwrap_or(false) {
        let Ok(inner) = function.getattr(intern!(py, "func")) else { return false };
        function = inner;
    }
    let called = || function.get_type().getattr(intern!(py, "__call__")).ok();
    flags(&function).or_else(|| flags(&called()?)).is_some_and(|flags| flags & ASYNC != 0)
}

/// The flags of a function's code object.
fn flags(function: &Bound<'_, PyAny>) -> Option<u32> {
    let code = function.getattr_opt(intern!(function.py(), "__code__")).ok()??;
    code.getattr(intern!(function.py(), "co_flags")).ok()?.extract().ok()
}

fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| "?".to_owned(), |text| text.to_string())
}

/// The argument with a path or an expression.
pub(super) fn rule(rule: &Bound<'_, PyAny>) -> PyResult<String> {
    rule.extract().map_err(|error: PyErr| match rule.cast::<PyString>() {
        // A lone surrogate.
        Ok(_) => error,
        Err(_) if rule.is_callable() => PyTypeError::new_err(format!(
            "route: {:?} is given in place of the path; write the path in parentheses: @app.route(\"/path\")",
            function_name(rule)
        )),
        Err(_) => PyTypeError::new_err(format!(
            "route: the path {} is {}; expected a str",
            shown(rule),
            kind_of(rule)
        )),
    })
}

/// The argument `method`: bits of the METHOD_ constants.
pub(super) fn method_bits(method: &Bound<'_, PyAny>) -> PyResult<i64> {
    method.extract().map_err(|_| {
        let name =
            method.extract::<&str>().ok().and_then(|name| name.to_ascii_uppercase().parse::<Method>().ok());
        let example = name.map_or("METHOD_GET | METHOD_POST".to_owned(), |name| format!("METHOD_{name}"));
        PyTypeError::new_err(format!(
            "method={} is {}; expected the METHOD_ constants of poorwsgi.state, joined by |, such as {example}",
            shown(method),
            kind_of(method),
        ))
    })
}

/// The argument `status_code` of a state handler.
pub(super) fn status_code(status: &Bound<'_, PyAny>) -> PyResult<u16> {
    status.extract().map_err(|error: PyErr| {
        let expected = "expected a status code, such as 404 or state.HTTP_NOT_FOUND";
        match error.is_instance_of::<PyOverflowError>(status.py()) {
            true => PyValueError::new_err(format!("http_state: {status} is not a status code; {expected}")),
            false => PyTypeError::new_err(format!(
                "http_state: {} is {}; {expected}",
                shown(status),
                kind_of(status)
            )),
        }
    })
}

/// The methods of these bits. Other bits are ignored, so that `~METHOD_GET`, a negative number, means all
/// methods but GET. Warns if no method is left.
pub(super) fn methods(function: &Bound<'_, PyAny>, bits: i64, what: &str) -> PyResult<MethodSet> {
    let known = bits & i64::from(METHOD_ALL.bits());
    if known == 0 {
        mistaken(
            function.py(),
            &format!(
                "{what}: method={bits} contains no method, so {:?} is never called; expected the METHOD_ \
                 constants of poorwsgi.state, joined by |",
                function_name(function)
            ),
        )?;
    }
    Ok(MethodSet::from_bits(u16::try_from(known).unwrap_or_default()))
}

/// Warns of a rule that no request reaches.
pub(super) fn check_rule(py: Python<'_>, rule: &str) -> PyResult<()> {
    mistakes_of_rule(rule).try_for_each(|mistake| mistaken(py, &format!("route {rule:?}: {mistake}")))
}

/// Warns of handlers that are replaced by another one. `replaced` are the handlers so far, with their methods.
pub(super) fn check_replaced<'a>(
    function: &Bound<'_, PyAny>,
    methods: MethodSet,
    what: &str,
    replaced: impl Iterator<Item = (Method, &'a Function)>,
) -> PyResult<()> {
    let right = "give one of the two another path or method, or remove the first by pop_route";
    warn_of_replaced(function, methods, what, replaced, right)
}

/// Warns of handlers of a status that are replaced by another one.
pub(super) fn check_replaced_state<'a>(
    function: &Bound<'_, PyAny>,
    methods: MethodSet,
    what: &str,
    replaced: impl Iterator<Item = (Method, &'a Function)>,
) -> PyResult<()> {
    let right = "give one of the two another method, or remove the first by pop_http_state";
    warn_of_replaced(function, methods, what, replaced, right)
}

fn warn_of_replaced<'a>(
    function: &Bound<'_, PyAny>,
    methods: MethodSet,
    what: &str,
    replaced: impl Iterator<Item = (Method, &'a Function)>,
    right: &str,
) -> PyResult<()> {
    let py = function.py();
    let mut names = Vec::new();
    let mut old = None;
    for (method, handler) in replaced {
        if methods.contains(method) && !handler.bind(py).is(function) {
            names.push(method.to_string());
            old = Some(handler);
        }
    }
    let Some(old) = old else { return Ok(()) };
    mistaken(
        py,
        &format!(
            "{what}: {} of {} is replaced by {}; {right}",
            names.join(" and "),
            name_and_place(old.bind(py)),
            name_and_place(function)
        ),
    )
}

/// Warns of a route that is never reached with some methods, because handlers of another route take all its
/// paths.
pub(super) fn check_reached(
    function: &Bound<'_, PyAny>,
    methods: MethodSet,
    what: &str,
    before: Vec<Shadow<'_, Function>>,
) -> PyResult<()> {
    let py = function.py();
    let others = before.into_iter();
    let mut others = others
        .filter(|(method, handler, _)| methods.contains(*method) && !handler.bind(py).is(function))
        .peekable();
    let Some((_, handler, rule)) = others.peek().copied() else { return Ok(()) };
    let names: Vec<_> = others.map(|(method, ..)| method.to_string()).collect();
    mistaken(
        py,
        &format!(
            "{what}: {} never reaches {}, because route {rule:?} of {} was set before and takes the same paths; give \
             one of the two another path or method",
            names.join(" or "),
            name_and_place(function),
            name_and_place(handler.bind(py)),
        ),
    )
}

/// Warns of a regular expression that certainly matches no path, because it begins with a letter or a digit.
pub(super) fn check_expression(py: Python<'_>, expression: &str) -> PyResult<()> {
    let mut chars = expression.chars();
    let is_letter = chars.next().is_some_and(char::is_alphanumeric);
    if !is_letter || chars.next().is_some_and(|next| "?*{".contains(next)) || expression.contains('|') {
        return Ok(());
    }
    mistaken(
        py,
        &format!(
            "regular route {expression:?}: paths begin with a slash, so no request reaches it; write {:?}",
            format!("/{expression}")
        ),
    )
}

/// Warns of a status that nothing but `abort` with this number can give.
pub(super) fn check_status(py: Python<'_>, status: u16) -> PyResult<()> {
    if known(py, status).is_ok() {
        return Ok(());
    }
    mistaken(
        py,
        &format!(
            "http_state({status}): {status} is not a known HTTP status, so only abort({status}) leads to the \
             handler; the HTTP_ constants of poorwsgi.state are known"
        ),
    )
}

/// What an error or a warning about a state handler begins with.
pub(super) fn of_status(status: u16) -> String {
    format!("handler of status {status}")
}

/// An exception type or a tuple of them, for messages.
pub(super) fn of_error(error: &Bound<'_, PyAny>) -> String {
    let name = |kind: &Bound<'_, PyAny>| match kind.cast::<PyType>() {
        Ok(_) => function_name(kind),
        Err(_) => shown(kind),
    };
    format!("handler of {}", name(error))
}

/// The error for what no exception can be an instance of.
pub(super) fn not_exceptions(error: &Bound<'_, PyAny>) -> PyErr {
    let hint = match error.cast::<PyString>() {
        Ok(name) => format!("; write {name} without quotation marks"),
        Err(_) => "; expected a type, a tuple of types, or a union".to_owned(),
    };
    let text = shown(error);
    PyTypeError::new_err(format!("{text} is {}, not a type of exceptions{hint}", kind_of(error)))
}

/// Raises TypeError, whose text begins with `what`, for an object that is no function, and for a function that
/// is defined with async def.
#[pyfunction]
pub(crate) fn _check_function(function: &Bound<'_, PyAny>, what: &str) -> PyResult<()> {
    callable(function, what).map(drop)
}
