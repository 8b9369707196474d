//! Where plain functions are called.

use std::fmt;
use std::sync::Arc;

use super::called::Called;
use crate::error::Result;

/// The calls of one plain function.
#[derive(Debug, Default)]
pub(super) struct Calls;

impl Calls {
    /// Calls a plain function.
    pub(super) fn call<F, A, T>(self: &Arc<Self>, function: &Arc<F>, argument: A) -> Called<Result<T>>
    where
        F: Fn(A) -> Result<T> + Send + Sync + 'static,
        A: Send + 'static,
        T: Send + 'static,
    {
        Called::Ready(function(argument))
    }
}

impl fmt::Display for Calls {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
