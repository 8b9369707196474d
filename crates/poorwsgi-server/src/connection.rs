//! One connection, from its first byte to its last.

use std::error::Error as _;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use poorwsgi::BoxError;
use poorwsgi::clip;
use tokio::io::AsyncReadExt;
use tower_service::Service;

use crate::LOG;
use crate::body::RequestBody;
use crate::config::Config;
use crate::context::Context;
use crate::exchange::Exchanger;
use crate::io::GuardedIo;
use crate::refusal::Refusal;
use crate::serve::Introduce;
use crate::stop::{Level, Stop};
use crate::stream::{Accepted, Stream};

/// How long a client that is still sending is listened to after its refusal, or its last answer, so that this
/// is not lost in a reset (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// hyper as this server needs it. Deadlines and the limits of a head are not hyper's: see `io`.
pub(crate) fn protocol(config: &Config) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.header_read_timeout(None).half_close(true).title_case_headers(true);
    // above ours, so that the refusal with its reason is ours
    builder.max_buf_size(config.queue.max(config.head.head.saturating_add(8192)));
    if config.head.fields > 100 {
        builder.max_headers(config.head.fields);
    }
    builder
}

/// Serves the connection until either side ends it.
pub(crate) async fn drive<S, B>(
    accepted: Accepted,
    service: S,
    introduce: Option<Introduce<S>>,
    protocol: Arc<http1::Builder>,
    context: Context,
) where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    let context = Arc::new(context);
    let stream = match accepted.register(Arc::clone(&context.files)) {
        Ok(stream) => stream,
        Err(error) => {
            let peer = context.peer();
            tracing::warn!(target: LOG, %peer, %error, "cannot serve the connection");
            return;
        }
    };
    let io = TokioIo::new(GuardedIo::new(stream, &context));
    let exchanger = Exchanger::<S, B>::new(service, introduce, Arc::clone(&context));
    let mut http = protocol.serve_connection(io, exchanger);
    let ended = until_stopped(&mut http, &context.stop).await;
    let Some(result) = ended else { return };
    let io = http.into_parts().io.into_inner();
    let peer = context.peer();
    if let Some(refusal) = io.refusal() {
        tracing::info!(target: LOG, %peer, "refused: {refusal}");
    }
    match result {
        Ok(()) => {}
        Err(error) if error.is_parse() => {
            context.spoil();
            let refusal = Refusal::bad_request(clip::error(error).to_string());
            tracing::info!(target: LOG, %peer, "refused: {refusal}");
        }
        Err(error) => {
            let reason = error.source().map(ToString::to_string).unwrap_or_default();
            tracing::debug!(target: LOG, %peer, "connection ended: {error} {}", clip::error(reason));
            return;
        }
    }
    let has_more = io.has_unread() || context.is_spoilt();
    let stream = io.into_inner();
    if (has_more || stream.has_unread()) && context.stop.level() < Level::AtOnce {
        linger(stream).await;
    }
}

/// Runs the connection; an immediate stop ends it with `None`. A graceful one has it polled: it finishes its
/// request, and [`GuardedIo`] closes it where it waits for one.
async fn until_stopped<S, B>(
    http: &mut http1::Connection<TokioIo<GuardedIo<Stream>>, Exchanger<S, B>>,
    stop: &Stop,
) -> Option<hyper::Result<()>>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    let mut changed = pin!(stop.changed());
    let mut heard = None;
    poll_fn(move |cx| {
        // A task keeps its waker, so the signal, which takes a lock, is asked at first, and where it has a
        // number that is new. The number may be seen before those who wait are told: then it is asked until
        // this task is told, too.
        let last = Some(stop.signals());
        if heard != last {
            let mut told = heard.is_none();
            while changed.as_mut().poll(cx).is_ready() {
                changed.set(stop.changed());
                told = true;
            }
            if stop.level() == Level::AtOnce {
                return Poll::Ready(None);
            }
            if told {
                heard = last;
            }
        }
        Pin::new(&mut *http).poll(cx).map(Some)
    })
    .await
}

/// Reads and forgets, for a while.
async fn linger(mut stream: Stream) {
    let mut sink = vec![0; 16 * 1024];
    let drained = async { while matches!(stream.read(&mut sink).await, Ok(read) if read > 0) {} };
    let _ = tokio::time::timeout(LINGER, drained).await;
}
