//! What a page shows about a request, read from the request's attributes.

use std::borrow::Cow;

use http::header::ACCEPT;
use poorwsgi_core::request::Mount;
use poorwsgi_core::results::Site;
use pyo3::prelude::*;

use crate::request::SimpleRequest;

/// The attribute as text; `None` if it is missing, raises or is no str.
pub(super) fn text(object: &Bound<'_, PyAny>, name: &str) -> Option<String> {
    object.getattr(name).ok()?.extract().ok()
}

/// The value of `Accept`, from a request of ours, or from the environ of any other.
fn accept(req: &Bound<'_, PyAny>) -> Option<String> {
    if let Ok(request) = req.cast::<SimpleRequest>() {
        return request.get().head().header(&ACCEPT).map(Cow::into_owned);
    }
    req.getattr("environ").ok()?.get_item("HTTP_ACCEPT").ok()?.extract().ok()
}

/// What a page shows about a request and the server.
pub(super) struct Visitor {
    pub(super) method: String,
    pub(super) uri: String,
    debug: bool,
    hostname: String,
    software: String,
    accept: Option<String>,
    prefix: String,
}

impl Visitor {
    pub(super) fn of(req: &Bound<'_, PyAny>) -> Self {
        let text = |name| text(req, name);
        // The page of a 400 for a path that is not UTF-8 comes here, too: `path` raises then.
        let uri = text("uri").or_else(|| text("path")).unwrap_or_default();
        let mount = req.cast::<SimpleRequest>().ok().and_then(|request| request.get().head().mount());
        Visitor {
            method: text("method").unwrap_or_default(),
            uri: mount.as_deref().map_or("", Mount::path).to_owned() + &uri,
            debug: req.getattr("debug").and_then(|debug| debug.is_truthy()).unwrap_or(false),
            hostname: text("hostname").unwrap_or_default(),
            software: text("server_software").unwrap_or_default(),
            accept: accept(req),
            prefix: prefix(req).unwrap_or_default(),
        }
    }

    /// The value of the `Accept` field.
    pub(super) fn accept(&self) -> Option<&str> {
        self.accept.as_deref()
    }

    pub(super) const fn debug(&self) -> bool {
        self.debug
    }

    pub(super) fn site(&self) -> Site<'_> {
        Site {
            hostname: &self.hostname,
            software: &self.software,
            debug: self.debug,
            prefix: &self.prefix,
            ..Site::default()
        }
    }
}

/// The prefix below which the application is mounted.
fn prefix(req: &Bound<'_, PyAny>) -> Option<String> {
    Some(req.cast::<SimpleRequest>().ok()?.get().head().script_name())
}
