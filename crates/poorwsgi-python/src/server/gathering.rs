//! How much of a request body has come when the application is called, and bodies that are collected before
//! that.

use std::task::{Context, Poll, ready};

use http::request::Parts;
use poorwsgi_core::error::StatusText;
use poorwsgi_core::headers::framing::state_length;
use poorwsgi_core::response::Body;
use poorwsgi_server::spool::{Gathered, Gathering, Held};
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

/// A request whose body is collected before the application is called.
pub(super) struct Gather {
    pub(super) head: Option<Parts>,
    pub(super) gathering: Gathering,
    /// Whether its length becomes known only now, and is set as `CONTENT_LENGTH`.
    pub(super) is_chunked: bool,
}

impl Gather {
    /// The request with its body, or the response that refuses the body.
    pub(super) fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(Parts, Body, Arrival), ServiceResult>> {
        let gathered = ready!(self.gathering.poll(cx));
        let Some(mut head) = self.head.take() else {
            return Poll::Ready(Err(Err("polled after its end".into())));
        };
        Poll::Ready(match gathered {
            Ok(Gathered { body, held }) => {
                if self.is_chunked {
                    state_length(&mut head.headers, body.length().unwrap_or_default());
                }
                let is_in_memory = body.as_bytes().is_some();
                let arrival =
                    if is_in_memory { Arrival::InMemory(Some(held)) } else { Arrival::InFile(held) };
                Ok((head, body, arrival))
            }
            Err(error) => {
                let text = StatusText { status: error.status(), detail: error.detail() };
                log_refusal(&Asked::of(&head), text);
                Err(Ok(page(text)))
            }
        })
    }
}
