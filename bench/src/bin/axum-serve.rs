//! axum on the server that it comes with, which has no settings and no deadline for the head of a request.

use axum::serve::ListenerExt;
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(poorwsgi_bench::address()).await?.tap_io(|stream| {
        // fails only on a connection that is gone already
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, poorwsgi_bench::axum_router()).await
}
