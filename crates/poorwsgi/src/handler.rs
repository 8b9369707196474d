//! What can be a handler or a hook: an `async fn`, a plain `fn`, or a closure of either kind.

use std::any::{TypeId, type_name};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

use crate::error::{Error, Result};
use crate::request::Request;
use poorwsgi_core::error::{BoxError, HttpError};
use poorwsgi_core::response::Response;

use crate::into_response::IntoResponse;

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of a call: a value, or a future that gives it.
pub enum Called<T> {
    /// The result of a plain function.
    Ready(T),
    /// The future of an asynchronous function.
    Later(BoxFuture<T>),
}

/// Type parameters that let a trait be implemented for plain and for asynchronous functions.
///
/// ```
/// use poorwsgi::{Application, Handler, Request, marker, state};
///
/// /// Registers a health check, which has to be a plain function, not an asynchronous one.
/// fn health(app: &mut Application, check: impl Handler<marker::Plain>) {
///     app.route("/health", state::METHOD_GET, check).expect("this path has no groups");
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
}

/// A registered handler or hook: a shared callable, with the name of the function that it was made from.
///
/// ```
/// use poorwsgi::{Application, Request, state};
///
/// async fn about(_req: Request) -> &'static str {
///     "about us"
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/about", state::METHOD_GET, about)?;
/// for (path, methods) in app.router().static_routes() {
///     for (methods, handler) in methods.shared() {
///         println!("{methods} {path}: {}", handler.name());
///         # assert!(handler.name().ends_with("::about"));
///     }
/// }
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
pub struct Stored<A> {
    call: Arc<dyn Fn(A) -> Called<Result<Response>> + Send + Sync>,
    name: &'static str,
    function: TypeId,
}

impl<A> Stored<A> {
    /// `F` is the application's function, which `call` calls.
    pub(super) fn new<F: 'static>(
        name: &'static str,
        call: impl Fn(A) -> Called<Result<Response>> + Send + Sync + 'static,
    ) -> Self {
        Stored { call: Arc::new(call), name, function: TypeId::of::<F>() }
    }

    /// Whether this was made from the given function. Types are compared, because every function and closure
    /// has its own.
    pub(super) fn is_of<F: 'static>(&self, _: &F) -> bool {
        self.function == TypeId::of::<F>()
    }

    /// The name of the function, with its module; of a mounted service, the name of its type.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Calls the function. A panic becomes an error.
    pub(super) async fn call(&self, argument: A) -> Result<Response> {
        let called = catch_unwind(AssertUnwindSafe(|| (self.call)(argument)));
        let mut future = match called {
            Ok(Called::Ready(answer)) => return answer,
            Ok(Called::Later(future)) => future,
            Err(panic) => return Err(panicked(panic.as_ref())),
        };
        std::future::poll_fn(move |context| {
            match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context))) {
                Ok(poll) => poll,
                Err(panic) => Poll::Ready(Err(panicked(panic.as_ref()))),
            }
        })
        .await
    }
}

impl<A> Clone for Stored<A> {
    fn clone(&self) -> Self {
        Stored { call: Arc::clone(&self.call), ..*self }
    }
}

fn panicked(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(format!("the handler panicked: {text}"))
}

