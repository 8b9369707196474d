//! A request as the log and the server's own pages name it.

use std::borrow::Cow;

use http::header::ACCEPT;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderValue, Method};
use poorwsgi_core::results::RefusedRequest;
use poorwsgi_core::{clip, state};

/// The method and the path of a request, without the query, which may contain secrets, and what its client
/// accepts.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    method: Method,
    target: Option<PathAndQuery>,
    accept: Option<HeaderValue>,
}

impl Asked {
    pub(super) fn of(head: &Parts) -> Self {
        Asked {
            method: head.method.clone(),
            target: head.uri.path_and_query().cloned(),
            accept: head.headers.get(ACCEPT).cloned(),
        }
    }

    /// `None` for a method that the framework does not know.
    pub(super) fn known_method(&self) -> Option<state::Method> {
        self.method.as_str().parse().ok()
    }

    pub(super) fn method(&self) -> Cow<'_, str> {
        clip::quoted(self.method.as_str())
    }

    pub(super) fn path(&self) -> Cow<'_, str> {
        clip::quoted(self.sent_path())
    }

    fn sent_path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// The request, for the page that refuses it.
    pub(super) fn refused(&self) -> RefusedRequest<'_> {
        RefusedRequest {
            method: self.method.as_str(),
            path: self.sent_path(),
            accept: self.accept.as_ref().and_then(|accept| accept.to_str().ok()),
        }
    }
}
