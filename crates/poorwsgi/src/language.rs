//! How the pipeline calls Rust handlers: the implementation of [`Language`].

use std::any::TypeId;
use std::borrow::Cow;
use std::convert::Infallible;
use std::sync::Arc;

use http::Extensions;

use crate::error::{Error, Parts, Result};
use crate::handler::Stored;
use crate::path_arg::{Converter, PathArgs};
use crate::request::{ReadContent, Request};
use poorwsgi_core::dispatch::{self, BodyPlan, Callable, Language, Raised, Route};
use poorwsgi_core::error::{BoxError, HttpError, no_such_value, with_location};
use poorwsgi_core::headers::Headers;
use poorwsgi_core::json::parse_json;
use poorwsgi_core::request::Head;
use poorwsgi_core::response::Response;
use poorwsgi_core::results::ErrorReport;
#[cfg(feature = "pages")]
use poorwsgi_core::results::HandlerRow;
use poorwsgi_core::routing::{Capture, Captures, Conversion};
use poorwsgi_core::settings::json_limits;
use poorwsgi_core::state;
use poorwsgi_core::tables::Tables;

/// Handlers written in Rust.
#[derive(Debug)]
pub(crate) enum Rust {}

/// The tables and states that all requests of an application share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) tables: Tables<Rust>,
    pub(crate) states: Extensions,
}

impl Shared {
    pub(crate) fn new(tables: Tables<Rust>) -> Self {
        Shared { tables, states: Extensions::new() }
    }
}

/// The type of errors that an error handler takes, with a function that recognises them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorType {
    pub(super) id: TypeId,
    pub(super) is: fn(&Error) -> bool,
    pub(super) name: &'static str,
}

impl PartialEq for ErrorType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Language for Rust {
    type Request = Request;
    type Response = Response;
    type Error = Error;
    type HttpError = HttpError;
    type Leave = Infallible;
    type Handler = Stored<Request>;
    type BeforeHook = Stored<Request>;
    type AfterHook = Stored<(Request, Response)>;
    type StateHandler = Stored<(Request, HttpError)>;
    type ErrorHandler = Stored<(Request, BoxError)>;
    type ErrorType = ErrorType;
    type Converter = Converter;

    fn head(request: &Request) -> &dyn Head {
        request.head()
    }

    fn assign(request: &Request, route: Route<'_, '_, Self>) -> Result<()> {
        let args = route
            .captures
            .map_or_else(|| Ok(PathArgs::default()), |captures| path_args(request, &captures))?;
        request.set_route(Arc::clone(route.rule), route.handler, args);
        Ok(())
    }

    async fn load(request: &Request, plan: BodyPlan) -> Result<()> {
        if request.reads_body() {
            return Ok(());
        }
        load(request, plan).await
    }

    async fn handle(handler: &Self::Handler, request: &Request) -> Result<Response> {
        handler.call(request.clone()).await
    }

    async fn before(hook: &Self::BeforeHook, request: &Request) -> Result<()> {
        hook.call(request.clone()).await.map(drop)
    }

    async fn after(hook: &Self::AfterHook, request: &Request, response: Response) -> Result<Response> {
        hook.call((request.clone(), response)).await
    }

    async fn handle_state(
        handler: &Self::StateHandler,
        request: &Request,
        error: HttpError,
    ) -> Result<Response> {
        handler.call((request.clone(), error)).await
    }

    async fn handle_error(handler: &Self::ErrorHandler, request: &Request, error: Error) -> Result<Response> {
        match error.into_parts() {
            Parts::Other(error, _) => handler.call((request.clone(), error)).await,
            Parts::Response(response) => Ok(response),
        }
    }

    fn is_instance(kind: &ErrorType, error: &Error) -> bool {
        (kind.is)(error)
    }

