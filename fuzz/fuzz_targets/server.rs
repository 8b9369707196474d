//! Whatever comes over a connection: the server answers in HTTP or not at all, no handler sees a request that
//! two readers could understand differently, and nothing is answered behind a refusal.
#![no_main]

use std::convert::Infallible;
use std::net::SocketAddr;

use http::{HeaderMap, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use libfuzzer_sys::fuzz_target;
use poorwsgi_fuzz::connection::{exchange, start};
use poorwsgi_fuzz::pieces;
use poorwsgi_server::RequestBody;
use tokio::runtime::Runtime;

thread_local! {
    static SERVER: (Runtime, SocketAddr) = start(tower::service_fn(handler)).expect("a server");
}

async fn handler(request: Request<RequestBody>) -> Result<Response<Full<bytes::Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let count = |headers: &HeaderMap, name| headers.get_all(name).iter().count();
    let hosts = count(&parts.headers, header::HOST);
    assert!(hosts == 1 || (hosts == 0 && parts.version == http::Version::HTTP_10));
    let framing =
        count(&parts.headers, header::CONTENT_LENGTH) + count(&parts.headers, header::TRANSFER_ENCODING);
    assert!(framing <= 1);
    assert!(count(&parts.headers, header::CONTENT_TYPE) <= 1);
    assert!(parts.method != Method::CONNECT && parts.uri.to_string().is_ascii());
    assert!(!parts.headers.keys().any(|name| name.as_str().contains('_')));
    // a body that ends early is an error of the connection, and not ours
    let _ = body.collect().await;
    Ok(Response::new(Full::from("ok")))
}

fuzz_target!(|input: &[u8]| {
    let Some((_, pieces)) = pieces(input) else { return };
    let answer = SERVER.with(|(runtime, address)| runtime.block_on(exchange(*address, pieces)));
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1."), "{}", answer.escape_ascii());
    let answer = String::from_utf8_lossy(&answer);
    if let Some((_, after)) = answer.split_once("HTTP/1.1 4") {
        assert!(!after.contains("HTTP/1.1 200"), "answered behind a refusal: {answer}");
    }
});
