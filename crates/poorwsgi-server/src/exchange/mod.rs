//! One request and its response, the same for every protocol and every transport.
//!
//! A session (`h1`) gives each head that it has read to the [`Exchanger`] of its connection. The exchange
//! checks what the head says (`head`), counts the body (`body`), calls the service (`call`), sees to it that
//! what is sent of the response is true (`finish`, `outgoing`), and remembers the request for the logs
//! (`record`). It knows no protocol: what it needs of one, it asks its [`Carrier`] for.

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
pub(crate) use context::{ConnectionContext, Peer};
pub(crate) use finish::{Cut, FinishedResponse};
pub(crate) use outgoing::Outgoing;
pub(crate) use refusal::Refusal;

/// The session, or the stream of one, that carries an exchange: what an exchange asks of its protocol.
pub(crate) trait Carrier: fmt::Debug + Send + Sync {
    /// The connection.
    fn context(&self) -> &ConnectionContext;

    /// The request is not read to its end. Where its end is what tells the next one apart, that is never
    /// read.
    fn abandon_request(&self);

    /// Where files wait that leave by `sendfile`; `None` where content is copied on its way.
    fn files(&self) -> Option<&Files>;

    /// Whether all that was given of the response is written. The task is woken when it is.
    fn is_written(&self, cx: &Context<'_>) -> bool;
}
