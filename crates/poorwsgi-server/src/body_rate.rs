//! The minimum rate of a request body.

use std::time::Duration;

use tokio::time::Instant;

/// The grace period of a body before its rate counts, so that a slow start is allowed.
const GRACE: Duration = Duration::from_secs(5);

/// Measures the rate of one request body. Only the time in which the server waits for the client counts: an
/// application that reads slowly does not make its client late.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BodyRate {
    waited: Duration,
    waiting_since: Option<Instant>,
    received: u64,
}

impl BodyRate {
    /// The deadline of the client if nothing more arrives: the end of the longest pause, or the moment at
    /// which its average falls below `rate` bytes a second (0: any rate).
    pub(crate) fn deadline(&mut self, now: Instant, pause: Duration, rate: u64) -> Instant {
        let since = *self.waiting_since.get_or_insert(now);
        if rate == 0 {
            return since + pause;
        }
        let earned = Duration::from_millis(self.received.saturating_mul(1000) / rate);
        since + pause.min((GRACE + earned).saturating_sub(self.waited))
    }

    /// Bytes have arrived.
    pub(crate) fn received(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.waited += since.elapsed();
        }
        self.received = self.received.saturating_add(bytes as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAUSE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_trickle_is_cut_off_by_its_average_rate() {
        let mut rate = BodyRate::default();
        let start = Instant::now();
        let mut bytes = 0;
        loop {
            let deadline = rate.deadline(Instant::now(), PAUSE, 100);
            let next = Instant::now() + Duration::from_secs(1);
            if deadline < next {
                break;
            }
            tokio::time::advance(Duration::from_secs(1)).await;
            rate.received(50);
            bytes += 50;
        }
        // 5 s of grace and half a second earned by each second: enough for 9 seconds, not for 10
        assert_eq!((start.elapsed().as_secs(), bytes), (9, 450));
    }

    #[tokio::test(start_paused = true)]
    async fn much_sent_does_not_buy_a_long_pause() {
        let mut rate = BodyRate::default();
        rate.received(1 << 30);
        let now = Instant::now();
        assert_eq!(rate.deadline(now, PAUSE, 100) - now, PAUSE);
        assert_eq!(rate.deadline(now, PAUSE, 0) - now, PAUSE);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_reads_does_not_count() {
        let mut rate = BodyRate::default();
        rate.received(10);
        tokio::time::advance(Duration::from_secs(600)).await;
        let now = Instant::now();
        assert_eq!(rate.deadline(now, PAUSE, 10) - now, Duration::from_secs(6));
    }
}
