//! One timer for all deadlines of a connection.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use tokio::task::coop::unconstrained;
use tokio::time::{Instant, Sleep, sleep_until};

/// A timer that is reset only if it has to fire earlier than it is set for.
///
/// Deadlines change with each request and nearly always to a later time, and setting a timer takes a lock. So
/// the timer may fire too early now and then, and is then set for the current deadline.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    timer: Option<Pin<Box<Sleep>>>,
    /// Whether the timer has the waker of its task.
    asked: bool,
}

impl Deadline {
    /// Whether `at` has passed; otherwise the task is woken when it does, or earlier.
    pub(crate) fn poll_passed(&mut self, at: Instant, cx: &mut Context<'_>) -> bool {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
        if timer.deadline() > at {
            timer.as_mut().reset(at);
        } else if self.asked && !timer.is_elapsed() {
            // A task keeps its waker, so the timer knows it.
            return false;
        }
        self.asked = true;
        loop {
            // A timer that is polled when the task has used up its budget would wake the task at once,
            // without storing its waker.
            match pin!(unconstrained(timer.as_mut())).poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(()) if Instant::now() >= at => return true,
                Poll::Ready(()) => timer.as_mut().reset(at),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::time::Duration;

    use tokio::task::coop::has_budget_remaining;

    use super::*;

    async fn passed(deadline: &mut Deadline, at: Instant) {
        poll_fn(|cx| if deadline.poll_passed(at, cx) { Poll::Ready(()) } else { Poll::Pending }).await;
    }

    /// A connection that streams many small blocks uses up its budget (tokio's cooperative scheduling) before
    /// it checks its deadline.
    #[tokio::test(start_paused = true)]
    async fn a_deadline_that_is_set_at_the_end_of_a_turn_rings() {
        let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
        let mut deadline = Deadline::default();
        let at = Instant::now() + Duration::from_secs(10);
        let used_up = poll_fn(|cx| {
            while has_budget_remaining() {
                sender.send(()).unwrap();
                let _ = receiver.poll_recv(cx);
            }
            assert!(!deadline.poll_passed(at, cx));
            Poll::Ready(())
        });
        used_up.await;
        tokio::time::timeout(Duration::from_secs(60), passed(&mut deadline, at)).await.unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_may_move_both_ways() {
        let mut deadline = Deadline::default();
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        poll_fn(|cx| {
            assert!(!deadline.poll_passed(at(75), cx));
            assert!(!deadline.poll_passed(at(10), cx));
            Poll::Ready(())
        })
        .await;
        passed(&mut deadline, at(20)).await;
        assert_eq!(start.elapsed().as_secs(), 20);
        passed(&mut deadline, at(21)).await;
        assert_eq!(start.elapsed().as_secs(), 21);
    }
}
