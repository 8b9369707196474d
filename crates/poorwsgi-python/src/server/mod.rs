//! Our own server: the loops of connections, and the calls of what is served, an application of ours or any
//! WSGI callable.
//!
//! Python makes a `Listener` and a `Server` (`poorwsgi.server`). A connection of `poorwsgi_server` asks a
//! [`service`] for each answer, which has the application called inline or on the pool ([`call`]). What
//! HTTP/1.1 looks like is not known here, nor is how an application of ours finds its answer.

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
mod request_timeout;
mod serve;
mod served;
mod service;
mod stuck;
mod switching;

use poorwsgi_core::BoxError;
use poorwsgi_core::response::Body;

pub(crate) use control::_end_servers;
pub(crate) use listener::Listener;
pub(crate) use orphan::_end_after_parent;
pub(crate) use process::{_call_within, _raise_descriptor_limit};
pub(crate) use serve::Server;

/// What a connection waits for: a response whose content may still be on its way, or why there is none.
type ServiceResult = Result<http::Response<Body>, BoxError>;
