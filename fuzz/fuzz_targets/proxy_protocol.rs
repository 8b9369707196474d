//! A PROXY header is read the same whole and in pieces, no byte behind it is taken, and it is no longer than allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::request::Connection;
use poorwsgi_server::proxy_protocol::{BadHeader, HeaderReader};

fn read(bytes: &[u8], piece: usize, longest: usize) -> Result<(Connection, usize), BadHeader> {
    let mut header = HeaderReader::new(longest);
    let mut at = 0;
    while !header.is_complete() && at < bytes.len() {
        let arrived = &bytes[at..bytes.len().min(at + piece)];
        let taken = header.take(arrived)?;
        assert!(taken > 0 && taken <= arrived.len());
        at += taken;
    }
    Ok((header.connection(Connection::default())?, at))
}

fuzz_target!(|input: (u8, u16, &[u8])| {
    let (piece, longest, bytes) = input;
    let whole = read(bytes, bytes.len().max(1), longest.into());
    assert_eq!(read(bytes, usize::from(piece).max(1), longest.into()), whole);
    if let Ok((_, taken)) = whole {
        assert!(taken <= usize::from(longest));
    }
});
