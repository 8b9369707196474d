//! The body of a response on its way to the client.

use std::any::Any;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;
use poorwsgi_core::BoxError;
use poorwsgi_core::clip;
use poorwsgi_core::response::PromisedLength;

use super::Carrier;
use super::record::Record;
use crate::LOG;
use crate::transport::sendfile::{self, SentFile};

pin_project! {
    /// The content that is sent after a response's head.
    #[project = PayloadProjection]
    #[derive(Debug)]
    pub(crate) enum Payload<B> {
        /// A text of the server, or nothing.
        Text { text: Bytes },
        /// A body of the application.
        Application { #[pin] body: B },
        /// A file of the application.
        File { file: SentFile },
    }
}

impl<B: Body<Data = Bytes>> Payload<B> {
    fn is_end_stream(&self) -> bool {
        match self {
            Payload::Text { text } => text.is_empty(),
            Payload::Application { body } => body.is_end_stream(),
            Payload::File { file } => file.len() == 0,
        }
    }
}

impl<B: Body<Data = Bytes> + 'static> Payload<B> {
    /// The application's body: the system sends a large file, if the transport can do that.
    pub(crate) fn of(mut body: B, sends_files: bool) -> Self {
        let file =
            (&mut body as &mut dyn Any).downcast_mut().filter(|_| sends_files).and_then(sendfile::take_file);
        match file {
            Some(file) => Payload::File { file },
            None => Payload::Application { body },
        }
    }
}

pin_project! {
    /// A payload and the record of its request, which ends with it.
    #[derive(Debug)]
    pub(crate) struct Outgoing<B> {
        #[pin]
        payload: Payload<B>,
        record: Record,
        // the length that the head announces, unless it is the body's own length
        announced: Option<PromisedLength>,
        // the error that the body broke off with, until everything before it is written
        error: Option<BoxError>,
    }
}

impl<B: Body<Data = Bytes>> Outgoing<B> {
    pub(crate) fn new(payload: Payload<B>, announced: Option<u64>, mut record: Record) -> Self {
        if payload.is_end_stream() {
            record.finish();
        }
        let announced = match &payload {
            Payload::Application { body } if body.size_hint().exact().is_none() => {
                announced.map(PromisedLength::new)
            }
            _ => None,
        };
        Outgoing { payload, record, announced, error: None }
    }
}

/// Gives the session the error that cuts the response off, once everything before it is written.
fn poll_cut(
    error: &mut Option<BoxError>,
    carrier: &dyn Carrier,
    cx: &Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
    if carrier.is_written(cx) { Poll::Ready(error.take().map(Err)) } else { Poll::Pending }
}

impl<B> Body for Outgoing<B>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut this = self.project();
        if this.error.is_some() {
            return poll_cut(this.error, this.record.carrier(), cx);
        }
        let mut frame = match this.payload.as_mut().project() {
            PayloadProjection::Text { text } => {
                let text = std::mem::take(text);
                (!text.is_empty()).then(|| Ok(Frame::data(text)))
            }
            PayloadProjection::Application { body } => {
                ready!(body.poll_frame(cx)).map(|frame| frame.map_err(Into::into))
            }
            PayloadProjection::File { file } => match this.record.carrier().files() {
                Some(files) => ready!(file.poll_frame(files, cx)),
                None => Some(Err("the transport sends no files".into())),
            },
        };
        let size = match &frame {
            Some(Ok(frame)) => frame.data_ref().map_or(0, |data| data.len() as u64),
            _ => 0,
        };
        if let Some(length) = this.announced {
            let kept = if frame.is_none() { length.end() } else { length.take(size) };
            if let Err(error) = kept {
                frame = Some(Err(error.into()));
            }
        }
        match frame {
            Some(Ok(frame)) => {
                this.record.sent(size);
                let is_kept = this.announced.is_some_and(|length| length.left() == 0);
                if this.payload.is_end_stream() || is_kept {
                    this.record.finish();
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                tracing::error!(
                    target: LOG,
                    method = %this.record.quoted_method(),
                    path = &*this.record.quoted_path(),
                    peer = %this.record.context().peer(),
                    cause = error.source(),
                    error = %clip::error(&error),
                    "the response body failed, the response is cut off",
                );
                *this.error = Some(error);
                poll_cut(this.error, this.record.carrier(), cx)
            }
            None => {
                this.record.finish();
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.payload.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match &self.payload {
            Payload::Text { text } => SizeHint::with_exact(text.len() as u64),
            Payload::Application { body } => body.size_hint(),
            Payload::File { file } => SizeHint::with_exact(file.len()),
        }
    }
}
