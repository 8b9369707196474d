//! The record of a request until its response has been sent.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode};
use poorwsgi_core::clip;

use super::Carrier;
use super::body::Lease;
use super::logged::LoggedHead;
use crate::access_log::{AccessEntry, CallReport, RequestLine};
use crate::connection::ConnectionContext;
use crate::stop::Level;

/// The log target of access records: one event at level `INFO` for each request, when its response has been
/// handed over or cut off.
const ACCESS: &str = "poorwsgi::access";

/// One request. When it is dropped, it is written to the access log, and to the list of requests that a stop
/// cut off.
#[derive(Debug)]
pub(crate) struct Record {
    carrier: Arc<dyn Carrier>,
    method: Method,
    /// `None` for a target that is only a host.
    target: Option<PathAndQuery>,
    /// `None` if nobody asks how long requests take.
    started: Option<Instant>,
    /// Whether the request is to be logged.
    logs: bool,
    status: Option<StatusCode>,
    bytes: u64,
    finished: bool,
    body: Option<Lease>,
    id: Option<HeaderValue>,
    /// `None` if there is no access log, or the head was refused.
    logged: Option<Box<LoggedHead>>,
    call: Option<CallReport>,
}

impl Record {
    pub(crate) fn new<B>(request: &Request<B>, carrier: Arc<dyn Carrier>) -> Self {
        let logs = tracing::enabled!(target: ACCESS, tracing::Level::INFO)
            || carrier.context().config.access_log.is_some();
        let metrics = carrier.context().config.metrics.as_ref();
        let listened = metrics.inspect(|metrics| metrics.request_begun()).is_some() || logs;
        Record {
            carrier,
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            started: listened.then(Instant::now),
            logs,
            status: None,
            bytes: 0,
            finished: false,
            body: None,
            id: None,
            logged: None,
            call: None,
        }
    }

    /// Keeps what logs say of a head that has been checked, before the application gets it.
    pub(crate) fn describe<B>(&mut self, request: &Request<B>, id: Option<HeaderValue>) {
        self.id = id;
        if self.logs {
            self.logged = Some(Box::new(LoggedHead::of(request, &self.context().connection)));
        }
    }

    /// The id of the request, which its response has as well.
    pub(crate) const fn id(&self) -> Option<&HeaderValue> {
        self.id.as_ref()
    }

    /// The service reports how it called the application.
    pub(crate) const fn called(&mut self, call: Option<CallReport>) {
        self.call = call;
    }

    /// The body of the request can be read as long as this exists.
    pub(crate) fn holds(&mut self, body: Option<Lease>) {
        self.body = body;
    }

    /// Declares that the rest of the request's body, if there is any, will not be read.
    pub(crate) fn abandon_body(&self) {
        self.body.iter().for_each(Lease::abandon);
    }

    pub(crate) const fn method(&self) -> &Method {
        &self.method
    }

    /// The method as logs name it.
    pub(crate) fn quoted_method(&self) -> Cow<'_, str> {
        clip::quoted(self.method.as_str())
    }

    /// The path as it was sent, without the query, which may have secrets.
    pub(crate) fn path(&self) -> &str {
        self.target.as_ref().map_or("", PathAndQuery::path)
    }

    /// The path as logs name it: without the query, which may have secrets.
    pub(crate) fn quoted_path(&self) -> Cow<'_, str> {
        clip::quoted(self.path())
    }

    pub(crate) fn carrier(&self) -> &dyn Carrier {
        &*self.carrier
    }

    pub(crate) fn context(&self) -> &ConnectionContext {
        self.carrier.context()
    }

    pub(crate) const fn answered(&mut self, status: StatusCode) {
        self.status = Some(status);
    }

    pub(crate) const fn sent(&mut self, bytes: u64) {
        self.bytes += bytes;
    }

    pub(crate) const fn finish(&mut self) {
        self.finished = true;
    }
}

impl Record {
    fn log(&self, duration: Duration) {
        let of_head = |entry: AccessEntry<'_>| {
            let entry = AccessEntry {
                request: self.logged.as_ref().map(|logged| RequestLine {
                    method: self.method.as_str(),
                    target: self.target.as_ref().map_or("*", PathAndQuery::as_str),
                    version: logged.version,
                }),
                status: self.status.map_or(0, |status| status.as_u16()),
                bytes: self.bytes,
                duration,
                call: self.call,
                ..entry
            };
            tracing::info!(
                target: ACCESS,
                method = %self.quoted_method(),
                path = &*self.quoted_path(),
                status = entry.status,
                bytes = entry.bytes,
                duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
                peer = %self.context().peer(),
                client = &*clip::quoted(entry.client),
                user = entry.user.map(clip::quoted).as_deref(),
                referer = entry.referer.map(clip::quoted).as_deref(),
                user_agent = entry.user_agent.map(clip::quoted).as_deref(),
                request_id = entry.request_id,
                traceparent = entry.traceparent.map(clip::quoted).as_deref(),
            );
            if let Some(log) = &self.context().config.access_log {
                log.write(&entry);
            }
        };
        match &self.logged {
            Some(logged) => logged.with_entry(of_head),
            None => {
                of_head(AccessEntry { client: &self.context().peer().client(), ..AccessEntry::default() })
            }
        }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(started) = self.started {
            let duration = started.elapsed();
            if let Some(metrics) = &self.context().config.metrics {
                metrics.request_ended(&self.method, self.status, self.bytes, duration, self.call);
            }
            if self.logs {
                self.log(duration);
            }
        }
        if !self.finished && self.context().stop.level() == Level::AtOnce {
            let (method, path) = (self.quoted_method(), self.quoted_path());
            self.context().stop.leave(format!("{method} {path} from {}", self.context().peer()));
        }
    }
}
