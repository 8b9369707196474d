//! The messages that the client sends.

use bytes::Bytes;
use http::{HeaderMap, Method, Uri};

/// A request without cookies and credentials.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) method: Method,
    pub(super) target: Uri,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Message {
    pub(super) fn get(target: Uri) -> Self {
        Message { method: Method::GET, target, headers: HeaderMap::new(), body: Bytes::new() }
    }
}
