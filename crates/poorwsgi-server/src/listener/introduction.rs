//! How a connection becomes known: which client is behind it, where a proxy says so in front of its first byte.

use std::io;
use std::time::Duration;

use poorwsgi_core::request::Connection;

use crate::LOG;
use crate::config::Config;
use crate::connection::Peer;
use crate::proxy_protocol::{BadHeader, HeaderReader};
use crate::stop::{Level, Stop};
use crate::transport::{Accepted, PlainTransport};

/// How many bytes of a header are looked at at a time.
const LOOK: usize = 536;

/// How long a stop waits for a header that is on its way.
const AFTER_STOP: Duration = Duration::from_secs(1);

/// Registers a connection with the current runtime and, where its proxy has to name its client, waits for that.
/// Returns `None` if the connection cannot be served.
pub(crate) async fn introduced(
    accepted: Accepted,
    connection: Connection,
    config: &Config,
    stop: &Stop,
) -> Option<PlainTransport> {
    let peer = Peer::of(connection);
    let transport = accepted
        .register(connection)
        .map_err(|error| tracing::warn!(target: LOG, %peer, %error, "a connection cannot be served"))
        .ok()?;
    if !config.proxy_protocol || !config.trusts(connection.remote.map(|address| address.ip())) {
        return Some(transport);
    }
    match named(&transport, connection, config, stop).await {
        Ok(connection) => Some(transport.with_connection(connection)),
        Err(refusal) => {
            tracing::info!(target: LOG, %peer, "refused: {refusal}");
            None
        }
    }
}

/// The connection as the PROXY header names it.
async fn named(
    transport: &PlainTransport,
    connection: Connection,
    config: &Config,
    stop: &Stop,
) -> Result<Connection, String> {
    let mut header = HeaderReader::new(config.max_proxy_header);
    let reading = async {
        let mut buffer = [0; LOOK];
        while !header.is_complete() {
            let take = |arrived: &[u8]| header.take(arrived).map_err(IntroductionError::Header);
            if !transport.take_some(&mut buffer, take).await? {
                return Err(IntroductionError::Header(BadHeader::Malformed));
            }
        }
        header.connection(connection).map_err(IntroductionError::Header)
    };
    let stopped = async {
        stop.reached(Level::Graceful).await;
        tokio::time::sleep(AFTER_STOP).await;
    };
    tokio::select! {
        biased;
        () = stop.reached(Level::AtOnce) => Err("the server stops".to_owned()),
        named = reading => named.map_err(|failure| match failure {
            IntroductionError::Header(error) => error.to_string(),
            IntroductionError::Socket(error) => error.to_string(),
        }),
        () = tokio::time::sleep(config.first_byte_timeout) => {
            Err("the PROXY header was not complete within first_byte_timeout".to_owned())
        }
        () = stopped => Err("the server stops".to_owned()),
    }
}

/// Why no client was named.
enum IntroductionError {
    Header(BadHeader),
    Socket(io::Error),
}

impl From<io::Error> for IntroductionError {
    fn from(error: io::Error) -> Self {
        IntroductionError::Socket(error)
    }
}
