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

/// The answer of a call: at once, or when a future is done.
pub enum Called<T> {
    /// The answer of a plain function.
    Ready(T),
    /// The future of an asynchronous function.
    Later(BoxFuture<T>),
}

/// Tells the two kinds of functions apart where a trait is implemented for both.
pub mod marker {
    /// The marker of plain functions.
    #[derive(Debug)]
    pub enum Plain {}
    /// The marker of functions that return a future.
    #[derive(Debug)]
    pub enum Async {}
}

/// A callable of the tables: shared, and with the name of the function it was made from.
pub struct Stored<A> {
    call: Arc<dyn Fn(A) -> Called<Result<Response>> + Send + Sync>,
    name: &'static str,
    function: TypeId,
    mounted: bool,
}

impl<A> Stored<A> {
    /// `F` is the application's function, which `call` calls.
    pub(super) fn new<F: 'static>(
        name: &'static str,
        call: impl Fn(A) -> Called<Result<Response>> + Send + Sync + 'static,
    ) -> Self {
        Stored { call: Arc::new(call), name, function: TypeId::of::<F>(), mounted: false }
    }

    /// As the handler of a mounted service.
    pub(super) const fn mounted(mut self) -> Self {
        self.mounted = true;
        self
    }

    pub(super) const fn is_mounted(&self) -> bool {
        self.mounted
    }

    /// Whether it was made from this function. Every function and closure has a type of its own.
    pub(super) fn is_of<F: 'static>(&self, _: &F) -> bool {
        self.function == TypeId::of::<F>()
    }

    pub(super) const fn name(&self) -> &'static str {
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
    /// A route's or default handler: a function of a [`Request`] that returns what [`IntoResponse`] takes.
    Handler<>(request: Request), IntoResponse
}

callable! {
    /// A before hook: a function of a [`Request`] that returns nothing, or a [`Result`] whose error ends the
    /// request.
    BeforeHook<>(request: Request), HookOutput
}

callable! {
    /// An after hook: a function of the [`Request`] and the [`Response`] that returns the response to send.
    AfterHook<>(request: Request, response: Response), IntoResponse
}

callable! {
    /// A state handler: a function of the [`Request`] and the [`HttpError`] that was raised.
    StateHandler<>(request: Request, error: HttpError), IntoResponse
}

callable! {
    /// An error handler: a function of the [`Request`] and the error, of its own type.
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

/// An error handler of the tables: takes the boxed error and knows its type.
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
