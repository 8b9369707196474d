//! What carries the exchanges of a connection of HTTP/1.1.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Context;

use http::response::Parts as ResponseHead;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::ext::ReasonPhrase;
use poorwsgi_core::headers::connection;
use poorwsgi_core::headers::list::has_token;
use poorwsgi_core::state;

use super::broken_off::BrokenOff;
use super::spelling;
use crate::connection::ConnectionContext;
use crate::exchange::{Carrier, Upgrade};
use crate::stop::Level;
use crate::transport::sendfile::Files;

/// hyper reads and discards up to this many bytes of an unread body, so that its connection can be used
/// again.
const DISCARDED: u64 = 64 << 10;

/// What the parts of one connection share: its exchanges and its [`GuardedIo`](super::io::GuardedIo).
#[derive(Debug)]
pub(crate) struct H1Session {
    context: ConnectionContext,
    /// Whether no request is read after the current one.
    is_last: AtomicBool,
    /// Whether the application asks that the connection ends with the current response.
    is_ended: AtomicBool,
    /// The files of its responses.
    files: Option<Arc<Files>>,
    /// Whether its last response is written up to the point where it breaks off.
    broken_off: BrokenOff,
    /// Whether the connection ends with its first response.
    is_single: bool,
    /// Whether the current request asks for another protocol.
    may_upgrade: AtomicBool,
    /// What follows after its last response.
    upgrade: Mutex<Option<Upgrade>>,
}

impl H1Session {
    pub(crate) fn new(context: ConnectionContext, files: Option<Arc<Files>>, is_single: bool) -> Self {
        H1Session {
            context,
            is_single,
            is_last: AtomicBool::new(false),
            is_ended: AtomicBool::new(false),
            files,
            broken_off: BrokenOff::default(),
            may_upgrade: AtomicBool::new(false),
            upgrade: Mutex::new(None),
        }
    }

    pub(super) fn is_last(&self) -> bool {
        self.is_last.load(Ordering::Relaxed)
    }

    /// Whether the current response is the last one, unless the connection leaves HTTP with it.
    fn ends_with_response(&self) -> bool {
        let is_ended = self.is_ended.load(Ordering::Relaxed);
        self.is_single || is_ended || self.is_last() || self.context.stop.level() > Level::Running
    }

    /// Says of the current request whether it asks for another protocol.
    pub(super) fn may_upgrade_if(&self, asks: bool) {
        self.may_upgrade.store(asks, Ordering::Relaxed);
    }

    /// The current response is the last one of this protocol.
    fn upgrade_to(&self, upgrade: Upgrade) {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).replace(upgrade);
    }

    pub(super) fn take_upgrade(&self) -> Option<Upgrade> {
        self.upgrade.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// hyper has nothing left to write. Returns whether every stand-in has been replaced by its file.
    pub(super) fn flushed(&self, cx: &Context<'_>) -> bool {
        self.broken_off.flushed(cx);
        self.files.as_ref().is_none_or(|files| files.have_left())
    }
}

impl Carrier for H1Session {
    fn context(&self) -> &ConnectionContext {
        &self.context
    }

    /// What follows a request that is not read to its end may not be a request.
    fn abandon_request(&self, rest: Option<u64>) {
        if rest.is_none_or(|rest| rest > DISCARDED) {
            self.is_last.store(true, Ordering::Relaxed);
        }
    }

    fn files(&self) -> Option<&Files> {
        self.files.as_deref()
    }

    fn is_written(&self, cx: &Context<'_>) -> bool {
        self.broken_off.is_written(cx)
    }

    fn upgrade_status(&self) -> Option<StatusCode> {
        self.may_upgrade.load(Ordering::Relaxed).then_some(StatusCode::SWITCHING_PROTOCOLS)
    }

    /// `Connection: close` ends the connection (RFC 9112, section 9.6). An `Upgrade` that stays, in a 101 or a
    /// 426, is named in `Connection` (RFC 9110, section 7.8).
    fn take_connection_fields(&self, headers: &mut HeaderMap, status: StatusCode) {
        let mut fields = headers.get_all(header::CONNECTION).iter();
        if fields.any(|value| has_token(value.as_bytes(), "close")) {
            self.is_ended.store(true, Ordering::Relaxed);
        }
        connection::remove(headers, status.as_u16());
        if headers.contains_key(header::UPGRADE) {
            headers.append(header::CONNECTION, HeaderValue::from_static("upgrade"));
        }
    }

    fn complete_head(&self, head: &mut ResponseHead, upgrade: Option<Upgrade>) {
        name_status(head);
        spelling::keep(head);
        if let Some(upgrade) = upgrade {
            self.upgrade_to(upgrade);
        } else if self.ends_with_response() {
            // A 426 already names `upgrade` there, which stays, after `close`.
            if let Some(named) = head.headers.insert(header::CONNECTION, HeaderValue::from_static("close")) {
                head.headers.append(header::CONNECTION, named);
            }
        }
    }
}

/// Has hyper send the reason phrase of [`state`], which knows more statuses than hyper, unless the
/// application has set its own.
fn name_status(head: &mut ResponseHead) {
    let reason = state::reason(head.status.as_u16());
    let reason = reason.filter(|reason| head.status.canonical_reason() != Some(*reason));
    if let Some(reason) = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes()).ok())
        && head.extensions.get::<ReasonPhrase>().is_none()
    {
        head.extensions.insert(reason);
    }
}

#[cfg(test)]
mod tests {
    use poorwsgi_core::request::Connection;

    use super::*;
    use crate::config::Config;
    use crate::stop::Stop;

    fn session() -> H1Session {
        let (config, stop) = (Arc::new(Config::new()), Arc::new(Stop::new()));
        H1Session::new(ConnectionContext::new(config, stop, Connection::default()), None, false)
    }

    /// What becomes of these fields, as text, and whether the connection ends.
    fn taken(status: StatusCode, fields: &[(&'static str, &'static str)]) -> (String, bool) {
        let (session, mut headers) = (session(), HeaderMap::new());
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        session.take_connection_fields(&mut headers, status);
        let left: Vec<_> =
            headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
        (left.join("\n"), session.ends_with_response())
    }

    #[test]
    fn fields_about_the_connection_are_obeyed_and_left_out() {
        let (none, x) = (String::new(), ("x-a", "1"));
        for (fields, ends) in [
            (&[("connection", "close")][..], true),
            (&[("connection", "keep-alive"), ("connection", "x, Close")], true),
            (&[("connection", "keep-alive"), ("keep-alive", "timeout=5")], false),
            (&[("connection", "upgrade"), ("upgrade", "h2c")], false),
        ] {
            assert_eq!(taken(StatusCode::OK, fields), (none.clone(), ends), "{fields:?}");
        }
        assert_eq!(taken(StatusCode::OK, &[("te", "trailers"), x]), ("x-a: 1".to_owned(), false));
    }

    #[test]
    fn an_upgrade_that_stays_is_named_in_connection() {
        for status in [StatusCode::SWITCHING_PROTOCOLS, StatusCode::UPGRADE_REQUIRED] {
            let (left, ends) = taken(status, &[("upgrade", "chat"), ("connection", "close")]);
            assert_eq!(left, "upgrade: chat\nconnection: upgrade");
            assert!(ends);
        }
    }
}
