//! The responses of Python handlers.
//!
//! A handler's str, bytes or dict is converted directly to a response of the engine. Response objects exist
//! only if a handler creates one, or for hooks. This module does not depend on requests and applications.

mod answer;
mod base;
mod blocks;
mod classes;
mod content;
mod exception;
mod from_result;
mod media_type;
mod of_callable;
mod refused;
mod send;
mod to_object;

pub(crate) use answer::Answer;
pub(crate) use base::BaseResponse;
pub(crate) use blocks::{ResponseBlocks, ReturnedBy};
pub(crate) use classes::add_classes;
pub(crate) use exception::{RaisedHttp, abort, redirect};
pub(crate) use from_result::{from_result, make_response, to_response};
pub(crate) use media_type::{HTML, media_type};
pub(crate) use of_callable::of_callable;
