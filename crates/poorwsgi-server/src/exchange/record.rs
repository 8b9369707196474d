//! The record of a request until its response has been sent.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Instant;

use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, StatusCode};
use poorwsgi_core::clip;

use super::Carrier;
use super::body::Lease;
use super::logged::LoggedHead;
use crate::access_log::{AccessEntry, AccessLog, FieldSet, RequestLine};
use crate::call_report::CallReport;
use crate::config::Config;
use crate::connection::ConnectionContext;
use crate::metrics::Metrics;
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
    status: Option<StatusCode>,
    bytes: u64,
    finished: bool,
    body: Option<Lease>,
    /// `None` if nobody asks for more: in a box, because a record is moved with its response.
    observed: Option<Box<ObservedRequest>>,
}

/// What is kept of a request for logs and metrics.
#[derive(Debug)]
struct ObservedRequest {
    started: Instant,
    /// The fields of the log; `None` if the request is not logged.
    fields: Option<FieldSet>,
    /// `None` if the head was refused.
    head: Option<LoggedHead>,
    id: Option<HeaderValue>,
    call: Option<CallReport>,
}

impl ObservedRequest {
    /// `None` if nobody asks for it.
    fn of(config: &Config) -> Option<Box<Self>> {
        let is_traced = tracing::enabled!(target: ACCESS, tracing::Level::INFO);
        let fields =
            is_traced.then_some(FieldSet::ALL).or_else(|| config.access_log.as_ref().map(AccessLog::fields));
        if fields.is_none() && config.metrics.is_none() && !config.request_id {
            return None;
        }
        config.metrics.iter().for_each(Metrics::request_begun);
        Some(Box::new(ObservedRequest { started: Instant::now(), fields, head: None, id: None, call: None }))
    }
}

impl Record {
    pub(crate) fn new<B>(request: &Request<B>, carrier: Arc<dyn Carrier>) -> Self {
        let observed = ObservedRequest::of(&carrier.context().config);
        Record {
            carrier,
            method: request.method().clone(),
            target: request.uri().path_and_query().cloned(),
            status: None,
            bytes: 0,
            finished: false,
            body: None,
            observed,
        }
    }

    /// Keeps what logs say of a head that has been checked, before the application gets it.
    pub(crate) fn describe<B>(&mut self, request: &Request<B>, id: Option<HeaderValue>) {
        if let Some(observed) = &mut self.observed {
            observed.id = id;
            observed.head = observed.fields.map(|fields| LoggedHead::of(request, fields));
        }
    }

    /// The id of the request, which its response has as well.
    pub(crate) fn id(&self) -> Option<&HeaderValue> {
        self.observed.as_ref()?.id.as_ref()
    }

    /// The service reports how it called the application.
    pub(crate) fn called(&mut self, call: Option<CallReport>) {
        if let Some(observed) = &mut self.observed {
            observed.call = call;
        }
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
    /// Says in the logs and the metrics that the request has ended.
    fn tell(&self, observed: &ObservedRequest) {
        let duration = observed.started.elapsed();
        let context = self.context();
        if let Some(metrics) = &context.config.metrics {
            metrics.request_ended(&self.method, self.status, self.bytes, duration, observed.call);
        }
        if observed.fields.is_none() {
            return;
        }
        let peer = context.client();
        let head = observed.head.as_ref();
        let entry = AccessEntry {
            request: head.map(|head| RequestLine {
                method: self.method.as_str(),
                target: self.target.as_ref().map_or("*", PathAndQuery::as_str),
                version: head.version,
            }),
            status: self.status.map_or(0, |status| status.as_u16()),
            bytes: self.bytes,
            duration,
            call: observed.call,
            ..head.map_or(AccessEntry { client: peer, ..AccessEntry::default() }, |head| head.entry(peer))
        };
        tracing::info!(
            target: ACCESS,
            method = %self.quoted_method(),
            path = &*self.quoted_path(),
            status = entry.status,
            bytes = entry.bytes,
            duration_us = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX),
            peer = %context.peer(),
            client = entry.client,
            user = entry.user.map(quoted).as_deref(),
            referer = entry.referer.map(quoted).as_deref(),
            user_agent = entry.user_agent.map(quoted).as_deref(),
            request_id = entry.request_id.map(quoted).as_deref(),
            traceparent = entry.traceparent.map(quoted).as_deref(),
        );
        if let Some(log) = &context.config.access_log {
            log.write(&entry);
        }
    }
}

/// A text of a request as logs quote it.
fn quoted(bytes: &[u8]) -> String {
    clip::quoted(&String::from_utf8_lossy(bytes)).into_owned()
}

impl Drop for Record {
    fn drop(&mut self) {
        if let Some(observed) = self.observed.take() {
            self.tell(&observed);
        }
        if !self.finished && self.context().stop.level() == Level::AtOnce {
            let (method, path) = (self.quoted_method(), self.quoted_path());
            self.context().stop.leave(format!("{method} {path} from {}", self.context().peer()));
        }
    }
}
