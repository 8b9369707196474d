//! The id of a request, by which its lines in several logs are found.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderName, HeaderValue};

/// The field of a request and its response that has the id.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The field that tracing systems pass on (W3C Trace Context).
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The longest id that is taken from a proxy, in bytes.
const LONGEST: usize = 128;

/// The id that the request has from now on: that of a trusted proxy, or a new one. An id of anybody else, or one
/// with other characters than ids have, is replaced.
pub(super) fn identify(headers: &mut HeaderMap, trusted: bool) -> HeaderValue {
    if let Some(id) = trusted.then(|| given(headers)).flatten() {
        return id.clone();
    }
    let id = next();
    headers.insert(REQUEST_ID, id.clone());
    id
}

/// The id that came with the request.
fn given(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut values = headers.get_all(REQUEST_ID).iter();
    let id = values.next().filter(|id| is_id(id.as_bytes()))?;
    values.next().is_none().then_some(id)
}

/// Visible ASCII, without what could end a field of a log.
fn is_id(bytes: &[u8]) -> bool {
    let is_of_id = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:+/=@".contains(byte);
    (1..=LONGEST).contains(&bytes.len()) && bytes.iter().all(is_of_id)
}

/// A new id: 16 hexadecimal digits. Two processes hardly ever make the same one, and no client can tell from an
/// id how many requests there have been.
fn next() -> HeaderValue {
    static SECRET: LazyLock<RandomState> = LazyLock::new(RandomState::new);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = SECRET.hash_one(COUNT.fetch_add(1, Ordering::Relaxed));
    let digits = number.to_be_bytes().map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
    HeaderValue::from_bytes(digits.as_flattened()).unwrap_or(HeaderValue::from_static("-"))
}

/// A hexadecimal digit.
const fn digit(value: u8) -> u8 {
    value + if value < 10 { b'0' } else { b'a' - 10 }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_differ() {
        let ids: HashSet<_> = (0..10_000).map(|_| next()).collect();
        assert_eq!(ids.len(), 10_000);
        assert!(ids.iter().all(|id| id.len() == 16 && is_id(id.as_bytes())));
    }

    #[test]
    fn only_the_id_of_a_trusted_proxy_is_taken() {
        for (given, trusted, is_taken) in [
            (&["a-1"][..], true, true),
            (&["a-1"], false, false),
            (&["a-1", "a-2"], true, false),
            (&["a b"], true, false),
            (&["a\"b"], true, false),
            (&[""], true, false),
            (&[&"a".repeat(128)], true, true),
            (&[&"a".repeat(129)], true, false),
            (&[], true, false),
        ] {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(REQUEST_ID, HeaderValue::from_str(value).unwrap());
            }
            let id = identify(&mut headers, trusted);
            assert_eq!(given.first() == Some(&id.to_str().unwrap()), is_taken, "{given:?} {trusted}");
            assert_eq!(headers.get_all(REQUEST_ID).iter().collect::<Vec<_>>(), [&id]);
        }
    }
}
