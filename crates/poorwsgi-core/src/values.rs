//! The values of a key that may be repeated, as in a query or a form, and their conversion.

use std::fmt;

use crate::HttpError;

/// The value of a key, or the list of values of a repeated key.
///
/// ```
/// use poorwsgi::request::{Args, ArgsOptions, OneOrMany};
///
/// let args = Args::parse("size=7&page=1&page=3", &ArgsOptions::default())?;
/// assert_eq!(args.getvalue("size", str::parse)?, Some(OneOrMany::One(7)));
/// assert_eq!(args.getvalue("page", str::parse)?, Some(OneOrMany::Many(vec![1, 3])));
/// # Ok::<(), poorwsgi::HttpError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OneOrMany<T> {
    /// The key came once.
    One(T),
    /// The key came several times; the values are in the order in which they came.
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

/// Converts the value of a key. A value that cannot be converted is a 400 that names the key and `what` it
/// is, such as "form field".
pub(crate) fn convert<T, E: fmt::Display>(
    what: &str,
    key: &str,
    value: &str,
    func: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, HttpError> {
    func(value).map_err(|error| HttpError::bad_request(format!("{what} {key}: {error}")))
}
