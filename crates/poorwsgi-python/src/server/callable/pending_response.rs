//! The response of a callable to one request: the head from `start_response`, and how far it is sent.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use hyper::ext::ReasonPhrase;
use poorwsgi_calls::inlining::CallPlace;
use poorwsgi_core::BoxError;
use poorwsgi_core::headers::Spellings;
use poorwsgi_core::response::{Body, Content, PromisedLength};
use poorwsgi_server::pipe::{Sent, pipe};
use pyo3::exceptions::{PyAssertionError, PyBrokenPipeError, PyValueError};
use pyo3::prelude::*;
use tokio::sync::oneshot;

use crate::headers::CALLED_BEFORE;
use crate::server::ServiceResult;
use crate::server::asked::Asked;
use crate::server::caller::{BlockSender, Caller, CallerPatience};
use crate::server::failure::log_failure;

/// The arguments of `start_response`.
pub(super) struct ResponseHead {
    pub(super) status: StatusCode,
    pub(super) reason: Option<ReasonPhrase>,
    pub(super) headers: HeaderMap,
    pub(super) spellings: Spellings,
    /// The `Content-Length`.
    pub(super) length: Option<u64>,
}

impl ResponseHead {
    fn into_response(self, body: Body) -> http::Response<Body> {
        let mut response = http::Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        if let Some(reason) = self.reason {
            response.extensions_mut().insert(reason);
        }
        if !self.spellings.is_empty() {
            response.extensions_mut().insert(self.spellings);
        }
        response
    }
}

/// Shared by the thread of the callable, by `start_response`, and by `write`.
pub(super) struct PendingResponse {
    asked: Asked,
    /// Whether the thread of the callable may wait for the client.
    may_wait: AtomicBool,
    /// Whether `write` was called when the thread should have waited and could not.
    is_overfull: AtomicBool,
    patience: CallerPatience,
    progress: Mutex<ResponseProgress>,
}

enum ResponseProgress {
    /// Nothing has been sent. A head may be replaced until then.
    Open { answer: oneshot::Sender<ServiceResult>, head: Option<ResponseHead> },
    /// The head is sent and the content follows.
    Content { sender: BlockSender, promised: Option<PromisedLength> },
    /// The head is sent and no content follows it, whatever the callable gives (RFC 9110, section 6.4.1).
    HeadAlone,
    /// Everything is sent, or nothing more can be.
    Done,
}

impl ResponseProgress {
    /// Takes the head to send it.
    fn begin(&mut self) -> PyResult<(oneshot::Sender<ServiceResult>, ResponseHead)> {
        match mem::replace(self, ResponseProgress::Done) {
            ResponseProgress::Open { answer, head: Some(head) } => Ok((answer, head)),
            other => {
                *self = other;
                Err(PyAssertionError::new_err(
                    "start_response was not called before the first part of the response; call it first (PEP 3333)",
                ))
            }
        }
    }
}

impl PendingResponse {
    pub(super) fn new(
        asked: Asked,
        place: CallPlace,
        answer: oneshot::Sender<ServiceResult>,
        patience: &CallerPatience,
    ) -> Self {
        PendingResponse {
            asked,
            patience: patience.clone(),
            may_wait: AtomicBool::new(place != CallPlace::Inline),
            is_overfull: AtomicBool::new(false),
            progress: Mutex::new(ResponseProgress::Open { answer, head: None }),
        }
    }

    /// The request.
    pub(super) const fn asked(&self) -> &Asked {
        &self.asked
    }

    fn progress(&self) -> MutexGuard<'_, ResponseProgress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From here on the thread of the callable may wait.
    pub(super) fn may_wait(&self) {
        self.may_wait.store(true, Ordering::Relaxed);
    }

    /// Whether the head is sent, so that it cannot be replaced.
    pub(super) fn is_begun(&self) -> bool {
        !matches!(*self.progress(), ResponseProgress::Open { .. })
    }

    /// Whether the callable is to go on: content can still be sent, or all of it is sent and the callable may
    /// have code to run at its end.
    pub(super) fn wants_more(&self) -> bool {
        match &*self.progress() {
            ResponseProgress::Open { .. } => true,
            ResponseProgress::Content { sender, promised } => {
                promised.is_some_and(|promised| promised.left() == 0) || !sender.is_gone()
            }
            ResponseProgress::HeadAlone | ResponseProgress::Done => false,
        }
    }

    /// Whether the pipe accepts no more content.
    pub(super) fn is_gone(&self) -> bool {
        matches!(&*self.progress(), ResponseProgress::Content { sender, .. } if sender.is_gone())
    }

    /// Whether `write`, on a thread that may not wait, got more than the limit at which it would otherwise
    /// wait.
    pub(super) fn is_overfull(&self) -> bool {
        self.is_overfull.load(Ordering::Relaxed)
    }

    /// The announced `Content-Length`, while the head is not sent.
    pub(super) fn length(&self) -> Option<u64> {
        match &*self.progress() {
            ResponseProgress::Open { head, .. } => head.as_ref()?.length,
            _ => None,
        }
    }

