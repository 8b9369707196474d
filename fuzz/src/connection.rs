//! A server of ours in this process, and a client that sends it bytes.

use std::io;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use poorwsgi_core::BoxError;
use poorwsgi_server::{RequestBody, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tower::Service;

/// Serves on a port of the system's choice for as long as the runtime is there.
pub fn start<S>(service: S) -> io::Result<(Runtime, SocketAddr)>
where
    S: Service<Request<RequestBody>, Response = Response<Full<Bytes>>, Error: Into<BoxError>, Future: Send>,
    S: Clone + Send + 'static,
{
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let bound = runtime.block_on(Server::new(service).bind("127.0.0.1:0"))?;
    let address = bound.local_addr().expect("a TCP address");
    runtime.spawn(bound.serve());
    Ok((runtime, address))
}

/// What a server answers to all that a connection sends.
pub async fn exchange(address: SocketAddr, pieces: impl Iterator<Item = Bytes>) -> Vec<u8> {
    let mut answer = Vec::new();
    let Ok(mut client) = TcpStream::connect(address).await else { return answer };
    for piece in pieces {
        // refused before everything was sent
        if client.write_all(&piece).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
    }
    let _ = client.shutdown().await;
    // a reset takes what was answered with it
    let _ = client.read_to_end(&mut answer).await;
    answer
}
