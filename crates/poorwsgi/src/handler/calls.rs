//! Where plain functions are called: they may block, and the threads of the runtime must not.

#[cfg(feature = "inlining")]
mod inlining;
#[cfg(not(feature = "inlining"))]
mod never_inline;
#[cfg(feature = "inlining")]
mod watch;

use std::fmt;
use std::sync::Arc;

use poorwsgi_core::clock;
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tracing::Span;

#[cfg(feature = "inlining")]
use self::inlining::Times;
#[cfg(not(feature = "inlining"))]
use self::never_inline::NoTimes as Times;
use super::called::{Called, panicked};
use crate::error::{Error, Result};

/// The calls of one plain function. They begin on tokio's threads for blocking work. With the feature
/// `inlining` they move to where the request is handled, once 64 in a row took no longer than 200 µs, and
/// leave it when one or two take 20 ms, or several more than 200 µs. One thread of the runtime is always left
/// without inline calls, so that a runtime of one thread makes none.
#[derive(Debug, Default)]
pub(super) struct Calls(Times);

impl Calls {
    /// Calls a plain function. Without a runtime of tokio, it is called here.
    pub(super) fn call<F, A, T>(self: &Arc<Self>, function: &Arc<F>, argument: A) -> Called<Result<T>>
    where
        F: Fn(A) -> Result<T> + Send + Sync + 'static,
        A: Send + 'static,
        T: Send + 'static,
    {
        let Ok(runtime) = Handle::try_current() else { return Called::Ready(function(argument)) };
        if let Some(_running) = self.0.begin_inline(&runtime) {
            return Called::Ready(self.0.time_inline(|| function(argument)));
        }
        let (calls, function, span, ahead) =
            (Arc::clone(self), Arc::clone(function), Span::current(), clock::ahead());
        let task = runtime.spawn_blocking(move || {
            clock::with_shift(ahead, || span.in_scope(|| calls.0.time_elsewhere(|| function(argument))))
        });
        Called::later(async move { task.await.unwrap_or_else(|error| Err(not_called(error))) })
    }
}

fn not_called(error: JoinError) -> Error {
    match error.try_into_panic() {
        Ok(panic) => panicked(panic.as_ref()),
        Err(_) => Error::new("the runtime has stopped before the handler was called"),
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