    fn raised(error: Error) -> Raised<Self> {
        match error.into_parts() {
            Parts::Response(response) => Raised::Response(response),
            Parts::Other(error, location) => match error.downcast::<HttpError>() {
                Ok(error) if error.location().is_none() => Raised::Http(with_location(*error, location)),
                Ok(error) => Raised::Http(*error),
                Err(error) => Raised::Other(Error::at(error, location)),
            },
        }
    }

    fn uncaught(error: Error) -> HttpError {
        match error.into_parts() {
            Parts::Other(error, location) => with_location(dispatch::uncaught(error), location),
            Parts::Response(_) => HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR),
        }
    }

    fn report(error: &HttpError) -> ErrorReport {
        let cause: &(dyn std::error::Error + 'static) = std::error::Error::source(error).unwrap_or(error);
        let report = ErrorReport::new(cause);
        match error.location() {
            Some(location) => report.with_location(location.to_string()),
            None => report,
        }
    }

    fn inspect(request: &Request, error: &HttpError) -> ErrorReport {
        Self::report(error).with_route(request.rule(), request.handler())
    }

    fn respond(response: Response) -> Response {
        response
    }

    fn with_headers<T>(response: &mut Response, call: impl FnOnce(u16, &mut Headers) -> T) -> T {
        call(response.status(), response.headers_mut())
    }

    fn finish(response: Response) -> Result<Response> {
        Ok(response)
    }

    fn calls(handler: &Self::Handler) -> String {
        handler.calls()
    }

    #[cfg(feature = "pages")]
    fn routes(mounted: &Self::Handler) -> Vec<HandlerRow> {
        mounted.routes()
    }

    fn name(callable: Callable<'_, Self>) -> Cow<'_, str> {
        Cow::Borrowed(match callable {
            Callable::Handler(handler) => handler.name(),
            Callable::Before(hook) => hook.name(),
            Callable::After(hook) => hook.name(),
            Callable::State(handler) => handler.name(),
            Callable::Error(handler) => handler.name(),
            Callable::ErrorType(kind) => kind.name,
            Callable::Converter(converter) => converter.type_name,
        })
    }
}

/// Reads the body as `plan` says, and keeps it for the handler. After an error, every further read of the
/// body fails, too.
pub(crate) async fn load(request: &Request, plan: BodyPlan) -> Result<()> {
    let content = content(request, plan).await;
    if let Some(content) = content.inspect_err(|error| request.break_body(error.downcast_ref()))? {
        request.set_content(content);
    }
    Ok(())
}

/// Reads the body as `plan` says. `None` where the body is left to the handler.
async fn content(request: &Request, plan: BodyPlan) -> Result<Option<ReadContent>> {
    let settings = request.settings();
    Ok(Some(match plan {
        BodyPlan::Leave => return Ok(None),
        #[cfg(feature = "forms")]
        BodyPlan::Form => {
            ReadContent::Form(Box::new(crate::forms::read(request, settings.keep_blank_values).await?))
        }
        #[cfg(not(feature = "forms"))]
        BodyPlan::Form => return Ok(None),
        BodyPlan::Json => {
            let body = plan.read(request.take_body(), settings).await?;
            ReadContent::Json(parse_json(&body, Some(&request.charset()), json_limits(settings))?)
        }
        BodyPlan::Data => {
            let data = plan.read(request.take_body(), settings).await?;
            request.put_body(data.clone().into());
            ReadContent::Data(data)
        }
    }))
}

/// Converts the path arguments. A custom filter that refuses its text makes a 404.
fn path_args(request: &Request, captures: &Captures<'_, '_, Converter>) -> Result<PathArgs> {
    let mut args = PathArgs::with_capacity(captures.len(), request.target().path().len());
    for Capture { name, value, conversion } in captures.iter() {
        let text = value.unwrap_or_default();
        let converted = match conversion {
            Conversion::Custom(converter) => Some((converter.convert)(text).map_err(no_such_value)?),
            _ => None,
        };
        args.push(name.cloned(), text, converted);
    }
    Ok(args)
}
