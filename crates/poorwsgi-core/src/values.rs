//! The values that came under one key, converted: of a query's arguments and of a form's fields.

use std::fmt;

use crate::HttpError;

/// The values under one key: a repeated key has a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneOrMany<T> {
    /// The key came once.
    One(T),
    /// The key came several times; the values in their order.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// `None` where there is no value.
    pub(crate) fn of(mut values: Vec<T>) -> Option<Self> {
        match values.len() {
            0 | 1 => values.pop().map(OneOrMany::One),
            _ => Some(OneOrMany::Many(values)),
        }
    }
}

/// Converts a value, `what` of this key. Where that fails it is the client's mistake: 400 with both names.
pub(crate) fn convert<T, E: fmt::Display>(
    what: &str,
    key: &str,
    value: &str,
    func: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, HttpError> {
    func(value).map_err(|error| HttpError::bad_request(format!("{what} {key}: {error}")))
}
