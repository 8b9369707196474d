//! How Python handlers are called, and what their exceptions mean: `Python3`, an implementation of `Language`
//! for the pipeline.
//!
//! Both servers pass a request to [`handle`], which runs it through the engine's pipeline. All futures are
//! ready at once.

mod blame;
mod handle;
mod mounted;
mod pipeline;
mod state_arguments;
mod steps;

use std::borrow::Cow;
use std::sync::Arc;

use poorwsgi_core::dispatch::{self, BodyPlan, Callable, Language, Page, Raised, Route};
use poorwsgi_core::error::no_such_value;
use poorwsgi_core::headers::Headers;
use poorwsgi_core::request::Head;
use poorwsgi_core::response;
use poorwsgi_core::results::{ErrorReport, HandlerRow};
use poorwsgi_core::routing::{Capture, Conversion, RouteMatch};
use poorwsgi_core::tables::Tables;
use pyo3::exceptions::PyException;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use crate::application::{ErrorType, Function, Python3};
use crate::exceptions::{Error, HTTPException, ResponseError, Status, cannot_be_converted};
use crate::names::{Name, function_name};
use crate::request::{PathArg, Request};
use crate::response::{Answer, RaisedHttp, from_result};
use crate::results::inspect;
use blame::call_before_hook;
pub(crate) use handle::handle;
use pipeline::PipelineRequest;

impl Language for Python3 {
    type Request = PipelineRequest;
    type Response = Answer;
    type Error = Error;
    type HttpError = Status;
    type Leave = PyErr;
    type Handler = Function;
    type BeforeHook = Function;
    type AfterHook = Function;
    type StateHandler = Function;
    type ErrorHandler = Function;
    type ErrorType = ErrorType;
    type Converter = Function;

    fn head(request: &PipelineRequest) -> &dyn Head {
        request.base.get().head()
    }

    fn found(request: &PipelineRequest) -> Option<RouteMatch> {
        request.take_route()
    }

    fn assign(request: &PipelineRequest, route: Route<'_, '_, Self>) -> Result<(), Error> {
        let captures = route.captures.iter().flat_map(|captures| captures.iter());
        let args = Python::attach(|py| {
            captures.map(|capture| path_arg(py, &capture)).collect::<Result<_, Error>>()
        })?;
        request.base.get().set_route(Arc::clone(route.rule), route.handler.cloned(), args);
        if let Some(page) = route.page {
            let function =
                Python::attach(|py| page_function(page).get(py).map(|page| page.clone().unbind()))?;
            request.base.get().set_page(function);
        }
        Ok(())
    }

    async fn load(request: &PipelineRequest, plan: BodyPlan) -> Result<(), Error> {
        Python::attach(|py| Request::load(request.object.bind(py), Some(plan)))
    }

    async fn handle(function: &Function, request: &PipelineRequest) -> Result<Answer, Error> {
        Python::attach(|py| {
            if let Some(mounted) = &function.mounted {
                return mounted::answer(py, function, mounted, request);
            }
            let args = Request::route_args(request.object.bind(py));
            let handler = function.bind(py);
            let result = match args {
                [] => handler.call1((&request.object,)),
                [one] => handler.call1((&request.object, &one.value)),
                [one, two] => handler.call1((&request.object, &one.value, &two.value)),
                args => {
                    let first = request.object.clone_ref(py).into_any();
                    let args = args.iter().map(|arg| arg.value.clone_ref(py));
                    let args: Vec<_> = std::iter::once(first).chain(args).collect();
                    handler.call1(PyTuple::new(py, args)?)
                }
            };
            let result = result?;
            let answer = from_result(&result, Some(&|| blame::handler_of_route(handler, request)))?;
            answer.note_origin(py, || blame::origin(handler, request));
            blame::log_ignored_status(function, request, &result);
            Ok(answer)
        })
    }

    async fn before(hook: &Function, request: &PipelineRequest) -> Result<(), Error> {
        Python::attach(|py| call_before_hook(py, hook, request.object.bind(py).as_any()))?;
        Ok(())
    }

    async fn after(hook: &Function, request: &PipelineRequest, response: Answer) -> Result<Answer, Error> {
        Python::attach(|py| {
            let response = response.into_object(py)?;
            let hook = hook.bind(py);
            let result = hook.call1((&request.object, response))?;
            if result.is_none() {
                return Err(blame::after_hook_without_response(hook).into());
            }
            Ok(from_result(&result, Some(&|| blame::after_hook(hook)))?)
        })
    }