    /// Sets the head. A second head is an error, unless it is the head of an error page.
    pub(super) fn start(&self, new: ResponseHead, replaces: bool) -> PyResult<()> {
        match &mut *self.progress() {
            ResponseProgress::Open { head, .. } if head.is_none() || replaces => {
                *head = Some(new);
                Ok(())
            }
            _ => Err(PyAssertionError::new_err(CALLED_BEFORE)),
        }
    }

    /// Sends a block, and before the first one the head. Other Python threads run while this one waits for a
    /// slow client; on a thread that should not wait, content of `write` is buffered, up to a limit.
    ///
    /// BrokenPipeError when the client is gone.
    pub(super) fn send(&self, py: Python<'_>, block: Bytes) -> PyResult<()> {
        // An empty block does not begin the response (PEP 3333, "The start_response() Callable").
        if block.is_empty() {
            return Ok(());
        }
        let Some(sender) = self.admit(block.len() as u64)? else { return Ok(()) };
        let is_taken = match sender.try_send(block) {
            Sent::Taken => true,
            Sent::Gone => false,
            Sent::Full(block) if self.may_wait.load(Ordering::Relaxed) => py.detach(|| sender.send(block)),
            Sent::Full(block) => {
                self.is_overfull.store(true, Ordering::Relaxed);
                match sender.keep(block) {
                    Sent::Taken => true,
                    Sent::Gone => false,
                    // Another thread takes the connections over as soon as this one blocks.
                    Sent::Full(block) => py.detach(|| sender.send(block)),
                }
            }
        };
        if is_taken {
            Ok(())
        } else {
            Err(PyBrokenPipeError::new_err("the client closed the connection before the response was sent"))
        }
    }

    /// Where a block of this size is sent; `None` if it is dropped.
    fn admit(&self, size: u64) -> PyResult<Option<BlockSender>> {
        let mut progress = self.progress();
        if let ResponseProgress::Open { head: Some(head), .. } = &*progress {
            // A length that is wrong from the beginning can still be answered.
            if head.length.is_some_and(|length| length < size) {
                return Err(longer());
            }
        }
        if let ResponseProgress::Open { .. } = &*progress {
            let (answer, head) = progress.begin()?;
            let body = if self.is_without_content(head.status) {
                *progress = ResponseProgress::HeadAlone;
                Body::empty()
            } else {
                let (sender, receiver) = pipe(&self.patience, Caller(Some(self.asked.clone())));
                *progress =
                    ResponseProgress::Content { sender, promised: head.length.map(PromisedLength::new) };
                let body = Body::wrap(receiver);
                match head.length {
                    Some(length) => body.with_length(length),
                    None => body,
                }
            };
            // If the client is gone, no receiver waits for the answer, and the pipe knows that.
            let _ = answer.send(Ok(head.into_response(body)));
        }
        match &mut *progress {
            ResponseProgress::Content { sender, promised } => {
                if let Some(promised) = promised {
                    promised.take(size).map_err(|_| longer())?;
                }
                Ok(Some(sender.clone()))
            }
            ResponseProgress::HeadAlone => Ok(None),
            ResponseProgress::Open { .. } | ResponseProgress::Done => {
                Err(PyAssertionError::new_err("the response has ended already; call write() before it ends"))
            }
        }
    }

    fn is_without_content(&self, status: StatusCode) -> bool {
        !Content::of(self.asked.known_method(), status.as_u16()).is_allowed()
    }

    /// Sends the head with the whole content. The server omits the content where the response must have none.
    pub(super) fn complete(&self, body: Body) -> PyResult<()> {
        let (answer, head) = self.progress().begin()?;
        let _ = answer.send(Ok(head.into_response(body)));
        Ok(())
    }

    /// Ends the content.
    pub(super) fn end(&self) -> PyResult<()> {
        if !self.is_begun() {
            return self.complete(Body::empty());
        }
        if let ResponseProgress::Content { sender, .. } =
            mem::replace(&mut *self.progress(), ResponseProgress::Done)
        {
            let _ = sender.end(Ok(()));
        }
        Ok(())
    }

    /// Ends a failed response: with an error page if that is still possible, otherwise by cutting the
    /// connection.
    pub(super) fn fail(&self, error: BoxError) {
        let progress = mem::replace(&mut *self.progress(), ResponseProgress::Done);
        let unheard = match progress {
            ResponseProgress::Open { answer, .. } => answer.send(Err(error)).map_err(|answer| answer.err()),
            ResponseProgress::Content { sender, .. } => sender.end(Err(error)).map_err(Some),
            ResponseProgress::HeadAlone | ResponseProgress::Done => Err(Some(error)),
        };
        if let Err(Some(error)) = unheard {
            log_failure(Some(&self.asked), &error);
        }
    }

    /// Answers with the server's own error page, if that is still possible.
    pub(super) fn answer_instead(&self, response: http::Response<Body>) {
        if let ResponseProgress::Open { answer, .. } =
            mem::replace(&mut *self.progress(), ResponseProgress::Done)
        {
            let _ = answer.send(Ok(response));
        }
    }
}

pub(super) fn longer() -> PyErr {
    PyValueError::new_err(
        "the response is longer than its Content-Length; announce its length in bytes, or leave the header out",
    )
}
