//! A request that waits for its body, so that its call begins with the whole body.

use std::mem;
use std::task::{Context, Poll, ready};

use http::Request;
use http::request::Parts;
use poorwsgi_core::HttpError;
use poorwsgi_core::headers::framing::state_length;
use poorwsgi_core::response::Body;

use crate::spool::{Gathered, Gathering, Held, Spool};

/// A request whose body is collected before the service is called, on a tokio runtime with timers.
#[derive(Debug)]
pub struct RequestGathering {
    head: Parts,
    gathering: Gathering,
    /// Whether the length becomes known only now, and is written into the head.
    states_length: bool,
}

/// A request whose body has arrived.
#[derive(Debug)]
pub struct GatheredRequest {
    /// The head of the request. A body that came in chunks has a `Content-Length` here.
    pub head: Parts,
    /// The body of the request.
    pub body: Body,
    /// The body's share of the memory budget, to be kept as long as the body.
    pub held: Held,
}

impl GatheredRequest {
    /// Whether reading the body waits for nothing. Otherwise it may wait for the disk.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.body.as_bytes().is_some()
    }
}

impl RequestGathering {
    /// For a service that reads a body up to its end, and sees there that it broke off.
    #[must_use]
    pub fn new(head: Parts, body: Body, spool: &Spool) -> Self {
        RequestGathering { head, gathering: Gathering::new(body, spool), states_length: false }
    }

    /// For a service that needs the length of a body before it reads the body, which came in chunks. If the
    /// body breaks off, there is no length, and the request is refused.
    #[must_use]
    pub fn with_length(head: Parts, body: Body, spool: &Spool) -> Self {
        RequestGathering { head, gathering: Gathering::whole(body, spool), states_length: true }
    }

    /// The request with its whole body, once that has arrived. It must not be polled again after that.
    ///
    /// # Errors
    /// The head, and the error that answers the request: as of [`Gathering::poll`].
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<GatheredRequest, (Parts, HttpError)>> {
        let gathered = ready!(self.gathering.poll(cx));
        let (none, ()) = Request::new(()).into_parts();
        let mut head = mem::replace(&mut self.head, none);
        Poll::Ready(match gathered {
            Ok(Gathered { body, held }) => {
                if self.states_length {
                    state_length(&mut head.headers, body.length().unwrap_or_default());
                }
                Ok(GatheredRequest { head, body, held })
            }
            Err(error) => Err((head, error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use http_body_util::BodyExt;
    use poorwsgi_core::BoxError;
    use poorwsgi_core::response::iter;

    use super::*;
    use crate::spool::IN_MEMORY;

    fn chunked() -> Parts {
        let request = Request::post("/path?query").header("transfer-encoding", "chunked");
        request.header("trailer", "x-sum").header("x-other", "kept").body(()).unwrap().into_parts().0
    }

    fn pieces(size: usize, count: usize, error: Option<&'static str>) -> Body {
        let pieces = (0..count).map(move |_| Ok::<_, BoxError>(vec![7; size]));
        Body::stream(iter(pieces.chain(error.map(|error| Err(error.into())))))
    }

    async fn gather(mut gathering: RequestGathering) -> Result<GatheredRequest, (Parts, HttpError)> {
        poll_fn(|cx| gathering.poll(cx)).await
    }

    /// RFC 9112, section 7.1.3.
    #[tokio::test]
    async fn a_body_in_chunks_gets_its_length() {
        let spool = Spool::new(1 << 30);
        let request =
            gather(RequestGathering::with_length(chunked(), pieces(500, 3, None), &spool)).await.unwrap();
        let fields = &request.head.headers;
        assert_eq!(
            (&fields["content-length"], &fields["x-other"], fields.len()),
            (&1500.into(), &"kept".parse().unwrap(), 2)
        );
        assert_eq!(request.head.uri, "/path?query");
        assert!(request.is_in_memory());
        assert_eq!(request.body.collect().await.unwrap().to_bytes(), vec![7; 1500]);
        let empty = gather(RequestGathering::with_length(chunked(), Body::empty(), &spool)).await.unwrap();
        assert_eq!(empty.head.headers["content-length"], "0");
    }

    /// Half a body with a length would be taken for the whole.
    #[tokio::test]
    async fn a_body_in_chunks_that_breaks_off_is_refused_with_its_head() {
        let spool = Spool::new(1 << 30);
        for count in [0, 3] {
            let body = pieces(500, count, Some("reset"));
            let (head, error) =
                gather(RequestGathering::with_length(chunked(), body, &spool)).await.unwrap_err();
            assert_eq!((error.status(), head.uri.path()), (400, "/path"));
            assert!(!head.headers.contains_key("content-length"));
        }
    }

    #[tokio::test]
    async fn the_head_of_any_other_body_stays_and_the_body_ends_with_its_error() {
        let spool = Spool::new(1 << 30);
        let body = pieces(500, 3, Some("reset"));
        let request = gather(RequestGathering::new(chunked(), body, &spool)).await.unwrap();
        assert_eq!(request.head.headers, chunked().headers);
        assert!(!request.is_in_memory());
        assert_eq!(request.body.collect().await.unwrap_err().to_string(), "reset");
    }

    #[tokio::test]
    async fn a_large_body_waits_for_the_disk_and_without_room_it_is_503() {
        let large = || pieces(1 << 16, 20, None);
        let request = gather(RequestGathering::new(chunked(), large(), &Spool::new(1 << 30))).await.unwrap();
        assert!(!request.is_in_memory() && request.body.length() > Some(IN_MEMORY));
        let none = Spool::new(0);
        for gathering in [RequestGathering::new, RequestGathering::with_length] {
            let (head, error) = gather(gathering(chunked(), large(), &none)).await.unwrap_err();
            assert_eq!((error.status(), head.uri.path()), (503, "/path"));
        }
    }
}
