//! A small session of HTTP/2, which shows that an exchange knows no protocol: nothing in this folder is made
//! for HTTP/1.1 or for this session. A stream may leave HTTP by an extended CONNECT (RFC 8441).

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts as ResponseHead;
use http::{HeaderMap, Request, Response, StatusCode, Version, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use poorwsgi_core::BoxError;
use poorwsgi_core::headers::connection;
use poorwsgi_core::request::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};
use tokio::time::Instant;
use tower_service::Service;

use super::{BodyError, BodyFault, Carrier, Cut, Exchanger, RequestBody, Upgrade};
use crate::body_rate::BodyRate;
use crate::config::Config;
use crate::connection::ConnectionContext;
use crate::deadline::Deadline;
use crate::stop::Stop;
use crate::transport::sendfile::Files;

/// One stream of a connection.
#[derive(Debug)]
struct H2Stream {
    context: ConnectionContext,
    /// Whether its request is a CONNECT with a protocol.
    opens_protocol: bool,
    /// What follows after its response.
    upgrade: Mutex<Option<Upgrade>>,
}

impl Carrier for H2Stream {
    fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// The frames of a stream that is reset are told from those of the others.
    fn abandon_request(&self, _rest: Option<u64>) {}

    fn files(&self) -> Option<&Files> {
        None
    }

    fn is_written(&self, _cx: &Context<'_>) -> bool {
        true
    }

    fn upgrade_status(&self) -> Option<StatusCode> {
        self.opens_protocol.then_some(StatusCode::OK)
    }

    /// No field is about the connection (RFC 9113, section 8.2.2).
    fn take_connection_fields(&self, headers: &mut HeaderMap, status: StatusCode) {
        connection::remove(headers, status.as_u16());
        headers.remove(header::UPGRADE);
    }

    fn complete_head(&self, _head: &mut ResponseHead, upgrade: Option<Upgrade>) {
        *self.upgrade.lock().unwrap() = upgrade;
    }
}

/// A body, with the deadlines of its stream.
struct H2Body {
    incoming: Incoming,
    config: Arc<Config>,
    rate: BodyRate,
    deadline: Deadline,
}

impl Body for H2Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let H2Body { incoming, config, rate, deadline } = &mut *self;
        if let Poll::Ready(frame) = Pin::new(incoming).poll_frame(cx) {
            if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
                rate.received(data.len());
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(|_| BodyError::new(BodyFault::Incomplete))));
        }
        let at = rate.deadline(Instant::now(), config.body_timeout, config.min_body_rate);
        if deadline.poll_passed(at, cx) {
            return Poll::Ready(Some(Err(BodyError::new(BodyFault::Timeout))));
        }
        Poll::Pending
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

/// Runs the streams of a connection on its own thread.
#[derive(Clone)]
struct SameThread;

impl<F: Future<Output = ()> + 'static> Executor<F> for SameThread {
    fn execute(&self, stream: F) {
        spawn_local(stream);
    }
}

