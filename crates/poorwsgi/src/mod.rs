//! The Rust door: what applications in Rust are written with.

mod application;
mod error;
mod handler;
mod language;
mod mount;
mod path_arg;
mod request;
mod service;

pub use application::Application;
pub use error::{Abort, Error, Result, abort};
pub use handler::{AfterHook, BeforeHook, ErrorHandler, Handler, StateHandler, marker};
pub use path_arg::{ConvertError, FromPathArg};
pub use request::Request;
