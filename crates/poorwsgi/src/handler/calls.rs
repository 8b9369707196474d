//! Where plain functions are called: they may block, and the threads of the runtime must not.

use std::fmt;
use std::sync::Arc;

use poorwsgi_calls::inlining::{CallPlace, RouteTimes, Rule};
use tokio::runtime::Handle;
use tokio::task::JoinError;
use tracing::Span;

use super::called::Called;
use super::stored::panicked;
use crate::error::{Error, Result};

/// Nothing but the processors limits how many calls compute at a time, and any thread of the runtime may make
/// them.
const RULE: Rule = Rule { loops: usize::MAX, has_lock: false, ..Rule::DEFAULT };

/// How long the calls of one plain function take. They begin on tokio's threads for blocking work; once 64 in
/// a row took no longer than 200 µs, they are made where the request is handled, until one or two take 20 ms,
/// or several more than 200 µs.
#[derive(Debug, Default)]
pub(super) struct Calls(RouteTimes);

impl Calls {
    /// Calls a plain function. Without a runtime of tokio, it is called here.
    pub(super) fn call<F, A, T>(self: &Arc<Self>, function: &Arc<F>, argument: A) -> Called<Result<T>>
    where
        F: Fn(A) -> Result<T> + Send + Sync + 'static,
        A: Send + 'static,
        T: Send + 'static,
    {
        if self.0.is_inline(&RULE) {
            return Called::Ready(self.0.time_seldom(&RULE, || function(argument)));
        }
        let Ok(runtime) = Handle::try_current() else { return Called::Ready(function(argument)) };
        let (calls, function, span) = (Arc::clone(self), Arc::clone(function), Span::current());
        let task = runtime.spawn_blocking(move || {
            span.in_scope(|| calls.0.time(&RULE, CallPlace::Pool, |_| function(argument)))
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
