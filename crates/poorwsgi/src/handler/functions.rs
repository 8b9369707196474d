//! Functions of up to eight arguments, which are handlers and before hooks.

use std::future::Future;
use std::sync::Arc;

use poorwsgi_core::response::Response;

use super::arguments::ArgumentList;
use super::called::{Called, now};
use super::calls::Calls;
use super::outputs::HookOutput;
use super::stored::{About, Stored};
use super::{BeforeHook, Handler, marker};
use crate::error::Result;
use crate::extract::RequiredStates;
use crate::into_response::IntoResponse;
use crate::request::Request;

/// About a function `F` that takes these arguments.
fn about<F: 'static, Via, A: ArgumentList<Via>>() -> About {
    let mut required = RequiredStates::default();
    A::required_states(&mut required);
    About::of::<F>().reading_body(A::READS_BODY).requiring(required)
}

/// A plain function `F`, called by `function`.
fn plain<F, Via, A>(function: impl Fn(A) -> Result<Response> + Send + Sync + 'static) -> Stored<Request>
where
    F: 'static,
    A: ArgumentList<Via>,
{
    let (function, calls) = (Arc::new(function), Arc::<Calls>::default());
    Stored::new(about::<F, Via, A>().timed_by(&calls), move |request| {
        if A::IS_READY {
            return match now(A::extract(request)) {
                Ok(arguments) => calls.call(&function, arguments),
                Err(error) => Called::Ready(Err(error)),
            };
        }
        let (function, calls) = (Arc::clone(&function), Arc::clone(&calls));
        Called::later(async move { calls.call(&function, A::extract(request).await?).answer().await })
    })
}

/// An asynchronous function `F`, called by `function`.
fn asynchronous<F, Via, A, T>(function: impl Fn(A) -> T + Send + Sync + 'static) -> Stored<Request>
where
    F: 'static,
    A: ArgumentList<Via>,
    T: Future<Output = Result<Response>> + Send + 'static,
{
    let function = Arc::new(function);
    Stored::new(about::<F, Via, A>(), move |request| {
        if A::IS_READY {
            return match now(A::extract(request)) {
                Ok(arguments) => Called::later(function(arguments)),
                Err(error) => Called::Ready(Err(error)),
            };
        }
        let function = Arc::clone(&function);
        Called::later(async move { function(A::extract(request).await?).await })
    })
}

macro_rules! functions {
    ($($arg:ident)*) => {
        functions! { Handler<(marker::Plain, (Via, ($($arg,)*)))>, Via, Via, IntoResponse, $($arg)* }
        functions! { Handler<(marker::Async, (Via, ($($arg,)*)))>, Via, Via, async IntoResponse, $($arg)* }
        functions! { BeforeHook<(marker::Plain, ($($arg,)*))>, , marker::ViaParts, HookOutput, $($arg)* }
        functions! { BeforeHook<(marker::Async, ($($arg,)*))>, , marker::ViaParts, async HookOutput, $($arg)* }
    };
    ($trait:path, $($generic:ident)?, $via:ty, async $output:ident, $($arg:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F, T, $($generic,)? $($arg,)*> $trait for F
        where
            F: Fn($($arg),*) -> T + Send + Sync + 'static,
            T: Future + Send + 'static,
            T::Output: $output,
            ($($arg,)*): ArgumentList<$via>,
        {
            #[allow(non_snake_case, reason = "each value has the name of its type")]
            fn store(self) -> Stored<Request> {
                asynchronous::<F, $via, _, _>(move |($($arg,)*)| {
                    let future = self($($arg),*);
                    async move { future.await.into_response() }
                })
            }
        }
    };
    ($trait:path, $($generic:ident)?, $via:ty, $output:ident, $($arg:ident)*) => {
        #[diagnostic::do_not_recommend]
        impl<F, T, $($generic,)? $($arg,)*> $trait for F
        where
            F: Fn($($arg),*) -> T + Send + Sync + 'static,
            T: $output,
            ($($arg,)*): ArgumentList<$via>,
        {
            #[allow(non_snake_case, reason = "each value has the name of its type")]
            fn store(self) -> Stored<Request> {
                plain::<F, $via, _>(move |($($arg,)*)| self($($arg),*).into_response())
            }
        }
    };
}

functions! {}
functions! { A1 }
functions! { A1 A2 }
functions! { A1 A2 A3 }
functions! { A1 A2 A3 A4 }
functions! { A1 A2 A3 A4 A5 }
functions! { A1 A2 A3 A4 A5 A6 }
functions! { A1 A2 A3 A4 A5 A6 A7 }
functions! { A1 A2 A3 A4 A5 A6 A7 A8 }
