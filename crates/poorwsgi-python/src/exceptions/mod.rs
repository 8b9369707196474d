//! The exceptions of a request: what Python raises as a status of the engine, and what the engine refuses as
//! an exception.
//!
//! Everything in this crate may raise them, so that nothing else of the crate is known here. What an
//! `HTTPException` with a response in it means is said where responses are (`response`).

mod broken_body;
mod classes;
mod error;
mod report;
mod status;

pub(crate) use broken_body::{body_exception, client_has_left, cut_short, fault_of_client, note_left};
pub(crate) use classes::{HTTPException, ResponseError};
pub(crate) use error::{Error, http_exception};
pub(crate) use report::report;
pub(crate) use status::{Status, known};
