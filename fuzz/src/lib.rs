//! What several fuzz targets need.

pub mod connection;

use bytes::Bytes;

/// Cuts a body into pieces as they might come from a socket. The first byte of the input says how long each
/// is.
pub fn pieces(input: &[u8]) -> Option<(Bytes, impl Iterator<Item = Bytes>)> {
    let (&size, body) = input.split_first()?;
    let body = Bytes::copy_from_slice(body);
    let mut rest = body.clone();
    let pieces = std::iter::from_fn(move || {
        (!rest.is_empty()).then(|| rest.split_to(rest.len().min(usize::from(size).max(1))))
    });
    Some((body, pieces))
}
