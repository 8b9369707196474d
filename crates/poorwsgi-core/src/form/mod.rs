//! Forms in a request's body: `application/x-www-form-urlencoded` and `multipart/form-data` (RFC 7578).
//!
//! The parsers do no input or output: bytes are pushed in, events come out, whatever the source is. They take
//! linear time on any input and hold back no more than one part header line or one boundary.
//!
//! | module | what |
//! |---|---|
//! | [`multipart`] | push parser of multipart bodies |
//! | [`urlencoded`] | push parser of URL-encoded bodies, and of query strings |
//! | [`FormReader`], [`read_form`] | put the events together to a [`FieldStorage`] |
//! | [`Limits`] | what a form may cost |

mod delimiter;
mod error;
mod field;
mod file;
mod filename;
mod limits;
pub mod multipart;
mod part;
mod reader;
pub mod urlencoded;

pub use error::FormError;
pub use field::{Content, FieldStorage};
pub use file::{FormFile, WriteOnly};
pub use filename::safe_filename;
pub use limits::Limits;
pub use part::PartHead;
pub use reader::{FileCallback, FormOptions, FormReader, SMALL_FILE, read_form};

use std::sync::Arc;

use crate::BoxError;

/// How the bytes of names and of text values become text. The default is [`utf8_lossy`]; an application with
/// forms in another charset gives its own function. Its error ends the form as [`FormError::Decode`].
pub type Decode = Arc<dyn Fn(Vec<u8>) -> Result<String, BoxError> + Send + Sync>;

/// UTF-8, with U+FFFD in place of what is none. Valid text is not copied.
///
/// # Errors
/// None; the result has the type that [`Decode`] asks for.
pub fn utf8_lossy(bytes: Vec<u8>) -> Result<String, BoxError> {
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
