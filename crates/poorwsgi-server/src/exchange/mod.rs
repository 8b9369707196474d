//! One request and its response, the same for every protocol and every transport.
//!
//! A session (`h1`) gives each head that it has read to the [`Exchanger`] of its connection. The exchange
//! checks the head (`head`), counts the body (`body`), calls the service (`call`), checks the response and
//! counts what is sent of it (`finish`, `outgoing`), and records the request for the logs (`record`). It
//! knows no protocol: it asks its [`Carrier`] for what it needs of one.

use std::fmt;
use std::task::Context;

use crate::transport::sendfile::Files;

mod body;
mod call;
mod context;
pub(crate) mod date;
mod finish;
mod head;
mod outgoing;
mod record;
mod refusal;

pub use body::{BodyError, RequestBody};
pub(crate) use call::{Exchange, Exchanger};
pub(crate) use context::{ConnectionContext, Introduce, Peer};
pub(crate) use finish::{Cut, FinishedResponse};
pub(crate) use outgoing::Outgoing;
pub(crate) use refusal::Refusal;

/// The session, or a stream of it, that carries an exchange: the interface of an exchange to its protocol.
pub(crate) trait Carrier: fmt::Debug + Send + Sync {
    /// The connection.
    fn context(&self) -> &ConnectionContext;

    /// Declares that the request is not read to its end. If the next request can only be found after that
    /// end, it is never read.
    fn abandon_request(&self);

    /// The files that wait to be sent by `sendfile`; `None` on a transport that copies content.
    fn files(&self) -> Option<&Files>;

    /// Whether everything given of the response so far is written. The task is woken when it is.
    fn is_written(&self, cx: &Context<'_>) -> bool;
}
