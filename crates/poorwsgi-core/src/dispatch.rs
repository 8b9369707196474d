//! The pipeline: takes a request through the tables of an application, for handlers of any language.
//!
//! What happens to a request is decided here and nowhere else. A door, the interface for applications in one language,
//! implements [`Language`], which says what its handlers, requests, responses and errors are, and how each is
//! called. [`dispatch`] does the rest, in this order: it resolves the route, calls the before hooks, reads
//! the body, calls the handler, turns an error into a response, calls the after hooks, and finishes the
//! response.

mod answer;
#[cfg(feature = "pages")]
mod debug;
#[cfg(feature = "pages")]
mod html;
mod page;
#[cfg(not(feature = "pages"))]
mod plain;
mod recover;
mod required;
mod secrets;
mod site;
mod target;
mod uncaught;

use std::borrow::Cow;
use std::error::Error as StdError;
use std::future::Future;
use std::str::FromStr;
use std::sync::Arc;

use http::header::LOCATION;

use crate::error::HttpError;
use crate::headers::Headers;
use crate::request::Head;
use crate::response::{Body, Response, ResponseError, finish};
use crate::results::ErrorReport;
#[cfg(feature = "pages")]
use crate::results::HandlerRow;
use crate::routing::{Captures, RouteMatch};
use crate::state::Method;
use crate::tables::Tables;

pub use answer::{BodyPlan, is_data, is_form_in_query};
#[cfg(feature = "pages")]
pub use debug::{debug_page, routes};
#[cfg(feature = "digest")]
pub use required::challenges_of;
pub use secrets::secrets;
pub use target::{Foreseen, foresee};
pub use uncaught::uncaught;

/// The pipeline's own steps, which a [`Language`] may override, and may call from its overrides.
pub mod steps {
    pub use super::answer::{answer, call_before_hooks};
    pub use super::recover::{by_error, by_state};
}

