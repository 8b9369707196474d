//! Handlers and hooks: an `async fn`, a plain `fn`, or a closure of either kind.

mod arguments;
mod called;
mod calls;
mod fixed;
mod functions;
mod layered;
mod outputs;
mod stored;

pub(crate) use called::Called;
pub(crate) use fixed::stored_error_handler;
pub use fixed::{AfterHook, ErrorHandler, StateHandler};
pub use layered::{HandlerService, Layered};
pub(crate) use stored::About;
pub use stored::Stored;

use bytes::Bytes;
use poorwsgi_core::error::BoxError;
use poorwsgi_core::response::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::request::Request;

/// Type parameters that let a trait be implemented for plain and for asynchronous functions, and for
/// functions with different arguments.
///
/// ```
/// use poorwsgi::{Application, Handler, Request, marker, state};
///
/// /// Registers a health check, which has to be a plain function, not an asynchronous one.
/// fn health<A>(app: &mut Application, check: impl Handler<(marker::Plain, A)>) {
///     app.route("/health", state::METHOD_HEAD | state::METHOD_GET, check).expect("this path has no groups");
/// }
///
/// health(&mut Application::new("demo"), |_req: Request| "ok");
/// ```
pub mod marker {
    /// The marker of plain functions.
    #[derive(Debug)]
    pub enum Plain {}
    /// The marker of functions that return a future.
    #[derive(Debug)]
    pub enum Async {}
    /// The marker of functions none of whose arguments reads the body.
    #[derive(Debug)]
    pub enum ViaParts {}
    /// The marker of functions whose last argument takes the whole request.
    #[derive(Debug)]
    pub enum ViaRequest {}
    /// The marker of handlers below [layers](super::Handler::layer).
    #[derive(Debug)]
    pub enum WithLayer {}
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "not a handler",
    note = "a handler is a function or closure, plain or asynchronous, of at most eight arguments, and returns what `IntoResponse` takes",
    note = "each argument implements `FromRequestParts`; the last one may implement `FromRequest`, which reads the body",
    note = "`Json<T>`, `Form<T>`, `Path<T>` and `Query<T>` need `T: serde::Deserialize`, `State<T>` needs `T: Clone`; the request is taken by value, as `Request`",
    note = "the error of a `Result` implements `std::error::Error`, or is a `poorwsgi::Error`; a `StatusCode` or a `BoxError` is neither: use `abort` or `Error::new`",
    note = "a status in front of a tuple is an `http::StatusCode`, as in `(StatusCode::CREATED, value)`",
    note = "all values that an asynchronous handler keeps across an `.await` are `Send`, which a `MutexGuard` is not"
)]
/// The handler of a route, or a default handler: a function of up to eight arguments that returns an
/// [`IntoResponse`](crate::IntoResponse).
///
/// It is an `async fn`, a plain `fn`, or a closure of either kind. Each argument is made from the request by
/// its type ([`FromRequestParts`](crate::extract::FromRequestParts)), from left to right; the last one may
/// read the body ([`FromRequest`](crate::extract::FromRequest)). For such a handler the settings `auto_form`,
/// `auto_json` and `auto_data` have no effect. Where an argument cannot be made, the request is answered with
/// the error of that argument. [`Request`] is such an argument, too.
///
/// A plain function may block. It is called on one of tokio's threads for blocking work, so that no other
/// request waits for it; at most `max_blocking_threads` of the runtime, 512 by default, run at a time. Once
/// 64 calls in a row took no longer than 200 µs, the function is called where its request is handled, which
/// is quicker. It goes back to the other threads after at most two calls that take 20 ms, or after several
/// calls that take more than 200 µs. Such calls delay others by some milliseconds at most: one thread of the
/// runtime is always left without them, and takes over when one of them blocks; a runtime of a single thread
/// makes none. Without the feature `inlining`, the function is always called on those other threads. A
/// call that has begun runs to its end, even if its client goes away. Hooks, state handlers and error
/// handlers are called in the same way.
///
/// ```
/// use poorwsgi::routing::RouteError;
/// use poorwsgi::{Application, Handler, Request, Result, state};
///
/// async fn greet(req: Request) -> Result<String> {
///     Ok(format!("Hello {}", req.args()?.get("name").unwrap_or("you")))
/// }
///
/// /// Registers a page under several paths.
/// fn known_as<M, H>(app: &mut Application, paths: &[&str], page: H) -> Result<(), RouteError>
/// where
///     H: Handler<M> + Clone,
/// {
///     let get = state::METHOD_HEAD | state::METHOD_GET;
///     paths.iter().try_for_each(|path| app.route(path, get, page.clone()).map(drop))
/// }
///
/// let mut app = Application::new("demo");
/// known_as(&mut app, &["/", "/index.html"], greet)?;
/// known_as(&mut app, &["/about"], |_req: Request| "about us")?;
/// # Ok::<(), RouteError>(())
/// ```
///
/// # If the compiler says that a function is not a handler
///
/// Compare the function with this list:
///
/// - It has at most eight arguments. Each implements
///   [`FromRequestParts`](crate::extract::FromRequestParts); only the last one may implement
///   [`FromRequest`](crate::extract::FromRequest) instead, such as `Json`, `Form`, `Multipart`, `Body`, `Bytes`
///   and `String`, which read the body.
/// - `Path<T>`, `Query<T>`, `Form<T>` and `Json<T>` need `T: serde::Deserialize`; `T` borrows nothing.
/// - `State<T>` needs `T: Clone + Send + Sync + 'static`.
/// - It takes the request by value: `Request`, not `&Request`.
/// - It returns what [`IntoResponse`](crate::IntoResponse) takes, by value. A `Json<T>` that is returned needs
///   `T: serde::Serialize`. A status in front of a tuple is an `http::StatusCode`, not a number.
/// - The error of a `Result` implements `std::error::Error`, or is a [`poorwsgi::Error`](crate::Error). A
///   `StatusCode`, a `String` and a [`BoxError`](crate::BoxError) do not.
/// - An asynchronous function keeps no value across an `.await` that is not `Send`, such as the `MutexGuard`
///   of the standard library or an `Rc`: put the guard into a block of its own that ends before the `.await`.
/// - A closure owns what it captures (`move`), and what it captures is `Send + Sync + 'static`.
///
/// The compiler does not say which of these points is at fault: to find it, remove one argument after the
/// other, and return a text.
///
/// ```compile_fail
/// use poorwsgi::{Application, state};
///
/// // A `u8` is not made of a request.
/// Application::new("demo").route("/", state::METHOD_GET, |_number: u8| "a page");
/// ```
///
/// Only the last argument may read the body:
///
/// ```compile_fail
/// use poorwsgi::{Application, Json, Request, state};
///
/// Application::new("demo").route("/", state::METHOD_POST, |_body: Json<u8>, _req: Request| "a page");
/// ```
pub trait Handler<M>: Sized + Send + Sync + 'static {
    #[doc(hidden)]
    fn store(self) -> Stored<Request>;

    /// The handler with a layer of tower around it: for one route what
    /// `app.mount(prefix, layer.layer(application))` is for a nested application.
    ///
    /// Hooks run before and after the layer. The layer gets the unread body; the handler gets the body that
    /// the layer passes on, read as its arguments or the settings `auto_form`, `auto_json` and `auto_data`
    /// say. An error of the handler passes through the layer, and errors of the layer are handled like those
    /// of handlers: by the error handler of their type. Clients cannot request ranges of the response.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use std::time::Duration;
    ///
    /// use poorwsgi::{Application, Handler, Request, state};
    /// use tower::timeout::{TimeoutLayer, error::Elapsed};
    ///
    /// async fn report() -> &'static str {
    ///     tokio::time::sleep(Duration::from_secs(3600)).await;
    ///     "a report"
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// let timeout = TimeoutLayer::new(Duration::from_millis(10));
    /// app.route("/report", state::METHOD_HEAD | state::METHOD_GET, report.layer(timeout))?;
    /// app.error_handler::<Elapsed, _>(state::METHOD_ALL, |_req: Request, _late: Elapsed| {
    ///     (http::StatusCode::SERVICE_UNAVAILABLE, "The report takes too long.")
    /// });
    /// let answer = app.handle(http::Request::get("/report").body(String::new())?).await;
    /// assert_eq!(answer.status(), 503);
    /// # Ok(())
    /// # }
    /// ```
    fn layer<L, B>(self, layer: L) -> Layered
    where
        L: Layer<HandlerService>,
        L::Service:
            Service<http::Request<Body>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
        <L::Service as Service<http::Request<Body>>>::Future: Send,
        <L::Service as Service<http::Request<Body>>>::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Layered::new(self.store(), layer)
    }
}

