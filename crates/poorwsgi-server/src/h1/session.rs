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
use poorwsgi_core::BoxError;
use poorwsgi_core::clip;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

use super::carrier::H1Session;
use super::io::GuardedIo;
use super::service::Exchanges;
use crate::LOG;
use crate::access_log::AccessEntry;
use crate::config::Config;
use crate::connection::ConnectionContext;
use crate::exchange::{Carrier, Exchanger, Introduce, Refusal, RequestBody};
use crate::metrics::CountedConnection;
use crate::stop::{Level, Stop};
use crate::transport::Transport;

/// How long the server goes on reading from a client that still sends after its refusal, or its last
/// response, so that a reset does not destroy the response (RFC 9112, section 9.6).
const LINGER: Duration = Duration::from_secs(2);

/// What the sessions of a server share.
#[derive(Debug)]
pub(crate) struct H1Protocol {
    http: http1::Builder,
    config: Arc<Config>,
    stop: Arc<Stop>,
    /// Whether each connection ends with its first response.
    is_single: bool,
}

impl H1Protocol {
    /// hyper's configuration. Not hyper but `io` has the deadlines and the limits of a head.
    pub(crate) fn new(config: Arc<Config>, stop: Arc<Stop>) -> Self {
        let mut http = http1::Builder::new();
        http.header_read_timeout(None).half_close(true).title_case_headers(true);
        // above our limit, so that we write the refusal with its reason
        http.max_buf_size(config.queue.max(config.max_head.saturating_add(8192)));
        if config.max_fields > 100 {
            http.max_headers(config.max_fields);
        }
        H1Protocol { http, config, stop, is_single: false }
    }

    /// Each connection ends with its first response.
    pub(crate) fn of_one_request(self) -> Self {
        // Not hyper's `keep_alive(false)`, which would add `Connection: close` to a 101 as well.
        H1Protocol { is_single: true, ..self }
    }

    /// Serves a connection until either side ends it.
    pub(crate) async fn drive<S, B, T>(&self, transport: T, service: S, introduce: Option<Introduce<S>>)
    where
        S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
        B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
        T: Transport,
    {
        let (config, stop) = (Arc::clone(&self.config), Arc::clone(&self.stop));
        let context = ConnectionContext::new(config, stop, transport.connection());
        let exchanger = Exchanger::<S, B>::new(service, introduce, &context);
        let _counted = CountedConnection::begin(context.config.metrics.as_ref());
        let session = Arc::new(H1Session::new(context, transport.files().cloned(), self.is_single));
        let context = session.context();
        let io = TokioIo::new(GuardedIo::new(transport, &session));
        let mut http = self.http.serve_connection(io, Exchanges::new(exchanger, Arc::clone(&session)));
        let ended = until_stopped(&mut http, &context.stop).await;
        let Some(result) = ended else { return };
        let parts = http.into_parts();
        let mut io = parts.io.into_inner();
        if let (Ok(()), Some(upgrade)) = (&result, session.take_upgrade()) {
            let (transport, read_ahead) = io.into_parts();
            let read_ahead = [parts.read_buf, read_ahead.freeze()].concat();
            return upgrade.speak(transport, read_ahead.into(), context).await;
        }
        if result.is_ok() && !io.is_shut() {
            // hyper leaves the shutdown to whoever speaks next, once a request has asked for another protocol.
            tokio::select! {
                biased;
                () = context.stop.reached(Level::AtOnce) => return,
                _ = io.shutdown() => {}
            }
        }
        let peer = context.peer();
        if let Some(refusal) = io.refusal() {
            tracing::info!(target: LOG, %peer, "refused: {refusal}");
            log_refusal(context, refusal);
        }
        match result {
            Ok(()) => {}
            Err(error) if error.is_parse() => {
                session.abandon_request(None);
                let refusal = Refusal::bad_request(clip::error(error).to_string());
                tracing::info!(target: LOG, %peer, "refused: {refusal}");
                log_refusal(context, &refusal);
            }
            Err(error) => {
                let reason = error.source().map(ToString::to_string).unwrap_or_default();
                tracing::debug!(target: LOG, %peer, "connection ended: {error} {}", clip::error(reason));
                return;
            }
        }
        let has_more = io.has_unread() || session.is_last();
        let (transport, _) = io.into_parts();
        if (has_more || transport.has_unread()) && context.stop.level() < Level::AtOnce {
            linger(transport).await;
        }
    }
}

