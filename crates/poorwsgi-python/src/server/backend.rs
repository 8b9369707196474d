//! What all connections of a server have in common.

use std::sync::Arc;
use std::time::Duration;

use http_body::Body as HttpBody;
use poorwsgi_calls::inlining::Rule;
use poorwsgi_calls::pool::Pool;
use poorwsgi_calls::running::Running;
use poorwsgi_core::response::Body;
use poorwsgi_server::spool::Spool;
use tokio::sync::Semaphore;

use super::caller::Patience;
use super::loops::{around, attach};
use super::request_timeout::CallClock;
use super::served::Served;
use crate::config::{ChunkedBodies, Settings};

/// What is served, and how: what all connections have in common.
pub(super) struct Backend {
    pub(super) served: Arc<Served>,
    running: Running,
    pub(super) rule: Rule,
    pub(super) pool: Pool,
    /// Where bodies wait until they have come.
    pub(super) spool: Spool,
    /// How many calls may be made that read their bodies as they come. They take no place among those that
    /// compute, not even when their bodies have come.
    pub(super) arriving: Arc<Semaphore>,
    /// How long threads wait for clients that read slowly.
    pub(super) patience: Patience,
    /// How long the client waits for the application, where that is limited.
    pub(super) request_timeout: Option<Duration>,
    chunked_bodies: ChunkedBodies,
}

impl Backend {
    pub(super) fn new(
        served: Arc<Served>,
        running: Running,
        settings: &Settings,
        loops: usize,
        has_lock: bool,
    ) -> Self {
        // Neither takes what the other one needs, and a body that the server admits has room.
        let answers = Spool::new(settings.max_spool / 2);
        let spool = Spool::new((settings.max_spool / 2).max(settings.config.body_limit()));
        Backend {
            served,
            running,
            // No more than can be held up on one of them.
            rule: Rule { loops: loops.min(settings.threads), has_lock, ..settings.rule },
            pool: Pool::new(settings.threads, around, has_lock.then_some(attach)),
            arriving: Arc::new(Semaphore::new(settings.threads / 4)),
            patience: Patience::new(settings.threads, answers),
            spool,
            request_timeout: settings.request_timeout,
            chunked_bodies: settings.chunked_bodies,
        }
    }

    /// Whether the application is called when the body has come, since it would take a body without a length
    /// for none.
    pub(super) fn is_gathered(&self, body: &Body) -> bool {
        !self.served.is_native()
            && self.chunked_bodies == ChunkedBodies::Gather
            && body.size_hint().exact().is_none()
    }

    /// The clock of a call, where its time is limited.
    pub(super) fn clock(&self) -> Option<CallClock> {
        self.request_timeout.map(|_| CallClock::default())
    }

    /// Ends the threads of its calls that have nothing to do.
    pub(super) fn end(&self) {
        self.pool.end();
    }
}

/// One request that runs.
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
