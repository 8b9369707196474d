//! How long a connection may be idle.

use std::time::Duration;

use tokio::time::Instant;

use crate::connection::ConnectionContext;
use crate::stop::Level;

/// How long a connection has to have been idle before it may be closed for others.
const IDLE: Duration = Duration::from_secs(1);

/// How long a stop waits for the first byte of a new connection: its request may be on its way.
const FIRST_BYTE_AFTER_STOP: Duration = Duration::from_secs(1);

/// One wait of a connection for the first byte of a request, while none of its requests is running. Every
/// protocol waits by these rules.
#[derive(Debug, Default)]
pub(crate) struct IdleWait {
    since: Option<Instant>,
    /// When this wait noticed that the server stops.
    since_stop: Option<Instant>,
}

impl IdleWait {
    /// When the wait began: now, unless it has begun.
    pub(crate) fn since(&mut self) -> Instant {
        *self.since.get_or_insert_with(Instant::now)
    }

    /// The time at which the connection is closed if nothing arrives; `None` if it is closed at once. The
    /// first wait of a connection lasts for `first_byte_timeout`, each later one for `idle_timeout`. A
    /// connection that has `served` a request is closed when its server stops, and gives way to queued
    /// connections.
    pub(crate) fn deadline(&mut self, context: &ConnectionContext, served: bool) -> Option<Instant> {
        let ConnectionContext { config, stop, .. } = context;
        let since = self.since();
        let is_stopping = stop.level() >= Level::Graceful;
        let gives_way = || stop.wants_room() && since + IDLE <= Instant::now() && stop.takes_room();
        if served && (is_stopping || gives_way()) {
            return None;
        }
        let at = since + if served { config.idle_timeout } else { config.first_byte_timeout };
        if !is_stopping {
            return Some(at);
        }
        Some(at.min(*self.since_stop.get_or_insert_with(Instant::now) + FIRST_BYTE_AFTER_STOP))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use poorwsgi_core::request::Connection;

    use super::*;
    use crate::Config;
    use crate::stop::Stop;

    fn context() -> ConnectionContext {
        let config =
            Config::new().idle_timeout(Duration::from_secs(9)).first_byte_timeout(Duration::from_secs(5));
        ConnectionContext::new(Arc::new(config), Arc::new(Stop::new()), Connection::default())
    }

    fn seconds(deadline: Option<Instant>, start: Instant) -> Option<u64> {
        deadline.map(|at| at.duration_since(start).as_secs())
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_wait_has_a_deadline_of_its_own() {
        let (context, start) = (context(), Instant::now());
        assert_eq!(seconds(IdleWait::default().deadline(&context, false), start), Some(5));
        let mut wait = IdleWait::default();
        assert_eq!(seconds(wait.deadline(&context, true), start), Some(9));
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(seconds(wait.deadline(&context, true), start), Some(9));
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_was_served_and_has_waited_gives_way() {
        let context = context();
        let (mut new, mut served) = (IdleWait::default(), IdleWait::default());
        context.stop.make_room(1);
        assert!(new.deadline(&context, false).is_some() && served.deadline(&context, true).is_some());
        tokio::time::advance(IDLE).await;
        assert!(new.deadline(&context, false).is_some());
        assert!(served.deadline(&context, true).is_none());
        let mut other = IdleWait::default();
        other.since();
        tokio::time::advance(IDLE).await;
        assert!(other.deadline(&context, true).is_some(), "there is room already");
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_closes_idle_connections_and_gives_new_ones_a_second() {
        let context = context();
        let (mut new, mut served) = (IdleWait::default(), IdleWait::default());
        for level in [Level::Running, Level::Draining] {
            context.stop.raise(level);
            assert!(served.deadline(&context, true).is_some());
        }
        tokio::time::advance(Duration::from_secs(1)).await;
        context.stop.raise(Level::Graceful);
        let stopped = Instant::now();
        assert!(served.deadline(&context, true).is_none());
        assert_eq!(seconds(new.deadline(&context, false), stopped), Some(1));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(seconds(new.deadline(&context, false), stopped), Some(1));
    }
}
