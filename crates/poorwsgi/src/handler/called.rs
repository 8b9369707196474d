//! The result of a call.

use std::any::Any;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use crate::error::{Error, Result};

pub(super) type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The result of a call: a value, or a future that gives it.
pub(crate) enum Called<T> {
    /// The result of a plain function.
    Ready(T),
    /// The future of an asynchronous function.
    Later(BoxFuture<T>),
}

impl<T> Called<T> {
    pub(crate) fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Called::Later(Box::pin(future))
    }

    /// Waits for the result.
    pub(super) async fn answer(self) -> T {
        match self {
            Called::Ready(answer) => answer,
            Called::Later(future) => future.await,
        }
    }
}

/// The output of a future that never waits. It is polled on the stack, because a future that is kept needs an
/// allocation.
#[inline]
pub(super) fn now<T>(future: impl Future<Output = Result<T>>) -> Result<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => {
            Err(Error::new("an extractor waited, although its `IS_READY` says that it never waits"))
        }
    }
}

/// The error of a call that panicked.
pub(super) fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    Error::new(format!("the handler panicked: {text}"))
}
