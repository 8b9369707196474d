//! How much of a request body has come when the application is called.

use http::request::Parts;
use poorwsgi_core::HttpError;
use poorwsgi_core::error::StatusText;
use poorwsgi_core::response::Body;
use poorwsgi_server::gathering::GatheredRequest;
use poorwsgi_server::spool::Held;
use tokio::sync::OwnedSemaphorePermit;

use super::ServiceResult;
use super::asked::Asked;
use super::failure::{log_refusal, page};

/// How much of a body has arrived when the application is called.
pub(super) enum Arrival {
    /// The whole body is in memory: the call does not wait.
    InMemory(Option<Held>),
    /// The whole body has arrived; reading it may wait for the disk.
    InFile(Held),
    /// The call waits for its client; that time does not count against the call.
    Pending(OwnedSemaphorePermit),
}

/// A request whose body was collected before the application is called.
pub(super) fn arrived(request: GatheredRequest) -> (Parts, Body, Arrival) {
    let is_in_memory = request.is_in_memory();
    let GatheredRequest { head, body, held } = request;
    (head, body, if is_in_memory { Arrival::InMemory(Some(held)) } else { Arrival::InFile(held) })
}

/// The response that refuses a body.
pub(super) fn refused((head, error): &(Parts, HttpError)) -> ServiceResult {
    let text = StatusText { status: error.status(), detail: error.detail() };
    let asked = Asked::of(head);
    log_refusal(&asked, text);
    Ok(page(&asked, text))
}