/// Declares a kind of handler: its trait, implemented for plain and for asynchronous functions.
macro_rules! callable {
    ($(#[$doc:meta])* $name:ident<$($generic:ident: $bound:path)?>($($arg:ident: $type:ty),+), $output:ident) => {
        $(#[$doc])*
        pub trait $name<$($generic,)? M>: Send + Sync + 'static {
            #[doc(hidden)]
            fn call(&self, $($arg: $type),+) -> Called<Result<Response>>;

            #[doc(hidden)]
            fn name(&self) -> &'static str {
                type_name::<Self>()
            }
        }

        impl<F, T $(, $generic: $bound + Send + Sync + 'static)?> $name<$($generic,)? marker::Plain> for F
        where
            F: Fn($($type),+) -> T + Send + Sync + 'static,
            T: $output,
        {
            fn call(&self, $($arg: $type),+) -> Called<Result<Response>> {
                Called::Ready(self($($arg),+).into_response())
            }
        }

        impl<F, T, $($generic: $bound + Send + Sync + 'static)?> $name<$($generic,)? marker::Async> for F
        where
            F: Fn($($type),+) -> T + Send + Sync + 'static,
            T: Future + Send + 'static,
            T::Output: $output,
        {
            fn call(&self, $($arg: $type),+) -> Called<Result<Response>> {
                let future = self($($arg),+);
                Called::Later(Box::pin(async move { future.await.into_response() }))
            }
        }
    };
}

callable! {
    /// The handler of a route, or a default handler: a function of a [`Request`] that returns an
    /// [`IntoResponse`].
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
    ///     paths.iter().try_for_each(|path| app.route(path, state::METHOD_GET, page.clone()).map(drop))
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// known_as(&mut app, &["/", "/index.html"], greet)?;
    /// known_as(&mut app, &["/about"], |_req: Request| "about us")?;
    /// # Ok::<(), RouteError>(())
    /// ```
    Handler<>(request: Request), IntoResponse
}

callable! {
    /// A before hook: a function of a [`Request`] that returns nothing, or a [`Result`] whose error ends the
    /// request.
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
    BeforeHook<>(request: Request), HookOutput
}

callable! {
    /// An after hook: a function of the [`Request`] and the [`Response`] that returns the response to send.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::{Application, Request, Response, Result};
    ///
    /// fn no_sniffing(_req: Request, mut response: Response) -> Result<Response> {
    ///     response.headers_mut().set("X-Content-Type-Options", "nosniff")?;
    ///     Ok(response)
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// app.after_response(no_sniffing);
    /// let answer = app.handle(http::Request::get("/nowhere").body(String::new())?).await;
    /// assert_eq!(answer.status(), 404);
    /// assert_eq!(answer.headers()["X-Content-Type-Options"], "nosniff");
    /// # Ok(())
    /// # }
    /// ```
    AfterHook<>(request: Request, response: Response), IntoResponse
}

callable! {
    /// A state handler: a function of the [`Request`] and the [`HttpError`] that was raised.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use poorwsgi::{Application, HttpError, IntoResponse, Request, state};
    ///
    /// fn not_found(req: Request, _error: HttpError) -> impl IntoResponse {
    ///     (format!("There is no {}.", req.path()), "text/plain", (), state::HTTP_NOT_FOUND)
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// app.http_state(state::HTTP_NOT_FOUND, state::METHOD_ALL, not_found);
    /// let answer = app.handle(http::Request::get("/nowhere").body(String::new())?).await;
    /// assert_eq!(answer.headers()["Content-Type"], "text/plain");
    /// # Ok(())
    /// # }
    /// ```
    StateHandler<>(request: Request, error: HttpError), IntoResponse
}

callable! {
    /// An error handler: a function of the [`Request`] and the error, which has its own type `E`.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), poorwsgi::BoxError> {
    /// use std::num::ParseIntError;
    ///
    /// use poorwsgi::{Application, IntoResponse, Request, Result, state};
    ///
    /// fn order(req: Request) -> Result<String> {
    ///     let pieces: u32 = req.args()?.get("pieces").unwrap_or_default().parse()?;
    ///     Ok(format!("{pieces} pieces are on their way"))
    /// }
    ///
    /// fn no_number(_req: Request, error: ParseIntError) -> impl IntoResponse {
    ///     (format!("No number: {error}."), "text/plain", (), state::HTTP_BAD_REQUEST)
    /// }
    ///
    /// let mut app = Application::new("demo");
    /// app.route("/order", state::METHOD_GET, order)?;
    /// app.error_handler::<ParseIntError, _>(state::METHOD_ALL, no_number);
    /// let answer = app.handle(http::Request::get("/order?pieces=many").body(String::new())?).await;
    /// assert_eq!(answer.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    ErrorHandler<E: std::error::Error>(request: Request, error: E), IntoResponse
}

/// What a before hook may return.
pub trait HookOutput {
    #[doc(hidden)]
    fn into_response(self) -> Result<Response>;
}

impl HookOutput for () {
    fn into_response(self) -> Result<Response> {
        Ok(Response::no_content())
    }
}

impl<E: Into<Error>> HookOutput for Result<(), E> {
    fn into_response(self) -> Result<Response> {
        self.map(|()| Response::no_content()).map_err(Into::into)
    }
}

/// Makes the stored form of an error handler, which takes a boxed error and downcasts it to `E`.
pub(super) fn stored_error_handler<E, M, H>(handler: H) -> Stored<(Request, BoxError)>
where
    E: std::error::Error + Send + Sync + 'static,
    H: ErrorHandler<E, M>,
{
    let name = handler.name();
    Stored::new::<H>(name, move |(request, error): (Request, BoxError)| match error.downcast::<E>() {
        Ok(error) => handler.call(request, *error),
        Err(error) => Called::Ready(Err(Error::new(error))),
    })
}
