//! A JSON array that is serialised while it is sent.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;
use serde::Serialize;

use crate::error::BoxError;

/// Elements that are ready are sent together, once their text has this many bytes. An element that is not
/// ready does not delay those before it.
const WORTH_SENDING: usize = 8 * 1024;

pin_project! {
    /// The text of a JSON array, a few elements at a time.
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
        let mut this = self.project();
        let mut text = Vec::new();
        loop {
            let before = match this.progress {
                Progress::Empty => b'[',
                Progress::Open => b',',
                Progress::Closed => return Poll::Ready(None),
            };
            let element = match this.elements.as_mut().poll_next(cx) {
                Poll::Ready(element) => element,
                Poll::Pending if text.is_empty() => return Poll::Pending,
                Poll::Pending => return Poll::Ready(Some(Ok(text))),
            };
            let written = match element {
                Some(Ok(element)) => {
                    text.push(before);
                    serde_json::to_writer(&mut text, &element).map_err(BoxError::from)
                }
                Some(Err(error)) => Err(error.into()),
                None => {
                    let end: &[u8] = if matches!(this.progress, Progress::Empty) { b"[]" } else { b"]" };
                    text.extend_from_slice(end);
                    *this.progress = Progress::Closed;
                    return Poll::Ready(Some(Ok(text)));
                }
            };
            if let Err(error) = written {
                *this.progress = Progress::Closed;
                return Poll::Ready(Some(Err(error)));
            }
            *this.progress = Progress::Open;
            if text.len() >= WORTH_SENDING {
                return Poll::Ready(Some(Ok(text)));
            }
        }
    }
}