/// Serves a connection in memory, and gives the client's side of it.
async fn serve<S, B>(service: S, config: Config) -> SendRequest<ClientBody>
where
    S: Service<Request<RequestBody>, Response = Response<B>, Error: Into<BoxError>> + Clone + 'static,
    B: Body<Data = Bytes, Error: Into<BoxError>> + 'static,
{
    let (client, stream) = tokio::io::duplex(1 << 20);
    let (config, stop) = (Arc::new(config), Arc::new(Stop::new()));
    spawn_local(async move {
        let context =
            || ConnectionContext::new(Arc::clone(&config), Arc::clone(&stop), Connection::default());
        let exchanger = Exchanger::<S, B>::new(service, None, &context());
        let requests = service_fn(|mut request: Request<Incoming>| {
            let opens_protocol = request.extensions().get::<Protocol>().is_some();
            let stream = hyper::upgrade::on(&mut request);
            let request = request.map(|incoming| H2Body {
                incoming,
                config: Arc::clone(&config),
                rate: BodyRate::default(),
                deadline: Deadline::default(),
            });
            let carrier =
                Arc::new(H2Stream { context: context(), opens_protocol, upgrade: Mutex::default() });
            let exchange = exchanger.exchange(request, Arc::<H2Stream>::clone(&carrier) as Arc<dyn Carrier>);
            async move {
                let response = exchange.await?;
                let upgrade = carrier.upgrade.lock().unwrap().take();
                if let Some(upgrade) = upgrade {
                    spawn_local(async move {
                        let stream = TokioIo::new(stream.await.unwrap());
                        upgrade.speak(stream, Bytes::new(), &carrier.context).await;
                    });
                }
                Ok::<_, Cut>(response)
            }
        });
        let mut http = http2::Builder::new(SameThread);
        let _ = http.enable_connect_protocol().serve_connection(TokioIo::new(stream), requests).await;
    });
    let (requests, connection) =
        hyper::client::conn::http2::handshake(SameThread, TokioIo::new(client)).await.unwrap();
    spawn_local(async {
        let _ = connection.await;
    });
    requests
}

type ClientBody = http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>;

/// A body of the client, in pieces that the test sends.
struct SentPieces(mpsc::UnboundedReceiver<Bytes>);

impl Body for SentPieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(ready!(self.0.poll_recv(cx)).map(|bytes| Ok(Frame::data(bytes))))
    }
}

fn post(body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static) -> Request<ClientBody> {
    Request::post("http://a.example/path?query").body(body.boxed_unsync()).unwrap()
}

/// Sends the body back, or its error with the error's status.
async fn echo(request: Request<RequestBody>) -> Result<Response<Full<Bytes>>, Infallible> {
    assert_eq!((request.version(), request.uri().path()), (Version::HTTP_2, "/path"));
    let mut response = Response::new(Full::default());
    match request.into_body().collect().await {
        Ok(body) => *response.body_mut() = Full::new(body.to_bytes()),
        Err(error) => {
            *response.status_mut() = StatusCode::from_u16(error.status()).unwrap();
            *response.body_mut() = Full::new(error.to_string().into());
        }
    }
    Ok(response)
}

