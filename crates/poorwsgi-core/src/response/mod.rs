//! What goes back to the client: status, header fields and body, and the rules by which they become a
//! message.
//!
//! A handler makes a [`Response`], or returns a value that its door makes one of. The last step before
//! sending is [`finish`]: conditional and range requests, `HEAD`, and the fields that frame the message.

mod assemble;
mod blocks;
mod body;
mod byteranges;
pub mod conditional;
mod constructors;
mod content;
pub mod document_root;
mod error;
mod file;
mod finish;
mod json;
mod length;
mod range;
mod redirect;
#[allow(clippy::module_inception)] // the room is named as in PoorWSGI, and so is the type that fills it
mod response;
mod stream;
mod window;

pub use assemble::default_headers;
pub(crate) use assemble::powered;
pub use blocks::{Blocking, Blocks};
pub use body::{Body, BodyKind};
pub use conditional::EntityTag;
pub use content::Content;
pub use document_root::DocumentRoot;
pub use error::ResponseError;
pub use file::{FileRange, OpenFile};
pub use finish::{FIELDS_OF_CONTENT, finish};
pub use length::{BadLength, DeclaredLength, PromisedLength, WrongLength};
pub use range::Ranges;
pub use response::{Declined, Response};
pub use stream::{Iter, iter};
