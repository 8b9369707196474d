//! Our own server: the event loops, and the calls of what is served, one of our applications or any WSGI
//! callable.
//!
//! Python makes a `Listener` and a `Server` (`poorwsgi.server`). A connection of `poorwsgi_server` asks a
//! [`service`] for each response, which calls the application inline or on the pool ([`call`]). This module
//! knows neither what HTTP/1.1 looks like nor how one of our applications finds its response.

mod asked;
mod backend;
mod call;
mod callable;
mod caller;
mod control;
mod failure;
mod gathering;
mod generated;
mod listener;
mod loops;
mod orphan;
mod process;
mod read_timeout;
mod reported;
mod request_timeout;
mod serve;
mod served;
mod service;
mod stuck;
mod switching;

use poorwsgi_core::BoxError;
use poorwsgi_core::response::Body;

pub(crate) use control::_end_servers;
pub(crate) use listener::{_check_address, ListeningSocket};
pub(crate) use orphan::_end_after_parent;
pub(crate) use process::{_call_within, _raise_descriptor_limit};
pub(crate) use serve::Server;

/// What a connection waits for: a response, whose content may still be generated, or the error.
type ServiceResult = Result<http::Response<Body>, BoxError>;
