//! The messages that the client sends.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

/// The origin of the requests of a test.
pub(super) const ORIGIN: &str = "http://localhost";

/// A request without cookies and credentials.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) method: Method,
    /// Scheme and authority of the URL.
    pub(super) origin: String,
    /// The target in origin form: the path and query of the URL.
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Message {
    pub(super) fn get(target: Uri) -> Self {
        Message {
            method: Method::GET,
            origin: ORIGIN.to_owned(),
            target,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }
}
