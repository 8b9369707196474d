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

#[cfg(feature = "forms")]
mod delimiter;
#[cfg_attr(not(feature = "forms"), allow(dead_code))] // who reports errors is left out
mod error;
#[cfg(feature = "forms")]
mod field;
#[cfg_attr(not(feature = "forms"), allow(dead_code))] // who writes files is left out
mod file;
#[cfg(feature = "forms")]
mod filename;
#[cfg_attr(not(feature = "forms"), allow(dead_code))] // who counts is left out
mod limits;
#[cfg(feature = "forms")]
pub mod multipart;
#[cfg(feature = "forms")]
mod part;
#[cfg(feature = "forms")]
mod reader;
#[cfg(feature = "forms")]
pub mod urlencoded;

pub use error::FormError;
#[cfg(feature = "forms")]
pub use field::{Content, FieldStorage};
pub use file::{FormFile, WriteOnly};
#[cfg(feature = "forms")]
pub use filename::safe_filename;
pub use limits::Limits;
#[cfg(feature = "forms")]
pub use part::PartHead;
#[cfg(feature = "forms")]
pub use reader::{FileCallback, FormOptions, FormReader, SMALL_FILE, read_form};

#[cfg(feature = "forms")]
use std::sync::Arc;

#[cfg(feature = "forms")]
use crate::BoxError;

#[cfg(feature = "forms")]
/// How the bytes of names and of text values become text. The default is [`utf8_lossy`]; an application with
/// forms in another charset gives its own function. Its error ends the form as [`FormError::Decode`].
pub type Decode = Arc<dyn Fn(Vec<u8>) -> Result<String, BoxError> + Send + Sync>;

#[cfg(feature = "forms")]
/// UTF-8, with U+FFFD in place of what is none. Valid text is not copied.
///
/// # Errors
/// None; the result has the type that [`Decode`] asks for.
pub fn utf8_lossy(bytes: Vec<u8>) -> Result<String, BoxError> {
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