#[diagnostic::do_not_recommend]
impl Handler<marker::WithLayer> for Layered {
    fn store(self) -> Stored<Request> {
        self.0
    }
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a before hook",
    label = "not a before hook",
    note = "a before hook is a function or closure, plain or asynchronous, of at most eight arguments that implement `FromRequestParts`",
    note = "it returns `()`, or a `Result<(), E>` whose error ends the request"
)]
/// A before hook: a function of up to eight arguments that returns nothing, or a [`Result`] whose error ends
/// the request. The arguments are made as those of a [`Handler`], but none may read the body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::{Application, Request, Result, abort, state};
///
/// /// During maintenance, only the load balancer gets an answer.
/// async fn maintenance(req: Request) -> Result<()> {
///     if req.path() != "/health" {
///         return abort(state::HTTP_SERVICE_UNAVAILABLE);
///     }
///     Ok(())
/// }
///
/// let mut app = Application::new("demo");
/// app.before_response(maintenance);
/// let answer = app.handle(http::Request::get("/orders").body(String::new())?).await;
/// assert_eq!(answer.status(), 503);
/// # Ok(())
/// # }
/// ```
pub trait BeforeHook<M>: Sized + Send + Sync + 'static {
    #[doc(hidden)]
    fn store(self) -> Stored<Request>;
}
