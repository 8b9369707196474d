//! Routes, filters and default handlers.

use poorwsgi_core::routing::{
    self, Conversion, Filter, MethodTable, Popped, Registration, RegularRoute, RouteError, RouteErrorKind,
};
use poorwsgi_core::state::MethodSet;
use pyo3::exceptions::{PyKeyError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};

use super::registration::{
    callable, check_expression, check_reached, check_replaced, check_rule, method_bits, methods, rule,
};
use super::{Application, Function, decorator, one_method};
use crate::names::Name;

static INT: Name = Name::new("builtins", "int");
static FLOAT: Name = Name::new("builtins", "float");
static STR: Name = Name::new("builtins", "str");
static UUID: Name = Name::new("uuid", "UUID");
static ORDERED: Name = Name::new("collections", "OrderedDict");

/// The exception that PoorWSGI raises for such an error in a route.
pub(super) fn route_error(py: Python<'_>, error: &RouteError) -> PyErr {
    let text = error.to_string();
    match error.kind() {
        RouteErrorKind::UnknownFilter => PyRuntimeError::new_err(text),
        RouteErrorKind::Regex => {
            let raised = py.import("re").and_then(|re| re.getattr("error")?.call1((text,)));
            raised.map_or_else(|error| error, PyErr::from_value)
        }
        RouteErrorKind::NotRegistered => PyKeyError::new_err(text),
        RouteErrorKind::Prefix => PyValueError::new_err(text),
        RouteErrorKind::Space => PyValueError::new_err(format!(
            "Invalid route definition {text}; a group must not contain spaces: <id:int>, <name:word>, <value:float>"
        )),
        _ => PyValueError::new_err(format!("Invalid route definition {text}")),
    }
}

/// The engine's converter where it does the same as Python's, because it is faster; otherwise the Python
/// function.
fn conversion(converter: &Bound<'_, PyAny>) -> PyResult<Conversion<Function>> {
    let py = converter.py();
    Ok(if converter.is(STR.get(py)?) {
        Conversion::Str
    } else if converter.is(INT.get(py)?) {
        Conversion::Int
    } else if converter.is(FLOAT.get(py)?) {
        Conversion::Float
    } else {
        Conversion::Custom(callable(converter, "converter")?)
    })
}

fn converter<'py>(py: Python<'py>, conversion: &Conversion<Function>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match conversion {
        Conversion::Str => STR.get(py)?.clone(),
        Conversion::Int => INT.get(py)?.clone(),
        Conversion::Float => FLOAT.get(py)?.clone(),
        Conversion::Uuid => UUID.get(py)?.clone(),
        Conversion::Custom(function) => function.bind(py).clone(),
    })
}

/// A dict of the values of a table by the METHOD_ constant.
pub(super) fn by_method<'py, T>(
    py: Python<'py>,
    table: &MethodTable<T>,
    value: impl Fn(&T) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let handlers = PyDict::new(py);
    for (method, handler) in table.iter() {
        handlers.set_item(MethodSet::from(method).bits(), value(handler)?)?;
    }
    Ok(handlers)
}

/// The tuple (handler, converters, rule) that is the value in the table of regular routes.
fn registration<'py>(
    py: Python<'py>,
    registration: &Registration<Function, Function>,
) -> PyResult<Bound<'py, PyAny>> {
    let converters = registration
        .converters()
        .map(|(name, conversion)| Ok((&**name, converter(py, conversion)?)))
        .collect::<PyResult<Vec<_>>>()?;
    let rule = registration.rule().map(|rule| &**rule);
    let row = (registration.handler().bind(py), PyTuple::new(py, converters)?, rule);
    Ok(row.into_pyobject(py)?.into_any())
}

/// An OrderedDict. Its items have to be set through its own methods: `PyDict_SetItem` does not keep the
/// order.
pub(super) fn ordered(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    ORDERED.get(py)?.call0()
}

/// Raises re.error for an expression that Python's `re` does not compile, although the engine may.
fn check(py: Python<'_>, route: &str, expression: &str) -> PyResult<()> {
    static ERROR: Name = Name::new("re", "error");
    match compile(py, expression) {
        Ok(_) => Ok(()),
        Err(error) => {
            let text = format!("\"{route}\": bad regular expression: {}", error.value(py));
            Err(PyErr::from_value(ERROR.get(py)?.call1((text,))?))
        }
    }
}

/// The expression of a route compiled by Python's `re`, as `regular_routes` shows it.
fn compile<'py>(py: Python<'py>, expression: &str) -> PyResult<Bound<'py, PyAny>> {
    static COMPILE: Name = Name::new("re", "compile");
    COMPILE.get(py)?.call1((expression,))
}

