//! One request and its response, the same for every protocol and every transport.
//!
//! A session (`h1`) gives each head that it has read to the [`Exchanger`] of its connection, with a body that
//! keeps the rules and deadlines of the protocol. The exchange checks the head (`head`), counts the body
//! (`body`), calls the service (`call`), checks the response and counts what is sent of it (`finish`,
//! `outgoing`), and records the request for the logs (`record`). A connection that leaves HTTP goes on as an
//! [`Upgraded`] one (`upgrade`). An exchange knows no protocol: it asks its [`Carrier`] for what it needs of
//! one. The tests have a session of HTTP/2 over the same exchanges (`over_h2`).

use std::fmt;
use std::task::Context;

use http::response::Parts as ResponseHead;
use http::{HeaderMap, StatusCode};

use crate::connection::ConnectionContext;
use crate::transport::sendfile::Files;

mod body;
mod call;
pub(crate) mod date;
mod finish;
mod head;
mod ids;
mod logged;
mod outgoing;
#[cfg(test)]
mod over_h2;
mod record;
mod refusal;
mod upgrade;

pub(crate) use body::BodyFault;
pub use body::{BodyError, RequestBody};
pub use call::report_call;
pub(crate) use call::{Exchange, Exchanger, Introduce};
pub(crate) use finish::Cut;
pub(crate) use outgoing::Outgoing;
pub(crate) use refusal::Refusal;
pub use upgrade::{Upgrade, Upgraded};

/// The session, or a stream of it, that carries an exchange: the interface of an exchange to its protocol.
pub(crate) trait Carrier: fmt::Debug + Send + Sync {
    /// The connection.
    fn context(&self) -> &ConnectionContext;

    /// Declares that the request is not read to its end, of which `rest` bytes are left, if that is known. If
    /// the next request can only be found after that end, the session may discard the rest, or read no more
    /// requests.
    fn abandon_request(&self, rest: Option<u64>);

    /// The files that wait to be sent by `sendfile`; `None` on a transport that copies content.
    fn files(&self) -> Option<&Files>;

    /// Whether everything given of the response so far is written. The task is woken when it is.
    fn is_written(&self, cx: &Context<'_>) -> bool;

    /// The status of the response that accepts the protocol which the request asks for; `None` if it asks for
    /// none, so that no response can be an [`Upgrade`].
    fn upgrade_status(&self) -> Option<StatusCode>;

    /// Takes the fields about the connection (RFC 9110, section 7.6.1) out of a response of the application
    /// with this status, and obeys them as far as its protocol knows them. It is called only for a response
    /// that has such fields.
    fn take_connection_fields(&self, headers: &mut HeaderMap, status: StatusCode);

    /// Completes the head of every response for its protocol. The [`Upgrade`] of a response that accepts another
    /// protocol follows after this response.
    fn complete_head(&self, head: &mut ResponseHead, upgrade: Option<Upgrade>);
}