    async fn handle_state(
        handler: &Function,
        request: &PipelineRequest,
        error: Status,
    ) -> Result<Answer, Error> {
        Python::attach(|py| {
            let kwargs = error.kwargs(py)?;
            let status = error.as_ref().status();
            state_arguments::add(handler, request, error.as_ref(), &kwargs)?;
            let error = error.into_exception(py);
            let result =
                while_handling(py, &error, handler, request, PyTuple::new(py, [&request.object])?, kwargs)?;
            Ok(from_result(&result, Some(&|| blame::state_handler(handler.bind(py), status)))?)
        })
    }

    async fn handle_error(
        handler: &Function,
        request: &PipelineRequest,
        error: Error,
    ) -> Result<Answer, Error> {
        Python::attach(|py| {
            let error = error.into_exception(py);
            let args = PyTuple::new(py, [request.object.bind(py).as_any(), error.value(py).as_any()])?;
            let result = while_handling(py, &error, handler, request, args, PyDict::new(py))?;
            Ok(from_result(&result, Some(&|| blame::error_handler(handler.bind(py))))?)
        })
    }

    fn is_instance(kind: &ErrorType, error: &Error) -> bool {
        let Error::Python(error) = error else { return false };
        Python::attach(|py| error.value(py).is_instance(kind.0.bind(py)).unwrap_or(false))
    }

    fn raised(error: Error) -> Raised<Self> {
        let error = match error {
            Error::Http(error) => return Raised::Http(error.into()),
            Error::Python(error) => error,
        };
        Python::attach(|py| {
            if !error.is_instance_of::<PyException>(py) {
                // KeyboardInterrupt, SystemExit
                return Raised::Leave(error);
            }
            if error.is_instance_of::<ResponseError>(py) {
                // The handler returned something that is no response. Error handlers are called only for
                // exceptions that it raised.
                return Raised::Http(Status::uncaught(error));
            }
            if !error.is_instance_of::<HTTPException>(py) {
                return Raised::Other(Error::Python(error));
            }
            match HTTPException::raised(error.value(py).as_any()) {
                Err(failure) => Raised::Other(Error::Python(failure)),
                Ok(Some(RaisedHttp::Status(status, kwargs))) => {
                    Raised::Http(Status::raised(status, kwargs, error))
                }
                Ok(Some(RaisedHttp::Response(response))) => {
                    Raised::Response(Answer::Object(response.unbind()))
                }
                Ok(None) => Raised::Other(Error::Python(error)),
            }
        })
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

    fn inspect(request: &PipelineRequest, error: &Status) -> ErrorReport {
        Python::attach(|py| inspect(request.object.bind(py), error))
    }

    fn cause(error: &Status) -> Option<&(dyn std::error::Error + 'static)> {
        error.exception().map(|exception| exception as _)
    }

    fn respond(response: response::Response) -> Answer {
        Answer::Engine(response)
    }

    fn with_headers<T>(response: &mut Answer, call: impl FnOnce(u16, &mut Headers) -> T) -> T {
        Python::attach(|py| response.with_headers(py, call))
    }

    fn finish(response: Answer) -> Result<response::Response, Error> {
        Ok(response.into_engine()?)
    }

    async fn answer(tables: &Tables<Self>, request: &PipelineRequest) -> Result<Answer, Error> {
        match Python::attach(|py| steps::answer(py, request)) {
            Some(answer) => answer,
            None => dispatch::steps::answer(tables, request).await,
        }
    }

    async fn call_before_hooks(tables: &Tables<Self>, request: &PipelineRequest) -> Result<(), Error> {
        match Python::attach(|py| steps::call_before_hooks(py, request)) {
            Some(called) => called,
            None => dispatch::steps::call_before_hooks(tables, request).await,
        }
    }

    async fn by_error(
        tables: &Tables<Self>,
        request: &PipelineRequest,
        error: Error,
    ) -> Result<Result<Answer, Error>, Error> {
        match Python::attach(|py| steps::by_error(py, request, error)) {
            Ok(answer) => answer,
            Err(error) => dispatch::steps::by_error(tables, request, error).await,
        }
    }

    async fn by_state(
        tables: &Tables<Self>,
        request: &PipelineRequest,
        error: Status,
    ) -> Result<Answer, PyErr> {
        let error = match Python::attach(|py| steps::by_state(py, request, &error)) {
            Some(Ok(answer)) => return Ok(answer),
            // An error in an overridden step is answered by the pipeline's page.
            Some(Err(failure)) => Status::uncaught(failure),
            None => error,
        };
        request.base.get().set_status(error.as_ref().status());
        dispatch::steps::by_state(tables, request, error).await
    }

    fn calls(handler: &Function) -> String {
        handler.route_times.to_string()
    }

    fn routes(mounted: &Function) -> Vec<HandlerRow> {
        mounted.tables().map_or_else(Vec::new, |tables| dispatch::routes::<Self>(&tables.get()))
    }

    fn name(callable: Callable<'_, Self>) -> Cow<'_, str> {
        let (Callable::Handler(function)
        | Callable::Before(function)
        | Callable::After(function)
        | Callable::State(function)
        | Callable::Error(function)
        | Callable::ErrorType(ErrorType(function))
        | Callable::Converter(function)) = callable;
        Cow::Owned(Python::attach(|py| function_name(function.bind(py))))
    }
}

/// The function of a built-in page, which is the request's `uri_handler`.
const fn page_function(page: Page) -> &'static Name {
    static DIRECTORY: Name = Name::new("poorwsgi.results", "directory_index");
    static DEBUG: Name = Name::new("poorwsgi.results", "debug_info");
    match page {
        Page::Directory => &DIRECTORY,
        Page::Debug => &DEBUG,
    }
}

/// Calls a handler for an error so that `sys.exc_info()` returns the error.
fn while_handling<'py>(
    py: Python<'py>,
    error: &PyErr,
    handler: &Function,
    request: &PipelineRequest,
    args: Bound<'py, PyTuple>,
    kwargs: Bound<'py, PyDict>,
) -> PyResult<Bound<'py, PyAny>> {
    static CALL: Name = Name::new("poorwsgi._handling", "call");
    request.base.get().set_error_handler(handler.clone_ref(py));
    let called = CALL.get(py)?.call1((error.value(py), error.traceback(py), handler.bind(py), args, kwargs));
    called.map_err(|failure| without_first_frame(py, failure))
}