async fn answer(requests: &mut SendRequest<ClientBody>, request: Request<ClientBody>) -> (u16, String) {
    let response = requests.send_request(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn requests_of_one_connection_are_exchanges_side_by_side() {
    let test = async {
        let requests = serve(tower::service_fn(echo), Config::new()).await;
        let (pieces, body) = mpsc::unbounded_channel();
        let (mut slow, mut quick) = (requests.clone(), requests);
        let slow = spawn_local(async move { answer(&mut slow, post(SentPieces(body))).await });
        pieces.send("slow ".into()).unwrap();
        let hello = post(Full::new("hello".into()));
        assert_eq!(answer(&mut quick, hello).await, (200, "hello".to_owned()));
        pieces.send("body".into()).unwrap();
        drop(pieces);
        assert_eq!(slow.await.unwrap(), (200, "slow body".to_owned()));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn limits_and_refusals_are_those_of_every_protocol() {
    let test = async {
        let mut requests = serve(tower::service_fn(echo), Config::new().max_body(4)).await;
        let (status, page) = answer(&mut requests, post(Full::new("hello".into()))).await;
        assert_eq!((status, page.contains("setting max_body")), (413, true), "{page}");
        let (pieces, body) = mpsc::unbounded_channel();
        pieces.send("hello".into()).unwrap();
        drop(pieces);
        let (status, page) = answer(&mut requests, post(SentPieces(body))).await;
        assert_eq!((status, page.contains("setting max_body")), (413, true), "{page}");
        let mut expects = post(Full::default());
        expects.headers_mut().insert("expect", "luck".parse().unwrap());
        assert_eq!(answer(&mut requests, expects).await.0, 417);
        assert_eq!(answer(&mut requests, post(Full::new("last".into()))).await, (200, "last".to_owned()));
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn the_session_times_the_body() {
    let test = async {
        let config = Config::new().body_timeout(Duration::from_secs(3));
        let mut requests = serve(tower::service_fn(echo), config).await;
        let (_pieces, body) = mpsc::unbounded_channel();
        let started = Instant::now();
        let (status, page) = answer(&mut requests, post(SentPieces(body))).await;
        assert_eq!((status, page.contains("body_timeout")), (408, true), "{page}");
        assert_eq!(started.elapsed().as_secs(), 3);
    };
    LocalSet::new().run_until(test).await;
}

#[tokio::test]
async fn fields_about_a_connection_stay_out_and_failures_are_told() {
    let test = async {
        let service = tower::service_fn(async |request: Request<RequestBody>| {
            let mut response = Response::new(Full::new(Bytes::from("hello")));
            response.headers_mut().insert("connection", "keep-alive, close".parse().unwrap());
            if request.headers().contains_key("x-upgrade") {
                *response.status_mut() = StatusCode::UPGRADE_REQUIRED;
                response.headers_mut().insert("upgrade", "h2c".parse().unwrap());
            }
            let fails = request.headers().contains_key("x-fail");
            if fails { Err("as asked") } else { Ok(response) }
        });
        let mut requests = serve(service, Config::new()).await;
        let response = requests.send_request(post(Full::default())).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(!response.headers().contains_key("connection"));
        let mut asks = post(Full::default());
        asks.headers_mut().insert("x-upgrade", "1".parse().unwrap());
        let response = requests.send_request(asks).await.unwrap();
        assert_eq!(response.status(), 426);
        let fields = response.headers();
        assert!(!fields.contains_key("upgrade") && !fields.contains_key("connection"), "{fields:?}");
        let mut fails = post(Full::default());
        fails.headers_mut().insert("x-fail", "1".parse().unwrap());
        assert_eq!(answer(&mut requests, fails).await.0, 500);
    };
    LocalSet::new().run_until(test).await;
}

/// RFC 8441, section 5: the same response of the application opens the protocol here by 200.
#[tokio::test]
async fn a_connect_with_a_protocol_leaves_http() {
    let test = async {
        let service = tower::service_fn(async |request: Request<RequestBody>| {
            let upgrade = Upgrade::new(async |mut stream| {
                let mut bytes = [0; 5];
                stream.read_exact(&mut bytes).await.unwrap();
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown().await.unwrap();
            });
            let response = Response::builder().status(101).header("upgrade", "websocket").extension(upgrade);
            let body = Full::new(Bytes::from(request.uri().path().to_owned()));
            Ok::<_, Infallible>(response.body(body).unwrap())
        });
        let mut requests = serve(service, Config::new()).await;
        // Without a protocol it asks for a tunnel, or for nothing. The answer shows that the settings of the
        // server have come, which allow the protocol.
        for (method, status) in [("GET", 500), ("CONNECT", 501)] {
            let request = Request::builder().method(method).uri("http://a.example/chat");
            let request = request.body(Full::default().boxed_unsync()).unwrap();
            assert_eq!(answer(&mut requests, request).await.0, status, "{method}");
        }
        let mut asks =
            Request::connect("http://a.example/chat").body(Full::default().boxed_unsync()).unwrap();
        asks.extensions_mut().insert(Protocol::from_static("websocket"));
        let response = requests.send_request(asks).await.unwrap();
        assert_eq!(response.status(), 200);
        assert!(
            !response.headers().contains_key("upgrade") && !response.headers().contains_key("content-length")
        );
        let mut stream = TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        stream.write_all(b"hello").await.unwrap();
        let mut said = Vec::new();
        stream.read_to_end(&mut said).await.unwrap();
        assert_eq!(said, b"hello");
    };
    LocalSet::new().run_until(test).await;
}
