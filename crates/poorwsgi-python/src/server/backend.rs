//! What all connections of a server share.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use http_body::Body as HttpBody;
use poorwsgi_calls::inlining::Rule;
use poorwsgi_calls::pool::Pool;
use poorwsgi_calls::running::Running;
use poorwsgi_core::response::Body;
use poorwsgi_server::spool::Spool;
use poorwsgi_server::{Metrics, RouteLabel};
use tokio::sync::Semaphore;

use super::caller::CallerPatience;
use super::loops::{around, attach};
use super::reported::WaitingCall;
use super::request_timeout::CallClock;
use super::served::Served;
use crate::config::{ChunkedBodies, ServerSettings};

/// What is served, and how: shared by all connections.
pub(super) struct Backend {
    pub(super) served: Arc<Served>,
    running: Running,
    pub(super) rule: Rule,
    pub(super) pool: Pool,
    /// Where bodies wait until they are complete.
    pub(super) spool: Spool,
    /// How many calls may read their bodies as they arrive. Such calls take no place of the concurrency
    /// limit, not even once their bodies are complete.
    pub(super) arriving: Arc<Semaphore>,
    /// How long threads wait for clients that read slowly.
    pub(super) patience: CallerPatience,
    /// The request timeout, if there is one.
    pub(super) request_timeout: Option<Duration>,
    chunked_bodies: ChunkedBodies,
    /// Whether somebody wants to know how the application is called.
    is_observed: bool,
    /// Whether requests have ids, which log records get.
    pub(super) names_requests: bool,
    metrics: Option<Metrics>,
    /// Where responses wait for clients that read slowly.
    answers: Spool,
}

impl Backend {
    pub(super) fn new(
        served: Arc<Served>,
        running: Running,
        settings: &ServerSettings,
        loops: usize,
        has_lock: bool,
        (is_observed, metrics): (bool, Option<Metrics>),
    ) -> Self {
        // Two spools, so that neither takes the room of the other; a body that the server admits has room.
        let answers = Spool::new(settings.max_spool / 2);
        let spool = Spool::new((settings.max_spool / 2).max(settings.config.body_limit()));
        Backend {
            served,
            running,
            // At most as many inline calls of a route as one loop lets threads block.
            rule: Rule { loops: loops.min(settings.threads), has_lock, ..settings.rule },
            pool: Pool::new(settings.threads, around, has_lock.then_some(attach)),
            arriving: Arc::new(Semaphore::new(settings.threads / 4)),
            patience: CallerPatience::new(settings.threads, answers.clone()),
            spool,
            request_timeout: settings.request_timeout,
            chunked_bodies: settings.chunked_bodies,
            is_observed,
            names_requests: settings.config.names_requests(),
            metrics,
            answers,
        }
    }

    /// The label of a rule in the metrics.
    pub(super) fn label(&self, rule: Option<&str>) -> RouteLabel {
        self.metrics.as_ref().zip(rule).map(|(metrics, rule)| metrics.route(rule)).unwrap_or_default()
    }

    /// What is measured now, as Prometheus reads it.
    pub(super) fn write_gauges(&self, text: &mut String) {
        for (spool, direction) in [(&self.spool, "received"), (&self.answers, "sent")] {
            for (place, bytes) in [("memory", spool.memory_used()), ("file", spool.files_used())] {
                // Writing to a String cannot fail.
                let _ = writeln!(
                    text,
                    "poorwsgi_body_bytes{{direction=\"{direction}\",place=\"{place}\"}} {bytes}"
                );
            }
        }
        let _ = writeln!(text, "poorwsgi_threads_busy {}", self.pool.busy());
    }

    /// Where a call that begins to wait now leaves how it is made.
    pub(super) fn waiting_call(&self) -> Option<WaitingCall> {
        self.is_observed.then(WaitingCall::now)
    }

    /// Whether the application is called once the body is complete, since it would take a body without a
    /// length for an empty one.
    pub(super) fn is_gathered(&self, body: &Body) -> bool {
        !self.served.is_native()
            && self.chunked_bodies == ChunkedBodies::Gather
            && body.size_hint().exact().is_none()
    }

    /// The clock of a call, if its time is limited.
    pub(super) fn clock(&self) -> Option<CallClock> {
        self.request_timeout.map(|_| CallClock::default())
    }

    /// Ends the idle threads of the pool.
    pub(super) fn end(&self) {
        self.pool.end();
    }
}

/// A running request.
pub(super) struct Run(pub(super) Arc<Backend>);

impl Run {
    pub(super) fn begin(backend: &Arc<Backend>) -> Self {
        backend.running.begin();
        Run(Arc::clone(backend))
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.0.running.end();
    }
}
