//! Responses: status, header fields and body, and the rules by which they become an HTTP message.
//!
//! A handler returns a [`Response`], or a value that its door converts to a response. The last step before
//! sending is [`finish`]: it applies conditional and range requests and `HEAD`, and settles how the message
//! is framed.

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
mod final_status;
mod finish;
mod json;
mod length;
mod range;
mod redirect;
#[allow(clippy::module_inception)] // PoorWSGI's module is `response`, and its class is `Response`
mod response;
mod stream;
mod text_page;
mod window;

pub(crate) use assemble::powered;
pub use assemble::{assemble, assembled_status, default_headers, is_json, takes_content_type};
pub use blocks::{Blocking, Blocks};
pub use body::{Body, BodyKind};
pub use conditional::EntityTag;
pub use constructors::JSON_TYPE;
pub use content::{Content, FIELDS_OF_CONTENT, FIELDS_OF_NOT_MODIFIED, faults_of_not_modified};
pub use document_root::DocumentRoot;
pub use error::{ResponseError, is_missing};
pub use file::{FileRange, OpenFile};
pub use final_status::{BadSwitch, NotFinal, check_final, check_final_or_switching};
pub use finish::finish;
pub use length::{BadLength, DeclaredLength, PromisedLength, WrongLength};
pub use range::{keeps_ranges, may_be_cut};
pub use response::{Declined, HTML_TYPE, Ranges, Response, into_http_with, state_content};
pub use stream::{Iter, iter};
pub use text_page::text_page;
