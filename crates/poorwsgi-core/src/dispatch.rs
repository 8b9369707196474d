//! The pipeline: one request through the tables of an application, for handlers of any language.
//!
//! What happens to a request is decided here and nowhere else. A door (Rust, Python) says through
//! [`Language`] what its handlers, requests, responses and errors are and how each is called; [`dispatch`]
//! does the rest, in this order: resolve, before hooks, body, handler, recovery from an error, after hooks,
//! send.

mod answer;
#[cfg(feature = "pages")]
mod debug;
#[cfg(feature = "pages")]
mod html;
mod page;
#[cfg(not(feature = "pages"))]
mod plain;
mod recover;
mod target;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::HttpError;
use crate::request::Head;
use crate::response::{Body, Response, ResponseError, finish};
use crate::results::ErrorReport;
use crate::routing::{Captures, RouteMatch};
use crate::state::Method;
use crate::tables::Tables;

pub use answer::BodyPlan;
#[cfg(feature = "pages")]
pub use debug::{debug_page, routes};

/// The steps of the pipeline that a language may put others in the place of, and may call from there.
pub mod steps {
    pub use super::answer::{answer, call_before_hooks};
    pub use super::recover::{by_error, by_state};
}

/// The language that an application's handlers are written in.
///
/// The functions are associated functions: whatever state a call needs is in the handler or in the request. A
/// language whose calls block returns futures that are ready at once.
pub trait Language: Sized + Send + Sync + 'static {
    /// A request, as handlers get it.
    type Request: Send + Sync;
    /// A response, as handlers make it and after hooks see it.
    type Response: Send;
    /// Any error that a handler raises.
    type Error: From<HttpError> + Send;
    /// A raised HTTP status, as state handlers get it.
    type HttpError: From<HttpError> + AsRef<HttpError> + Send;
    /// What an error becomes that leaves the application; [`Infallible`](std::convert::Infallible) where none
    /// does.
    type Leave: Send;
    /// What a route calls.
    type Handler: Clone + Send + Sync;
    /// What is called before handlers.
    type BeforeHook: Clone + Send + Sync;
    /// What is called with responses.
    type AfterHook: Clone + Send + Sync;
    /// What answers for a status.
    type StateHandler: Clone + Send + Sync;
    /// What answers for an error.
    type ErrorHandler: Clone + Send + Sync;
    /// How an error handler says which errors are its own.
    type ErrorType: Clone + PartialEq + Send + Sync;
    /// Converts the text that a custom filter matched.
    type Converter: Clone + Send + Sync;

    /// What the server knows of the request.
    fn head(request: &Self::Request) -> &dyn Head;

    /// What the router of these tables has found for the request, where a server had to know it before the
    /// application is called. It is taken from the request.
    fn found(_request: &Self::Request) -> Option<RouteMatch> {
        None
    }

    /// Tells the request its route; called once, before the hooks. Path arguments are converted here.
    ///
    /// # Errors
    /// A conversion that fails: 404 when the error is a status with 404, otherwise as any error.
    fn assign(request: &Self::Request, route: Route<'_, '_, Self>) -> Result<(), Self::Error>;

    /// Reads the body as planned, so that the handler finds it parsed.
    fn load(request: &Self::Request, plan: BodyPlan) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Calls the handler of a route.
    fn handle(
        handler: &Self::Handler,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Calls a before hook; an error ends the request.
    fn before(
        hook: &Self::BeforeHook,
        request: &Self::Request,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Calls an after hook.
    fn after(
        hook: &Self::AfterHook,
        request: &Self::Request,
        response: Self::Response,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Calls the application's handler of a status.
    fn handle_state(
        handler: &Self::StateHandler,
        request: &Self::Request,
        error: Self::HttpError,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Calls the application's handler of an error that [`is_instance`](Self::is_instance) gave it.
    fn handle_error(
        handler: &Self::ErrorHandler,
        request: &Self::Request,
        error: Self::Error,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Whether an error is of a type.
    fn is_instance(kind: &Self::ErrorType, error: &Self::Error) -> bool;

    /// Sorts an error into what it means for the request.
    fn raised(error: Self::Error) -> Raised<Self>;

    /// The 500 that stands for an error which nobody handled.
    fn uncaught(error: Self::Error) -> Self::HttpError;

    /// What the 500 page shows of an error when debug is on. The text also goes to the log, debug or not.
    fn report(error: &Self::HttpError) -> ErrorReport;

    /// The error of a handler that is behind a status, for subscribers of the log who look into it: the field
    /// `cause`.
    fn cause(_error: &Self::HttpError) -> Option<&(dyn StdError + 'static)> {
        None
    }

    /// Makes a response of the engine (a page, a file) into the language's own.
    fn respond(response: Response) -> Self::Response;

    /// Makes the final response into the engine's.
    ///
    /// # Errors
    /// A response that cannot be sent; it is answered with the 500 page.
    fn finish(response: Self::Response) -> Result<Response, Self::Error>;

    /// The step from the request to the handler's answer. A language whose applications may put steps of
    /// their own in the place of the pipeline's does so here and in the next three.
    fn answer(
        tables: &Tables<Self>,
        request: &Self::Request,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send {
        steps::answer(tables, request)
    }

    /// The step that calls the before hooks.
    fn call_before_hooks(
        tables: &Tables<Self>,
        request: &Self::Request,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send {
        steps::call_before_hooks(tables, request)
    }

    /// The step from an error to an error handler's answer; see [`steps::by_error`].
    fn by_error(
        tables: &Tables<Self>,
        request: &Self::Request,
        error: Self::Error,
    ) -> impl Future<Output = Result<Result<Self::Response, Self::Error>, Self::Error>> + Send {
        steps::by_error(tables, request, error)
    }

    /// The step from a status to its answer.
    fn by_state(
        tables: &Tables<Self>,
        request: &Self::Request,
        error: Self::HttpError,
    ) -> impl Future<Output = Result<Self::Response, Self::Leave>> + Send {
        steps::by_state(tables, request, error)
    }

    /// How the calls of a handler have gone so far, for the debug page; empty where that is not known.
    fn calls(_handler: &Self::Handler) -> String {
        String::new()
    }

    /// The name of a callable for the debug page.
    fn name(callable: Callable<'_, Self>) -> Cow<'_, str>;
}

/// A callable of any table, asked for its name.
pub enum Callable<'c, L: Language> {
    /// A route's or default handler.
    Handler(&'c L::Handler),
    /// A before hook.
    Before(&'c L::BeforeHook),
    /// An after hook.
    After(&'c L::AfterHook),
    /// A state handler.
    State(&'c L::StateHandler),
    /// An error handler.
    Error(&'c L::ErrorHandler),
    /// The type of an error handler's errors.
    ErrorType(&'c L::ErrorType),
    /// The converter of a custom filter.
    Converter(&'c L::Converter),
}

/// The route that a request takes.
pub struct Route<'r, 'p, L: Language> {
    /// The rule as it was registered; `/*` for files, directories and default handlers, `/debug-info` for the
    /// debug page.
    pub rule: &'r Arc<str>,
    /// The application's handler, where there is one.
    pub handler: Option<&'r L::Handler>,
    /// The path arguments in the order of the pattern; `None` for a rule without groups.
    pub captures: Option<Captures<'r, 'p, L::Converter>>,
    /// The built-in page that answers, where one does.
    pub page: Option<Page>,
}

/// A built-in page that a route leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Page {
    /// The index of a directory.
    Directory,
    /// The debug page.
    Debug,
}

/// What an error means for the request.
pub enum Raised<L: Language> {
    /// A status, which the application's state handler or the default page answers.
    Http(L::HttpError),
    /// A response, sent as it is.
    Response(L::Response),
    /// Any other error.
    Other(L::Error),
    /// An error that leaves the application, as Python's `SystemExit` does; the door decides what the server
    /// does.
    Leave(L::Leave),
}

/// Answers one request. The response is finished: a door has only to write it in the way of its server, as
/// [`Response::into_http`] does; one whose server reads nothing but the fields calls
/// [`state_content`](crate::response::state_content) first.
///
/// # Errors
/// Only an error that [`Language::raised`] says leaves the application.
// The rare ways are boxed: the future of a request that goes well stays small, and is moved cheaply.
pub async fn dispatch<L: Language>(tables: &Tables<L>, request: &L::Request) -> Result<Response, L::Leave> {
    let mut response = match L::answer(tables, request).await {
        Ok(response) => response,
        Err(error) => Box::pin(recover::recover(tables, request, error)).await?,
    };
    for hook in &tables.after {
        response = match L::after(hook, request, response).await {
            Ok(response) => response,
            Err(error) => {
                response = Box::pin(recover::recover(tables, request, error)).await?;
                break;
            }
        };
    }
    send(tables, request, response)
}

/// The last step: conditions, ranges and framing.
fn send<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
    response: L::Response,
) -> Result<Response, L::Leave> {
    let head = L::head(request);
    let failure = match L::finish(response) {
        Ok(response) => match finished(head, response) {
            Ok(response) => return Ok(response),
            Err(error) => L::HttpError::from(HttpError::from(error)),
        },
        Err(error) => match L::raised(error) {
            Raised::Leave(error) => return Err(error),
            Raised::Http(error) => error,
            Raised::Other(error) => L::uncaught(error),
            Raised::Response(_) => {
                L::HttpError::from(HttpError::new(500).with_detail("a response raised a response"))
            }
        },
    };
    let page = recover::default_page(tables, request, &failure);
    Ok(finished(head, page).unwrap_or_else(|_| bare_500()))
}

fn finished(head: &dyn Head, response: Response) -> Result<Response, ResponseError> {
    finish(Method::from_str(head.method()).ok(), |name| head.header(name), response)
}

/// What is left when even the page for a failure fails.
fn bare_500() -> Response {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response.into()
}
