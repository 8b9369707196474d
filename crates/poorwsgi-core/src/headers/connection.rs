//! Header fields about the connection, which the server sends and not the application (RFC 9110, section
//! 7.6.1; PEP 3333, "Other HTTP Features").

use std::sync::atomic::{AtomicU16, Ordering};

use http::header::CONNECTION;
use http::{HeaderMap, HeaderName};

use crate::state;

/// The names of the header fields about the connection.
pub const FIELDS: [&str; 10] = [
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// The field about the connection that an application may send with a status, because a response with this
/// status must have it (RFC 9110, sections 15.2.2, 15.5.8 and 15.5.22).
const fn wanted(status: u16) -> Option<&'static str> {
    match status {
        state::HTTP_PROXY_AUTHENTICATION_REQUIRED => Some("proxy-authenticate"),
        state::HTTP_SWITCHING_PROTOCOLS | state::HTTP_UPGRADE_REQUIRED => Some("upgrade"),
        _ => None,
    }
}

/// The position in [`FIELDS`] of a field that an application may not send in a response of this status;
/// `None` for a field that it may send.
///
/// ```
/// use http::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
/// use poorwsgi_core::headers::connection::position;
///
/// assert_eq!(position(&CONNECTION, 200), Some(0));
/// assert_eq!(position(&CONTENT_TYPE, 200), None);
/// assert_eq!(position(&UPGRADE, 426), None);
/// ```
#[must_use]
pub fn position(name: &HeaderName, status: u16) -> Option<usize> {
    let name = name.as_str();
    let position = FIELDS.iter().position(|field| *field == name)?;
    (wanted(status) != Some(name)).then_some(position)
}

/// Removes the fields that an application may not send in a response of this status. Each is reported to the
/// log, except for `Connection: close`, which a server obeys.
pub fn remove(headers: &mut HeaderMap, status: u16) {
    for (number, name) in FIELDS.into_iter().enumerate().filter(|(_, name)| wanted(status) != Some(name)) {
        let is_close = name == CONNECTION.as_str()
            && headers.get_all(name).iter().all(|value| value.as_bytes().eq_ignore_ascii_case(b"close"));
        if headers.remove(name).is_some() && !is_close {
            tell_left_out(number, name);
        }
    }
}

/// Reports to the log that a field of the application is left out, once for each `position` in [`FIELDS`].
/// `name` is the field's name as the application spells it.
pub fn tell_left_out(position: usize, name: &str) {
    static TOLD: AtomicU16 = AtomicU16::new(0);
    const { assert!(FIELDS.len() <= u16::BITS as usize) };
    let bit = 1_u16.checked_shl(position as u32).unwrap_or_default();
    if TOLD.load(Ordering::Relaxed) & bit == 0 && TOLD.fetch_or(bit, Ordering::Relaxed) & bit == 0 {
        tracing::warn!(
            target: "poorwsgi::server",
            "the application's header {name} is left out (this is said once): it is about the connection, which \
             is the server's affair (PEP 3333)",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_removed_is_what_has_a_position() {
        for status in [101, 200, 204, 407, 426] {
            let mut headers: HeaderMap = FIELDS
                .into_iter()
                .chain(["content-type", "via"])
                .map(|name| (HeaderName::from_static(name), http::HeaderValue::from_static("x")))
                .collect();
            let stays: Vec<_> =
                headers.keys().filter(|name| position(name, status).is_none()).cloned().collect();
            remove(&mut headers, status);
            assert_eq!(headers.keys().cloned().collect::<Vec<_>>().len(), stays.len());
            assert!(stays.iter().all(|name| headers.contains_key(name)), "{status}");
            assert_eq!(stays.len(), if matches!(status, 200 | 204) { 2 } else { 3 });
        }
    }
}
