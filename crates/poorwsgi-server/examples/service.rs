//! Any tower service, served: `cargo run -p poorwsgi-server --example service -- 127.0.0.1:8080`.

use std::convert::Infallible;

use http::{Request, Response};
use poorwsgi_server::RequestBody;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let hello = tower::service_fn(async |_request: Request<RequestBody>| {
        Ok::<_, Infallible>(Response::new("Hello world\n".to_owned()))
    });
    poorwsgi_server::run(hello, &address).await
}
