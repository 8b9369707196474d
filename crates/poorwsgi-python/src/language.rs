//! The pipeline's view of Python handlers. Every call is ready at once.

use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use poorwsgi::dispatch::{BodyPlan, Callable, Language, Raised, Route};
use poorwsgi::request::{Head, read_body};
use poorwsgi::response::Response;
use poorwsgi::results::ErrorReport;
use poorwsgi::routing::{Capture, Conversion};
use poorwsgi::{HttpError, state};
use pyo3::exceptions::{PyException, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::{Error, Status, raised_status};
use crate::request::{self, PathArg, Request};
use crate::response::from_python;

/// Handlers written in Python. What this door does not offer yet is [`Infallible`].
pub(crate) enum Python3 {}

/// A Python callable, shared by the tables of an application and their copies.
pub(crate) type Function = Arc<Py<PyAny>>;

impl Language for Python3 {
    type Request = Py<Request>;
    type Response = Response;
    type Error = Error;
    type HttpError = Status;
    type Leave = PyErr;
    type Handler = Function;
    type BeforeHook = Infallible;
    type AfterHook = Infallible;
    type StateHandler = Infallible;
    type ErrorHandler = Infallible;
    type ErrorType = Infallible;
    type Converter = Infallible;

    fn head(request: &Py<Request>) -> &dyn Head {
        request.get().head()
    }

    fn assign(request: &Py<Request>, route: Route<'_, '_, Self>) -> Result<(), Error> {
        let captures = route.captures.iter().flat_map(|captures| captures.iter());
        let args = Python::attach(|py| {
            captures.map(|capture| path_arg(py, &capture)).collect::<Result<_, Error>>()
        })?;
        request.get().set_route(request::Route { rule: Arc::clone(route.rule), args });
        Ok(())
    }

    async fn load(request: &Py<Request>, plan: BodyPlan) -> Result<(), Error> {
        let request = request.get();
        // Forms and JSON are read ahead like any other body, as far as it is small enough.
        let length = request.head().content_length()?.filter(|length| *length <= request.data_size());
        if plan == BodyPlan::Leave || length.is_none() {
            return Ok(());
        }
        let data = read_body(request.take_body(), request.data_size(), "data_size").await;
        request.set_data(data.map_err(Error::of_body)?);
        Ok(())
    }

    async fn handle(handler: &Function, request: &Py<Request>) -> Result<Response, Error> {
        Python::attach(|py| {
            let first = request.clone_ref(py).into_any();
            let args = request.get().path_args_in_order().iter().map(|arg| arg.value.clone_ref(py));
            let args = PyTuple::new(py, std::iter::once(first).chain(args).collect::<Vec<_>>())?;
            Ok(from_python(&handler.bind(py).call1(args)?)?)
        })
    }

    async fn before(hook: &Infallible, _: &Py<Request>) -> Result<(), Error> {
        match *hook {}
    }

    async fn after(hook: &Infallible, _: &Py<Request>, _: Response) -> Result<Response, Error> {
        match *hook {}
    }

    async fn handle_state(handler: &Infallible, _: &Py<Request>, _: Status) -> Result<Response, Error> {
        match *handler {}
    }

    async fn handle_error(handler: &Infallible, _: &Py<Request>, _: Error) -> Result<Response, Error> {
        match *handler {}
    }

    fn is_instance(kind: &Infallible, _: &Error) -> bool {
        match *kind {}
    }

    fn raised(error: Error) -> Raised<Self> {
        match error {
            Error::Http(error) => Raised::Http(error.into()),
            Error::Python(error) => Python::attach(|py| match raised_status(py, &error) {
                Some(status) => Raised::Http(status.into()),
                None if error.is_instance_of::<PyException>(py) => Raised::Other(Error::Python(error)),
                // KeyboardInterrupt, SystemExit
                None => Raised::Leave(error),
            }),
        }
    }

    fn uncaught(error: Error) -> Status {
        match error {
            Error::Http(error) => error.into(),
            Error::Python(error) => Status::uncaught(error),
        }
    }

    fn report(error: &Status) -> ErrorReport {
        error.report()
    }

    fn respond(response: Response) -> Response {
        response
    }

    fn finish(response: Response) -> Result<Response, Error> {
        Ok(response)
    }

    fn name(callable: Callable<'_, Self>) -> Cow<'_, str> {
        match callable {
            Callable::Handler(function) => Cow::Owned(function_name(function)),
            Callable::Before(never)
            | Callable::After(never)
            | Callable::State(never)
            | Callable::Error(never)
            | Callable::ErrorType(never)
            | Callable::Converter(never) => match *never {},
        }
    }
}

fn function_name(function: &Function) -> String {
    Python::attach(|py| {
        let function = function.bind(py);
        // Callable objects and partials have no name.
        let name = function.getattr("__qualname__").or_else(|_| function.repr().map(Bound::into_any));
        name.map_or_else(|_| String::from("?"), |name| name.to_string())
    })
}

/// Converts one path argument. Text that is no such value is a 404.
fn path_arg(py: Python<'_>, capture: &Capture<'_, '_, Infallible>) -> Result<PathArg, Error> {
    let value = match capture.value {
        None => Ok(py.None()),
        Some(text) => convert(py, text, capture.conversion),
    };
    match value {
        Ok(value) => Ok(PathArg { name: capture.name.cloned(), value }),
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            Err(HttpError::new(state::HTTP_NOT_FOUND).with_source(error).into())
        }
        Err(error) => Err(error.into()),
    }
}

fn convert(py: Python<'_>, text: &str, conversion: &Conversion<Infallible>) -> PyResult<Py<PyAny>> {
    let call = |module: &str, name: &str| py.import(module)?.call_method1(name, (text,)).map(Bound::unbind);
    match conversion {
        Conversion::Str => Ok(text.into_pyobject(py)?.into_any().unbind()),
        Conversion::Int => call("builtins", "int"),
        Conversion::Float => call("builtins", "float"),
        Conversion::Uuid => call("uuid", "UUID"),
        Conversion::Custom(never) => match *never {},
    }
}
