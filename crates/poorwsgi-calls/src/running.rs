//! Counts the running calls, so that a shutdown can wait for them: a thread inside foreign code can neither
//! be killed nor outlive what the code needs, such as the runtime of a language.

use std::sync::Arc;

use tokio::sync::Notify;

use crate::counts::Counts;

/// Counts calls from their beginning until everything that they leave behind has ended. Clones share the
/// count.
#[derive(Clone, Debug, Default)]
pub struct Running(Arc<CountedCalls>);

#[derive(Debug)]
struct CountedCalls {
    counts: Counts,
    none: Notify,
}

impl Default for CountedCalls {
    fn default() -> Self {
        CountedCalls { counts: Counts::new(), none: Notify::new() }
    }
}

impl Running {
    /// Counts one more call.
    pub fn begin(&self) {
        self.0.counts.begin();
    }

    /// Counts the end of a call.
    pub fn end(&self) {
        if self.0.counts.end() {
            self.0.none.notify_waiters();
        }
    }

    /// How many calls have begun so far.
    #[must_use]
    pub fn all(&self) -> u64 {
        self.0.counts.begun()
    }

    /// Whether any call runs.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.0.counts.is_any()
    }

    /// Waits until no call runs.
    pub async fn none(&self) {
        loop {
            let none = self.0.none.notified();
            if !self.is_any() {
                return;
            }
            none.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::Future;
    use std::pin::pin;
    use std::task::{Context, Waker};

    use super::Running;

    #[test]
    fn those_that_have_ended_are_counted_and_do_not_run() {
        let running = Running::default();
        assert_eq!((running.all(), running.is_any()), (0, false));
        running.begin();
        running.clone().begin();
        running.end();
        assert_eq!((running.all(), running.is_any()), (2, true));
        running.end();
        assert_eq!((running.all(), running.is_any()), (2, false));
    }

    #[test]
    fn the_last_one_wakes_who_waits_for_none() {
        let running = Running::default();
        let mut none = pin!(running.none());
        let mut is_none = || none.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        running.begin();
        running.begin();
        assert!(!is_none());
        running.end();
        assert!(!is_none());
        running.end();
        assert!(is_none());
    }

    #[tokio::test]
    async fn one_that_begins_meanwhile_is_waited_for() {
        let running = Running::default();
        running.begin();
        let waiting = tokio::spawn({
            let running = running.clone();
            async move {
                running.none().await;
                running.all()
            }
        });
        tokio::task::yield_now().await;
        // Woken by the end of the first, it finds the second.
        running.end();
        running.begin();
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        running.end();
        assert_eq!(waiting.await.ok(), Some(2));
    }
}
