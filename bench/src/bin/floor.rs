//! What the system takes to receive a request and to send its answer: whatever arrives is one request, and
//! the answer is fixed. No server can be below it.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What plain hyper answers.
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 11\r\n\
    date: Sat, 01 Jan 2000 00:00:00 GMT\r\n\r\nHello world";

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut request = [0; 8192];
    while stream.read(&mut request).await? > 0 {
        stream.write_all(ANSWER).await?;
    }
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind(poorwsgi_bench::address()).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        // a client that hangs up is no news to a benchmark
        tokio::spawn(async { drop(answer(stream).await) });
    }
}
