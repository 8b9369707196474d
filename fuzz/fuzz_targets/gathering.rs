//! A request body in pieces, put together in memory and in temporary files of any size: what comes out is
//! what came in, with the error that it broke off with, or there was no room for it.
#![no_main]

use std::collections::VecDeque;
use std::future::poll_fn;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use libfuzzer_sys::fuzz_target;
use poorwsgi_core::BoxError;
use poorwsgi_core::response::{Body, iter};
use poorwsgi_server::spool::{Gathered, Gathering, Spool};
use tokio::runtime::{Builder, Runtime};

thread_local! {
    static RUNTIME: Runtime = Builder::new_current_thread().enable_time().build().expect("a runtime");
}

fuzz_target!(|input: &[u8]| {
    let [room, breaks_off, sizes @ ..] = input else { return };
    // Of up to 16 MiB of files, and pieces of up to 64 KiB each.
    let spool = Spool::new(u64::from(*room) << 16);
    let pieces: Vec<_> = sizes
        .iter()
        .take(64)
        .enumerate()
        .map(|(number, size)| vec![number as u8; usize::from(*size) * usize::from(*size)])
        .collect();
    let mut items: VecDeque<_> =
        pieces.iter().map(|piece| Ok(Frame::data(Bytes::from(piece.clone())))).collect();
    if breaks_off % 2 == 1 {
        items.push_back(Err(BoxError::from("broken off")));
    }
    let body = Body::wrap(StreamBody::new(iter(items)));
    RUNTIME.with(|runtime| {
        runtime.block_on(async {
            let mut gathering = Gathering::new(body, &spool);
            let Gathered { mut body, held } = match poll_fn(|cx| gathering.poll(cx)).await {
                Ok(gathered) => gathered,
                Err(error) => {
                    assert_eq!(error.status(), 503);
                    return;
                }
            };
            let (mut all, mut error) = (Vec::new(), None);
            while let Some(frame) = body.frame().await {
                match frame {
                    Ok(frame) => all.extend_from_slice(&frame.into_data().unwrap_or_default()),
                    Err(end) => error = Some(end.to_string()),
                }
            }
            drop(held);
            assert_eq!(all, pieces.concat());
            assert_eq!(error.is_some(), breaks_off % 2 == 1);
        })
    });
});
