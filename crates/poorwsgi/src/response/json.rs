//! JSON written while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use crate::error::BoxError;

pin_project! {
    /// The text of a JSON array, one element at a time.
    pub(super) struct JsonArray<S> {
        #[pin]
        elements: S,
        progress: Progress,
    }
}

enum Progress {
    Empty,
    Open,
    Closed,
}

impl<S> JsonArray<S> {
    pub(super) const fn new(elements: S) -> Self {
        JsonArray { elements, progress: Progress::Empty }
    }
}

impl<S, T, E> Stream for JsonArray<S>
where
    S: Stream<Item = Result<T, E>>,
    T: Serialize,
    E: Into<BoxError>,
{
    type Item = Result<Vec<u8>, BoxError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.project();
        let before: &[u8] = match this.progress {
            Progress::Empty => b"[",
            Progress::Open => b",",
            Progress::Closed => return Poll::Ready(None),
        };
        Poll::Ready(Some(match ready!(this.elements.poll_next(cx)) {
            Some(Ok(element)) => {
                let mut text = before.to_vec();
                let written = serde_json::to_writer(&mut text, &element);
                *this.progress = if written.is_ok() { Progress::Open } else { Progress::Closed };
                written.map(|()| text).map_err(BoxError::from)
            }
            Some(Err(error)) => {
                *this.progress = Progress::Closed;
                Err(error.into())
            }
            None => {
                let end: &[u8] = if matches!(this.progress, Progress::Empty) { b"[]" } else { b"]" };
                *this.progress = Progress::Closed;
                Ok(end.to_vec())
            }
        }))
    }
}
