//! The exceptions of a request: conversion of Python exceptions to the engine's statuses, and of the engine's
//! errors to exceptions.
//!
//! All modules of the crate may use this one, so it depends on no other. An `HTTPException` with a response
//! is handled in `response`.

mod broken_body;
mod classes;
mod client_fault;
mod error;
mod report;
mod status;

pub(crate) use broken_body::{body_exception, client_has_left, cut_short, note_left};
pub(crate) use classes::{HTTPException, ResponseError};
pub(crate) use client_fault::{
    _convert, _missing, bad_cookie, cannot_be_converted, client_fault, fault_of_client, missing_value,
    not_convertible,
};
pub(crate) use error::{Error, http_exception};
pub(crate) use report::report;
pub(crate) use status::{Status, bad_status, known};