/// Counts and logs that a head was refused before it was a request.
fn log_refusal(context: &ConnectionContext, refusal: &Refusal) {
    let status = refusal.status();
    if let Some(metrics) = &context.config.metrics {
        metrics.request_refused(status);
    }
    if let Some(log) = &context.config.access_log {
        log.write(&AccessEntry {
            client: context.client(),
            status: status.as_u16(),
            ..AccessEntry::default()
        });
    }
}

/// Runs the connection; an immediate stop ends it with `None`. On a graceful stop the connection is polled:
/// it finishes its request, or, while it waits for one, [`GuardedIo`] closes it.
async fn until_stopped<S, B, T>(
    http: &mut http1::Connection<TokioIo<GuardedIo<T>>, Exchanges<S, B>>,
    stop: &Stop,
) -> Option<hyper::Result<()>>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
    T: Transport,
{
    let mut changed = pin!(stop.changed());
    let mut heard = None;
    poll_fn(move |cx| {
        // A task keeps its waker, so the signal, which takes a lock, is polled only at first, and when its
        // number is new. The number may change before the waiting tasks are notified: then the signal is
        // polled until this task is notified, too.
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

/// Reads and discards, for a while.
async fn linger(mut transport: impl Transport) {
    let mut sink = vec![0; 16 * 1024];
    let drained = async { while matches!(transport.read(&mut sink).await, Ok(read) if read > 0) {} };
    let _ = tokio::time::timeout(LINGER, drained).await;
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::sync::Mutex;

    use poorwsgi_core::response::{Body as ResponseBody, FileRange};
    use tokio::io::duplex;

    use super::*;
    use crate::transport::Lying;

    fn tempfile_of(content: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(content).unwrap();
        file
    }

    /// What the client of a service that sends a large file gets through a transport that lies.
    async fn answers() -> Vec<u8> {
        let file = Arc::new(tempfile_of(&[7; 300_000]));
        let service = tower::service_fn(move |_request: Request<RequestBody>| {
            let body = ResponseBody::from(FileRange::new(Arc::clone(&file), 0..300_000));
            std::future::ready(Ok::<_, Infallible>(Response::new(body)))
        });
        let sessions = H1Protocol::new(Arc::new(Config::new()), Arc::new(Stop::new()));
        let (mut client, stream) = duplex(1 << 20);
        client.write_all(&b"GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2)).await.unwrap();
        let mut answers = Vec::new();
        let reading = async {
            // A connection that is cut ends as well.
            let _ = client.read_to_end(&mut answers).await;
        };
        tokio::join!(sessions.drive(Lying::new(stream), service, None), reading);
        answers
    }

    /// What is logged.
    #[derive(Clone, Debug, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Log {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            io::Write::write(&mut *self.0.lock().unwrap(), line)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_file_that_is_not_sent_as_one_ends_the_connection() {
        let log = Log::default();
        let writer = log.clone();
        let writer = move || writer.clone();
        let logging = tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish();
        let _logs = tracing::subscriber::set_default(logging);
        let answers = answers().await;
        let heads = answers.windows(15).filter(|window| window == b"HTTP/1.1 200 OK").count();
        let log = String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned();
        // Where the system does not say what of a file it has in memory, the bytes themselves are sent.
        let file = FileRange::new(Arc::new(tempfile_of(b"1")), 0..1);
        if crate::transport::sendfile::is_in_page_cache(&file) {
            assert!(answers.contains(&0), "no stand-in was sent");
            assert_eq!(heads, 1, "{log}");
            let records: Vec<_> =
                log.lines().filter(|line| line.contains("a file was not sent as one")).collect();
            assert!(matches!(*records, [record] if record.contains("ERROR")), "{log}");
        }
    }
}
