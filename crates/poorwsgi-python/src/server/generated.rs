//! Responses of our own applications that Python generates while they are sent.

use bytes::Bytes;
use poorwsgi_core::BoxError;
use poorwsgi_core::response::{Blocking, Body, BodyKind};
use poorwsgi_server::pipe::pipe;
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::forked::{end_child, exit, is_child};

use super::ServiceResult;
use super::caller::{BlockSender, Caller, CallerPatience};
use super::failure::{Unhandled, log_failure};

/// Hands a response to its connection. Python generates its blocks on this thread, as under any WSGI server;
/// the connection itself reads everything else.
pub(super) fn send(
    response: http::Response<Body>,
    answer: oneshot::Sender<ServiceResult>,
    patience: &CallerPatience,
) {
    let (head, body) = response.into_parts();
    let (begun, rest) = match BodyKind::from_body(body) {
        BodyKind::Blocks(blocks) => begin(blocks, patience),
        other => (Ok(other.into()), None),
    };
    // There is no receiver when the client is gone.
    let _ = answer.send(begun.map(|body| http::Response::from_parts(head, body)));
    if let Some(rest) = rest {
        rest.send();
    }
}

/// The blocks that are not sent with the head.
struct UnsentBlocks {
    blocks: Blocking,
    /// `None` once all content is sent: what follows is not content.
    sender: Option<BlockSender>,
}

/// Generates the first block: while nothing is sent, an error can still become a response.
fn begin(mut blocks: Blocking, patience: &CallerPatience) -> (Result<Body, BoxError>, Option<UnsentBlocks>) {
    let length = blocks.remaining();
    let block = match next(&mut blocks) {
        Ok(Some(block)) => block,
        end => return (end.map(|_| Body::empty()), None),
    };
    if length == Some(block.len() as u64) {
        return (Ok(block.into()), Some(UnsentBlocks { blocks, sender: None }));
    }
    let (sender, receiver) = pipe(patience, Caller(None));
    sender.send(block);
    let body = Body::wrap(receiver);
    let body = match length {
        Some(length) => body.with_length(length),
        None => body,
    };
    (Ok(body), Some(UnsentBlocks { blocks, sender: Some(sender) }))
}

impl UnsentBlocks {
    fn send(self) {
        let UnsentBlocks { mut blocks, sender } = self;
        let end = loop {
            match next(&mut blocks) {
                Ok(Some(block)) => {
                    let is_taken = sender.as_ref().is_some_and(|sender| sender.send(block));
                    // The last block may have been sent, and the client may be gone since then.
                    if !is_taken && blocks.remaining() != Some(0) {
                        break Ok(());
                    }
                }
                end => break end.map(drop),
            }
        };
        let unheard = match sender {
            Some(sender) => sender.end(end),
            None => end,
        };
        if let Err(error) = unheard {
            log_failure(None, &error);
        }
    }
}

/// An exception of Python comes with its traceback. A process that was forked meanwhile ends here.
fn next(blocks: &mut Blocking) -> Result<Option<Bytes>, BoxError> {
    let next = blocks.next_block();
    if is_child() {
        Python::attach(|py| match next {
            Ok(_) => end_child(py, None),
            Err(error) => match error.downcast::<PyErr>() {
                Ok(error) => end_child(py, Some(&error)),
                Err(error) => {
                    log_failure(None, &error);
                    exit(py, 1);
                }
            },
        });
        return Ok(None);
    }
    next.map_err(|error| match error.downcast::<PyErr>() {
        Ok(error) => Python::attach(|py| Unhandled::boxed(py, *error)),
        Err(error) => error,
    })
}
