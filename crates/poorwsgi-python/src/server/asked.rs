//! A request as the log names it.

use std::borrow::Cow;

use http::Method;
use http::request::Parts;
use http::uri::PathAndQuery;
use poorwsgi_core::{clip, state};

/// The method and the path of a request, without the query, which may contain secrets.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    method: Method,
    target: Option<PathAndQuery>,
}

impl Asked {
    pub(super) fn of(head: &Parts) -> Self {
        Asked { method: head.method.clone(), target: head.uri.path_and_query().cloned() }
    }

    /// `None` for a method that the framework does not know.
    pub(super) fn known_method(&self) -> Option<state::Method> {
        self.method.as_str().parse().ok()
    }

    pub(super) fn method(&self) -> Cow<'_, str> {
        clip::quoted(self.method.as_str())
    }

    pub(super) fn path(&self) -> Cow<'_, str> {
        clip::quoted(self.target.as_ref().map_or("", PathAndQuery::path))
    }
}