/// Removes our own frame, which called the handler, from an exception's traceback.
fn without_first_frame(py: Python<'_>, error: PyErr) -> PyErr {
    let rest = error.traceback(py).and_then(|traceback| traceback.getattr("tb_next").ok());
    let Some(rest) = rest.filter(|rest| !rest.is_none()) else { return error };
    let value = error.value(py).clone().into_any();
    match value.setattr("__traceback__", rest) {
        Ok(()) => PyErr::from_value(value),
        Err(_) => error,
    }
}

/// Converts one path argument. Text that cannot be converted is answered with 404.
fn path_arg(py: Python<'_>, capture: &Capture<'_, '_, Function>) -> Result<PathArg, Error> {
    let value = match capture.value {
        None => Ok(py.None()),
        Some(text) => convert(py, text, capture.conversion),
    };
    match value {
        Ok(value) => Ok(PathArg { name: capture.name.cloned(), value }),
        Err(error) if cannot_be_converted(py, &error) => Err(no_such_value(error).into()),
        Err(error) => Err(error.into()),
    }
}

fn convert(py: Python<'_>, text: &str, conversion: &Conversion<Function>) -> PyResult<Py<PyAny>> {
    static INT: Name = Name::new("builtins", "int");
    static FLOAT: Name = Name::new("builtins", "float");
    static UUID: Name = Name::new("uuid", "UUID");
    let converter = match conversion {
        Conversion::Str => return Ok(text.into_pyobject(py)?.into_any().unbind()),
        Conversion::Int => match text.parse::<i64>() {
            Ok(number) => return Ok(number.into_pyobject(py)?.into_any().unbind()),
            // Python's int() also takes digits of other scripts and numbers of any length.
            Err(_) => INT.get(py)?,
        },
        Conversion::Float => match text.parse::<f64>() {
            Ok(number) => return Ok(number.into_pyobject(py)?.into_any().unbind()),
            Err(_) => FLOAT.get(py)?,
        },
        Conversion::Uuid => UUID.get(py)?,
        Conversion::Custom(function) => function.bind(py),
    };
    converter.call1((text,)).map(Bound::unbind)
}