#[pymethods]
impl Application {
    /// A copy of the table of filters: {name: (regex, converter)}. See set_filter.
    #[getter]
    fn filters<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let filters = PyDict::new(py);
        for filter in self.tables().router.filters().iter() {
            let row: (Option<&str>, _) = (filter.regex(), converter(py, Filter::conversion(filter))?);
            filters.set_item(filter.name(), row)?;
        }
        Ok(filters)
    }

    /// A copy of the table of routes without groups: {path: {method: handler}}.
    #[getter]
    fn routes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let routes = PyDict::new(py);
        for (path, table) in self.tables().router.static_routes() {
            routes.set_item(&**path, by_method(py, table, |handler| Ok(handler.bind(py).clone()))?)?;
        }
        Ok(routes)
    }

    /// A copy of the table of routes with groups and of regular routes: {compiled expression: {method:
    /// (handler, converters, rule)}}.
    #[getter]
    fn regular_routes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let routes = ordered(py)?;
        for route in self.tables().router.pattern_routes() {
            routes.set_item(
                compile(py, route.regex())?,
                by_method(py, route.methods(), |row| registration(py, row))?,
            )?;
        }
        Ok(routes)
    }

    /// A copy of the table of default handlers: {method: handler}.
    #[getter]
    fn defaults<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        by_method(py, self.tables().router.defaults(), |handler| Ok(handler.bind(py).clone()))
    }

    /// Adds or replaces a filter for the groups of routes.
    ///
    ///     >>> app.set_filter("uint", r"\\d+", int)
    ///     >>> app.set_route("/page/<number:uint>", page)
    ///
    /// converter is called with the text that regex matches and returns the handler's argument; if it raises
    /// ValueError, the response is 404. Routes that are already set keep the filter that they were set with.
    /// Names are case-insensitive.
    #[pyo3(signature = (name, regex, converter = None))]
    fn set_filter(
        &self,
        py: Python<'_>,
        name: &str,
        regex: &str,
        converter: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<()> {
        let conversion = converter.map_or(Ok(Conversion::Str), conversion)?;
        self.change(py, |tables| routing::set_filter(&mut tables.router, name, regex, conversion));
        Ok(())
    }

    /// Decorator: the function becomes the handler of a route. See set_route.
    #[pyo3(signature = (uri, method = 3))]
    fn route<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = rule)] uri: String,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyCFunction>> {
        decorator(slf, move |app, function| app.call_method1("set_route", (&uri, function, method)).map(drop))
    }

    /// Sets the handler of a path, or of a route with groups.
    ///
    ///     >>> app.set_route("/user/<name:word>/<age:int>", user)     # user(req, name, age)
    ///
    /// A group is <name> or <name:filter>. Filters are :int, :float, :word, :hex, :uuid, :re:expression, and
    /// those added with set_filter. Routes with groups are tried in the order in which they were set; the
    /// first that matches the path and has the method is used. method is one or several METHOD_ constants of
    /// poorwsgi.state, joined by |; the default is 3: HEAD and GET.
    ///
    /// Raises RuntimeError for an unknown filter, re.error for a bad expression, ValueError for any other
    /// error in the route.
    #[pyo3(signature = (uri, fun, method = 3))]
    fn set_route(
        &self,
        #[pyo3(from_py_with = rule)] uri: String,
        fun: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<()> {
        let py = fun.py();
        let what = format!("route {uri:?}");
        let handler = callable(fun, &what)?;
        let tables = self.tables();
        let expression = tables.router.expression(&uri).map_err(|error| route_error(py, &error))?;
        if let Some(expression) = &expression {
            check(py, &uri, expression)?;
        }
        check_rule(py, &uri)?;
        let methods = methods(fun, method, &what)?;
        match &expression {
            None => check_replaced(fun, methods, &what, routing::handlers_of_path(&tables.router, &uri))?,
            Some(expression) => check_replaced(
                fun,
                methods,
                &what,
                routing::handlers_of_expression(&tables.router, expression),
            )
            .and_then(|()| {
                check_reached(fun, methods, &what, routing::handlers_before(&tables.router, &uri))
            })?,
        }
        drop(tables);
        self.change(py, |tables| routing::set_route(&mut tables.router, &uri, methods, handler))
            .map_err(|error| route_error(py, &error))
    }

    /// Removes the handler of a route for one method, and returns it; for a route with groups, returns
    /// (handler, converters, rule). Raises KeyError if there is none.
    fn pop_route<'py>(
        &self,
        py: Python<'py>,
        uri: &str,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let method = one_method(method)?;
        let popped = self.change(py, |tables| routing::pop_route(&mut tables.router, uri, method));
        match popped.map_err(|error| route_error(py, &error))? {
            Popped::Static(handler) => Ok(handler.bind(py).clone()),
            Popped::Pattern(row) => registration(py, &row),
        }
    }

    /// Whether a route is set, for any method.
    fn is_route(&self, py: Python<'_>, uri: &str) -> PyResult<bool> {
        self.tables().router.is_route(uri).map_err(|error| route_error(py, &error))
    }

    /// Decorator: the function becomes the handler of a regular expression. See set_regular_route.
    #[pyo3(signature = (ruri, method = 3))]
    fn regular_route<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = rule)] ruri: String,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyCFunction>> {
        decorator(slf, move |app, function| {
            app.call_method1("set_regular_route", (&ruri, function, method)).map(drop)
        })
    }

    /// Sets the handler of all paths that a regular expression matches. The match starts at the start of the
    /// path, and need not reach its end.
    ///
    ///     >>> app.set_regular_route(r"/user/(?P<name>\\w+)$", user)     # user(req, name)
    ///
    /// Every group is an argument of the handler; with converters, ((name, converter), ...), only the groups
    /// named there. rule is the request's uri_rule; the default is the expression. Raises re.error for a bad
    /// expression.
    #[pyo3(signature = (uri, fun, method = 3, converters = None, rule = None))]
    fn set_regular_route(
        &self,
        #[pyo3(from_py_with = rule)] uri: String,
        fun: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
        converters: Option<Vec<(String, Bound<'_, PyAny>)>>,
        rule: Option<String>,
    ) -> PyResult<()> {
        let py = fun.py();
        let what = format!("regular route {uri:?}");
        let handler = callable(fun, &what)?;
        check(py, &uri, &uri)?;
        check_expression(py, &uri)?;
        let methods = methods(fun, method, &what)?;
        check_replaced(fun, methods, &what, routing::handlers_of_expression(&self.tables().router, &uri))?;
        let converters = converters
            .unwrap_or_default()
            .into_iter()
            .map(|(name, converter)| Ok((name, conversion(&converter)?)))
            .collect::<PyResult<Vec<_>>>()?;
        let mut route = RegularRoute::new(uri);
        if !converters.is_empty() {
            route = route.with_converters(converters);
        }
        if let Some(rule) = rule {
            route = route.with_rule(rule);
        }
        self.change(py, |tables| routing::set_regular_route(&mut tables.router, route, methods, handler))
            .map_err(|error| route_error(py, &error))
    }

    /// Removes the handler of a regular route for one method, and returns (handler, converters, rule). Raises
    /// KeyError if there is none.
    fn pop_regular_route<'py>(
        &self,
        py: Python<'py>,
        uri: &str,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyAny>> {
        let method = one_method(method)?;
        let popped = self.change(py, |tables| routing::pop_regular_route(&mut tables.router, uri, method));
        registration(py, &popped.map_err(|error| route_error(py, &error))?)
    }

    /// Whether a regular route is set, for any method.
    fn is_regular_route(&self, r_uri: &str) -> bool {
        self.tables().router.is_regular_route(r_uri)
    }

    /// Decorator: the function becomes the default handler of methods. See set_default.
    #[pyo3(signature = (method = 3))]
    fn default<'py>(
        slf: &Bound<'py, Self>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Bound<'py, PyCFunction>> {
        decorator(slf, move |app, function| app.call_method1("set_default", (function, method)).map(drop))
    }

    /// Sets the handler of requests for which there is no route, file or built-in page. Without it, they are
    /// answered with 404.
    #[pyo3(signature = (fun, method = 3))]
    fn set_default(
        &self,
        fun: &Bound<'_, PyAny>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<()> {
        let what = "default handler";
        let (handler, methods) = (callable(fun, what)?, methods(fun, method, what)?);
        self.change(fun.py(), |tables| routing::set_default(&mut tables.router, methods, handler));
        Ok(())
    }

    /// Removes the default handler of one method, and returns it. Raises KeyError if there is none.
    fn pop_default(
        &self,
        py: Python<'_>,
        #[pyo3(from_py_with = method_bits)] method: i64,
    ) -> PyResult<Py<PyAny>> {
        let one = one_method(method)?;
        let popped = self.change(py, |tables| routing::pop_default(&mut tables.router, one));
        popped.map(|handler| handler.clone_ref(py)).ok_or_else(|| PyKeyError::new_err(method))
    }
}
