//! Forms in a request's body: `application/x-www-form-urlencoded` and `multipart/form-data` (RFC 7578).
//!
//! The parsers do no I/O: a caller pushes bytes into them and takes events out. They take linear time on any
//! input, and buffer no more than the header of one part, one delimiter, or one URL-encoded pair.
//!
//! | module | what |
//! |---|---|
//! | [`multipart`] | push parser of multipart bodies |
//! | [`urlencoded`] | push parser of URL-encoded bodies, and of query strings |
//! | [`FormReader`], [`read_form`] | build a [`FieldStorage`] from the events |
//! | [`PartReader`] | gives the events part by part |
//! | [`FormLimits`] | limits of a form's size, and of the number of its parts |

#[cfg(feature = "forms")]
mod budget;
#[cfg(feature = "forms")]
mod delimiter;
#[cfg_attr(not(feature = "forms"), allow(dead_code))] // without the feature, nothing reads forms
mod error;
#[cfg(feature = "forms")]
mod field;
#[cfg_attr(not(feature = "forms"), allow(dead_code))] // without the feature, nothing writes files
mod file;
#[cfg(feature = "forms")]
mod filename;
#[cfg(feature = "forms")]
mod kind;
#[cfg_attr(not(feature = "forms"), allow(dead_code))] // without the feature, nothing counts
mod limits;
#[cfg(feature = "forms")]
pub mod multipart;
#[cfg(feature = "forms")]
mod part;
#[cfg(feature = "forms")]
mod parts;
#[cfg(feature = "forms")]
mod reader;
#[cfg(feature = "forms")]
pub mod urlencoded;

pub use error::FormError;
#[cfg(feature = "forms")]
pub use field::{FieldContent, FieldStorage, into_pair, into_parts};
pub use file::{FormFile, WriteOnly};
#[cfg(feature = "forms")]
pub use filename::safe_filename;
#[cfg(feature = "forms")]
pub use kind::{FormKind, URLENCODED};
pub use limits::FormLimits;
#[cfg(feature = "forms")]
pub use part::PartHead;
#[cfg(feature = "forms")]
pub use parts::PartReader;
#[cfg(feature = "forms")]
pub use reader::{FormFileCallback, FormOptions, FormReader, SMALL_FILE, read_form};

#[cfg(feature = "forms")]
use std::sync::Arc;

#[cfg(feature = "forms")]
use crate::BoxError;

#[cfg(feature = "forms")]
/// Decodes the bytes of names and of text values. The default is [`utf8_lossy`]; an application with forms in
/// another charset sets its own function. An error of the function ends the form with [`FormError::Decode`].
pub type Decode = Arc<dyn Fn(Vec<u8>) -> Result<String, BoxError> + Send + Sync>;

#[cfg(feature = "forms")]
/// Decodes UTF-8, with U+FFFD in place of invalid bytes. Valid text is not copied.
///
/// # Errors
/// Never; it returns a `Result` because [`Decode`] does.
pub fn utf8_lossy(bytes: Vec<u8>) -> Result<String, BoxError> {
    Ok(String::from_utf8(bytes)
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}