/// The language that an application's handlers are written in.
///
/// The functions take no `self`: the state that a call needs is in the handler or in the request. A language
/// whose calls block returns futures that are ready at once.
pub trait Language: Sized + Send + Sync + 'static {
    /// A request, as handlers get it.
    type Request: Send + Sync;
    /// A response, as handlers make it and after hooks see it.
    type Response: Send;
    /// Any error that a handler raises.
    type Error: From<HttpError> + Send;
    /// A raised HTTP status, as state handlers get it.
    type HttpError: From<HttpError> + AsRef<HttpError> + Send;
    /// An error that leaves the application, such as Python's `SystemExit`;
    /// [`Infallible`](std::convert::Infallible) where no error does.
    type Leave: Send;
    /// The handler of a route.
    type Handler: Clone + Send + Sync;
    /// A hook that is called before handlers.
    type BeforeHook: Clone + Send + Sync;
    /// A hook that is called with responses.
    type AfterHook: Clone + Send + Sync;
    /// A handler that answers a status.
    type StateHandler: Clone + Send + Sync;
    /// A handler that answers an error.
    type ErrorHandler: Clone + Send + Sync;
    /// The type of the errors that an error handler answers.
    type ErrorType: Clone + PartialEq + Send + Sync;
    /// A function that converts the text which a custom filter matched.
    type Converter: Clone + Send + Sync;

    /// The head of the request.
    fn head(request: &Self::Request) -> &dyn Head;

    /// Takes from the request the match that the server has already found for it by [`RouteMatch::find`] of
    /// the same tables; `None` where the server has not looked.
    fn found(_request: &Self::Request) -> Option<RouteMatch> {
        None
    }

    /// Stores the route in the request, and converts the path arguments. Called at most once, before the
    /// hooks.
    ///
    /// # Errors
    /// The error of a conversion that fails, usually a 404. It is answered like an error of the handler.
    fn assign(request: &Self::Request, route: Route<'_, '_, Self>) -> Result<(), Self::Error>;

    /// Reads the body as planned, so that the handler finds it parsed.
    fn load(request: &Self::Request, plan: BodyPlan) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Calls the handler of a route, or a mounted one, for which nothing of the body was read.
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

    /// Calls a state handler.
    fn handle_state(
        handler: &Self::StateHandler,
        request: &Self::Request,
        error: Self::HttpError,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Calls an error handler, after [`is_instance`](Self::is_instance) has found that the error is of the
    /// handler's type.
    fn handle_error(
        handler: &Self::ErrorHandler,
        request: &Self::Request,
        error: Self::Error,
    ) -> impl Future<Output = Result<Self::Response, Self::Error>> + Send;

    /// Whether an error is of a type.
    fn is_instance(kind: &Self::ErrorType, error: &Self::Error) -> bool;

    /// Says what an error means for the request.
    fn raised(error: Self::Error) -> Raised<Self>;

    /// The 500 for an error that no error handler answered.
    fn uncaught(error: Self::Error) -> Self::HttpError;

    /// What the log says of an error.
    fn report(error: &Self::HttpError) -> ErrorReport;

    /// What the page of a 500 shows of an error when debug is on: the report, with the route of the request
    /// and, where the language has them, the frames of the stack. The page hides the
    /// [secrets](crate::results::Secrets) of the application and of the request.
    fn inspect(_request: &Self::Request, error: &Self::HttpError) -> ErrorReport {
        Self::report(error)
    }

    /// The handler's error behind a status. It is the field `cause` of the log event, for `tracing`
    /// subscribers that inspect errors.
    fn cause(_error: &Self::HttpError) -> Option<&(dyn StdError + 'static)> {
        None
    }

    /// Converts a response of the engine (a page, a file) into the language's type.
    fn respond(response: Response) -> Self::Response;

    /// Calls a function with the status and the header fields of a response.
    fn with_headers<T>(response: &mut Self::Response, call: impl FnOnce(u16, &mut Headers) -> T) -> T;

    /// Converts the final response into the engine's type.
    ///
    /// # Errors
    /// An error for a response that cannot be sent. The client gets a default page instead.
    fn finish(response: Self::Response) -> Result<Response, Self::Error>;

    /// The step from the request to the handler's response. A language whose applications may replace steps
    /// of the pipeline overrides this function and the next three.
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

    /// The step from an error to an error handler's response; see [`steps::by_error`].
    fn by_error(
        tables: &Tables<Self>,
        request: &Self::Request,
        error: Self::Error,
    ) -> impl Future<Output = Result<Result<Self::Response, Self::Error>, Self::Error>> + Send {
        steps::by_error(tables, request, error)
    }

    /// The step from a status to its response; see [`steps::by_state`].
    fn by_state(
        tables: &Tables<Self>,
        request: &Self::Request,
        error: Self::HttpError,
    ) -> impl Future<Output = Result<Self::Response, Self::Leave>> + Send {
        steps::by_state(tables, request, error)
    }

    /// Statistics of a handler's calls so far, for the debug page; empty where there are none.
    fn calls(_handler: &Self::Handler) -> String {
        String::new()
    }

    /// The routes of a mounted application, without its prefix, for the debug page; empty where they are not
    /// known.
    #[cfg(feature = "pages")]
    fn routes(_mounted: &Self::Handler) -> Vec<HandlerRow> {
        Vec::new()
    }

    /// The name of a callable for the debug page.
    fn name(callable: Callable<'_, Self>) -> Cow<'_, str>;
}

/// A callable of any table, whose name [`Language::name`] gives.
pub enum Callable<'c, L: Language> {
    /// The handler of a route, or a default handler.
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
    /// The built-in page that answers the request, where there is one.
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
    /// A response, which takes the place of the handler's.
    Response(L::Response),
    /// Any other error.
    Other(L::Error),
    /// An error that leaves the application, as Python's `SystemExit` does. The door decides what the server
    /// does with it.
    Leave(L::Leave),
}

/// Answers one request. The response is finished: a door only has to convert it for its server, as
/// [`Response::into_http`] does. A server that takes `Content-Type` and `Content-Length` from the header
/// fields alone needs a call of [`state_content`](crate::response::state_content) first.
///
/// # Errors
/// Only an error that [`Language::raised`] makes a [`Raised::Leave`].
// The futures of rare branches are boxed, so that the future of the common case is small and cheap to move.
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
        Ok(response) => match finished(head, located(head, response)) {
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

/// A path in `Location` is one of the application: where it is mounted, the client needs the prefix before
/// it.
fn located(head: &dyn Head, response: Response) -> Response {
    if !response.headers().contains(LOCATION) {
        return response;
    }
    match head.mount() {
        Some(mount) => response.with_location_below(mount.prefix()),
        None => response,
    }
}

fn finished(head: &dyn Head, response: Response) -> Result<Response, ResponseError> {
    finish(Method::from_str(head.method()).ok(), |name| head.header(name), response)
}

/// The response when even the page of a failure cannot be finished.
fn bare_500() -> Response {
    let mut response = http::Response::new(Body::empty());
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    response.into()
}
