//! The end that a connection reads from.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};
use poorwsgi_core::BoxError;
use poorwsgi_core::response::{Body, FileRange};

use super::flow::{Flow, Maker, Pipe, TooFarBehind};

/// Bytes that are read from a file at a time.
const READ: u64 = 64 << 10;

/// The end that a connection reads from.
pub struct Receiver<M: Maker> {
    pipe: Arc<Pipe<M>>,
    /// The part that is being read from the file.
    reading: Option<Body>,
}

impl<M: Maker> Receiver<M> {
    pub(super) const fn new(pipe: Arc<Pipe<M>>) -> Self {
        Receiver { pipe, reading: None }
    }

    /// The next part of the unread bytes in the file, up to the end of the ring buffer.
    fn next_part(&self, flow: &Flow) -> Option<Body> {
        let size = self.pipe.patience.0.file_bytes();
        let unread = flow.written - flow.read;
        let file = flow.file.as_ref().filter(|_| unread > 0)?;
        let position = flow.read % size.max(1);
        let range = position..size.min(position.saturating_add(unread.min(READ)));
        Some(FileRange::new(Arc::clone(file), range).into())
    }
}

impl<M: Maker> HttpBody for Receiver<M> {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        loop {
            if let Some(part) = &mut self.reading {
                match ready!(Pin::new(part).poll_frame(cx)) {
                    None => self.reading = None,
                    Some(Ok(frame)) => {
                        let read = frame.data_ref().map_or(0, |data| data.len() as u64);
                        let mut flow = self.pipe.flow();
                        flow.read = flow.read.saturating_add(read).min(flow.written);
                        self.pipe.moves_on(&mut flow);
                        let has_all = flow.read == flow.written;
                        drop(flow);
                        if has_all {
                            self.reading = None;
                            self.pipe.drop_file();
                        }
                        self.pipe.wake();
                        return Poll::Ready(Some(Ok(frame)));
                    }
                    failed => {
                        // The file of a client that was cut off is empty now.
                        let end = self.pipe.flow().end.take();
                        return Poll::Ready(
                            end.and_then(Result::err).map_or(failed, |error| Some(Err(error))),
                        );
                    }
                }
            }
            let pipe = Arc::clone(&self.pipe);
            let mut flow = pipe.flow();
            if let Some(block) = flow.pop() {
                pipe.moves_on(&mut flow);
                drop(flow);
                pipe.wake();
                return Poll::Ready(Some(Ok(Frame::data(block))));
            }
            if let Some(part) = self.next_part(&flow) {
                self.reading = Some(part);
                continue;
            }
            return match &mut flow.end {
                None => {
                    flow.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
                Some(end) => Poll::Ready(std::mem::replace(end, Ok(())).err().map(Err)),
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        let flow = self.pipe.flow();
        flow.blocks.is_empty() && flow.read == flow.written && matches!(flow.end, Some(Ok(())))
    }
}

impl<M: Maker> Drop for Receiver<M> {
    fn drop(&mut self) {
        let mut flow = self.pipe.flow();
        flow.is_gone = true;
        while flow.pop().is_some() {}
        let unread = flow.end.take();
        let place = flow.place.take();
        flow.read = flow.written;
        drop(flow);
        if let Some(place) = place {
            self.pipe.patience.0.in_files.leave(place);
        }
        self.pipe.wake();
        self.reading = None;
        self.pipe.drop_file();
        if let Some(Err(error)) = unread
            && !error.is::<TooFarBehind>()
        {
            self.pipe.maker.unheard(&error);
        }
    }
}
