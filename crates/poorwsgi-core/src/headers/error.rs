//! Why a header field was refused.

use std::error::Error as StdError;
use std::fmt;

/// Why a header field was refused.
///
/// ```
/// use poorwsgi::Response;
/// use poorwsgi::headers::HeaderError;
///
/// let mut response = Response::text("Hello");
/// let refused = response.headers_mut().set("X-Title", "Hello\r\nSet-Cookie: SESSID=forged");
/// assert_eq!(refused, Err(HeaderError::Value { name: "X-Title".into(), at: 5 }));
/// assert!(response.headers().is_empty());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not a token (RFC 9110, section 5.6.2).
    Name {
        /// The name as it was given.
        name: String,
    },
    /// The value holds a control character, which could end the field or the whole head (RFC 9110, section
    /// 5.5).
    Value {
        /// The name of the field.
        name: String,
        /// The index of the first bad byte.
        at: usize,
    },
    /// A parameter's name is not a token.
    Parameter {
        /// The parameter's name as it was given.
        name: String,
    },
    /// Neither a value nor a parameter was given.
    Empty {
        /// The name of the field.
        name: String,
    },
    /// There already is a field of this name, and there may be only one.
    Duplicate {
        /// The name of the field.
        name: String,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Name { name } => write!(
                f,
                "header name {name:?}: not a token; use ASCII letters, digits and any of !#$%&'*+-.^_`|~"
            ),
            HeaderError::Value { name, at } => write!(
                f,
                "header {name}: control character at byte {at} of the value; a value is one line without CR, LF and NUL"
            ),
            HeaderError::Parameter { name } => write!(
                f,
                "header parameter {name:?}: not a token; use ASCII letters, digits and any of !#$%&'*+-.^_`|~"
            ),
            HeaderError::Empty { name } => {
                write!(f, "header {name}: no value; give a value or at least one parameter")
            }
            HeaderError::Duplicate { name } => write!(
                f,
                "header {name}: set already; set() replaces it, append() adds a further field of that name"
            ),
        }
    }
}

impl StdError for HeaderError {}
