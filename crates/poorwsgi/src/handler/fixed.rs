//! Handlers whose arguments are fixed: after hooks, state handlers and error handlers.

use std::future::Future;

use poorwsgi_core::error::{BoxError, HttpError};
use poorwsgi_core::response::Response;

use super::marker;
use super::outputs::AfterOutput;
use super::stored::Stored;
use crate::error::Error;
use crate::into_response::IntoResponse;
use crate::request::Request;

/// Declares a kind of handler: its trait, implemented for plain and for asynchronous functions.
macro_rules! callable {
    (
        $(#[$doc:meta])*
        $name:ident<$($generic:ident: $bound:path)?>($($arg:ident: $type:ty),+), $output:ident,
        $message:literal, $note:literal
    ) => {
        #[diagnostic::on_unimplemented(message = $message, note = $note)]
        $(#[$doc])*
        pub trait $name<$($generic,)? M>: Sized + Send + Sync + 'static {
            #[doc(hidden)]
            fn store(self) -> Stored<($($type),+)>;
        }

        #[diagnostic::do_not_recommend]
        impl<F, T $(, $generic: $bound + Send + Sync + 'static)?> $name<$($generic,)? marker::Plain> for F
        where
            F: Fn($($type),+) -> T + Send + Sync + 'static,
            T: $output,
        {
            fn store(self) -> Stored<($($type),+)> {
                Stored::plain::<F>(move |($($arg),+)| self($($arg),+).into_response())
            }
        }

        #[diagnostic::do_not_recommend]
        impl<F, T, $($generic: $bound + Send + Sync + 'static)?> $name<$($generic,)? marker::Async> for F
        where
            F: Fn($($type),+) -> T + Send + Sync + 'static,
            T: Future + Send + 'static,
            T::Output: $output,
        {
            fn store(self) -> Stored<($($type),+)> {
                Stored::asynchronous::<F, _>(move |($($arg),+)| {
                    let future = self($($arg),+);
                    async move { future.await.into_response() }
                })
            }
        }
    };
}

callable! {
    /// An after hook: a function of the [`Request`] and the [`Response`] that returns the response to send:
    /// a [`Response`], or a [`Result`] of one.
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
    ///
    /// A hook has to return the response; one that returns nothing does not compile:
    ///
    /// ```compile_fail
    /// use poorwsgi::{Application, Request, Response};
    ///
    /// Application::new("demo").after_response(|_req: Request, _response: Response| ());
    /// ```
    AfterHook<>(request: Request, response: Response), AfterOutput,
    "`{Self}` is not an after hook",
    "an after hook is a function or closure, plain or asynchronous, of a `Request` and a `Response`; it returns the response to send: a `Response`, or a `Result` of one"
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
    StateHandler<>(request: Request, error: HttpError), IntoResponse,
    "`{Self}` is not a state handler",
    "a state handler is a function or closure, plain or asynchronous, of a `Request` and an `HttpError`, and returns what `IntoResponse` takes"
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
    /// app.route("/order", state::METHOD_HEAD | state::METHOD_GET, order)?;
    /// app.error_handler::<ParseIntError, _>(state::METHOD_ALL, no_number);
    /// let answer = app.handle(http::Request::get("/order?pieces=many").body(String::new())?).await;
    /// assert_eq!(answer.status(), 400);
    /// # Ok(())
    /// # }
    /// ```
    ErrorHandler<E: std::error::Error>(request: Request, error: E), IntoResponse,
    "`{Self}` is not a handler of errors of the type `{E}`",
    "an error handler is a function or closure, plain or asynchronous, of a `Request` and the error, and returns what `IntoResponse` takes"
}

/// Makes the stored form of an error handler, which takes a boxed error and downcasts it to `E`.
pub(crate) fn stored_error_handler<E, M, H>(handler: H) -> Stored<(Request, BoxError)>
where
    E: std::error::Error + Send + Sync + 'static,
    H: ErrorHandler<E, M>,
{
    handler.store().converting(|(request, error): (Request, BoxError)| match error.downcast::<E>() {
        Ok(error) => Ok((request, *error)),
        Err(error) => Err(Error::new(error)),
    })
}
