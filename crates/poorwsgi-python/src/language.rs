//! The pipeline's view of Python handlers. Every call is ready at once.

use std::borrow::Cow;
use std::sync::Arc;

use poorwsgi::dispatch::{BodyPlan, Callable, Language, Raised, Route};
use poorwsgi::request::Head;
use poorwsgi::response::Response;
use poorwsgi::results::ErrorReport;
use poorwsgi::routing::Conversion;
use poorwsgi::{HttpError, state};
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

use crate::error::{Error, Status, http_status};
use crate::request::{self, Request};
use crate::response::from_python;

/// Handlers written in Python.
pub(crate) enum Py3 {}

/// A Python callable, shared between the tables of an application and their copies.
pub(crate) type Function = Arc<Py<PyAny>>;

impl Language for Py3 {
    type Request = Py<Request>;
    type Response = Response;
    type Error = Error;
    type HttpError = Status;
    type Leave = PyErr;
    type Handler = Function;
    type BeforeHook = Function;
    type AfterHook = Function;
    type StateHandler = Function;
    type ErrorHandler = Function;
    type ErrorType = Function;
    type Converter = Function;

    fn head(request: &Py<Request>) -> &dyn Head {
        &request.get().head
    }

    fn check(request: &Py<Request>) -> Result<(), Error> {
        request.get().head.flaw().map_or(Ok(()), |flaw| Err(HttpError::bad_request(flaw).into()))
    }

    fn assign(request: &Py<Request>, route: Route<'_, Self>) -> Result<(), Error> {
        let args = Python::attach(|py| {
            let convert = |(name, text, conversion): (&Arc<str>, &str, &Conversion<Function>)| {
                let value = convert(py, text, conversion)?;
                PyResult::Ok((name.to_string(), value))
            };
            route.captures.iter().map(convert).collect::<PyResult<Vec<_>>>()
        });
        let args = args.map_err(|error| HttpError::new(state::HTTP_NOT_FOUND).with_source(error))?;
        let _ = request.get().route.set(request::Route { rule: route.rule.to_owned(), args });
        Ok(())
    }

    async fn load(request: &Py<Request>, plan: BodyPlan) -> Result<(), Error> {
        if plan == BodyPlan::Data {
            let request = request.get();
            let body = poorwsgi::request::read_body(request.take_body(), u64::MAX, "data_size").await?;
            let _ = request.data.set(body);
        }
        Ok(())
    }

    async fn handle(handler: &Function, request: &Py<Request>) -> Result<Response, Error> {
        Python::attach(|py| {
            let args = request.get().route.get().map_or(&[][..], |route| &route.args);
            let first = request.clone_ref(py).into_any();
            let args = std::iter::once(first).chain(args.iter().map(|(_, value)| value.clone_ref(py)));
            let args = PyTuple::new(py, args.collect::<Vec<_>>())?;
            Ok(from_python(&handler.bind(py).call1(args)?)?)
        })
    }

    async fn before(hook: &Function, request: &Py<Request>) -> Result<(), Error> {
        Python::attach(|py| hook.call1(py, (request,)).map(drop)).map_err(Error::from)
    }

    async fn after(_: &Function, _: &Py<Request>, response: Response) -> Result<Response, Error> {
        Ok(response)
    }

    async fn handle_state(_: &Function, _: &Py<Request>, error: Status) -> Result<Response, Error> {
        Err(HttpError::new(error.as_ref().status()).into())
    }

    async fn handle_error(_: &Function, _: &Py<Request>, error: Error) -> Result<Response, Error> {
        Err(error)
    }

    fn is_instance(_: &Function, _: &Error) -> bool {
        false
    }

    fn raised(error: Error) -> Raised<Self> {
        match error {
            Error::Http(error) => Raised::Http(error.into()),
            Error::Python(error) => Python::attach(|py| match http_status(py, &error) {
                Some(status) => Raised::Http(status.into()),
                None if error.is_instance_of::<PyException>(py) => Raised::Other(Error::Python(error)),
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
        let function = match callable {
            Callable::Handler(function)
            | Callable::Before(function)
            | Callable::After(function)
            | Callable::State(function)
            | Callable::Error(function)
            | Callable::ErrorType(function)
            | Callable::Converter(function) => function,
        };
        let name = Python::attach(|py| {
            let function = function.bind(py);
            let name = function.getattr("__qualname__").or_else(|_| function.repr().map(Bound::into_any));
            name.map_or_else(|_| String::from("?"), |name| name.to_string())
        });
        Cow::Owned(name)
    }
}

fn convert(py: Python<'_>, text: &str, conversion: &Conversion<Function>) -> PyResult<Py<PyAny>> {
    let builtin = |name: &str| py.import("builtins")?.call_method1(name, (text,)).map(Bound::unbind);
    match conversion {
        Conversion::Str => Ok(text.into_pyobject(py)?.into_any().unbind()),
        Conversion::Int => builtin("int"),
        Conversion::Float => builtin("float"),
        Conversion::Uuid => py.import("uuid")?.call_method1("UUID", (text,)).map(Bound::unbind),
        Conversion::Custom(function) => function.call1(py, (text,)),
    }
}
