//! The `Date` of responses (RFC 9110, section 6.6.1).
//!
//! hyper adds its own date, which costs the least. But hyper caches it until the system's clock has passed
//! it: after the clock was set back, the date would stand still until the clock has caught up. So we watch
//! the clock, and while it shows an earlier time than before, responses get our own date, whose age is
//! measured with a monotonic clock. The few responses that hyper itself makes keep hyper's date.

use std::cell::RefCell;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderValue, header};

thread_local! {
    static DATE: RefCell<CachedDate> = const { RefCell::new(CachedDate { made: None }) };
}

/// One for the whole process, as hyper's date is.
static CLOCK: WatchedClock = WatchedClock::new();

/// Reads the system's clock: for each connection, and once a second while requests arrive on it.
pub(crate) fn look_at_clock() {
    CLOCK.shows(SystemTime::now());
}

/// Whether responses need our own date.
pub(crate) fn is_set_back() -> bool {
    CLOCK.set_back.load(Ordering::Relaxed)
}

/// The latest time that the system's clock has shown.
struct WatchedClock {
    latest: AtomicU64,
    set_back: AtomicBool,
}

impl WatchedClock {
    const fn new() -> Self {
        WatchedClock { latest: AtomicU64::new(0), set_back: AtomicBool::new(false) }
    }

    fn shows(&self, time: SystemTime) {
        let now = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let latest = self.latest.fetch_max(now, Ordering::Relaxed);
        self.set_back.store(now < latest, Ordering::Relaxed);
    }
}

/// Puts our own date into the head of a response.
#[cold]
pub(crate) fn put(headers: &mut HeaderMap) {
    headers.insert(header::DATE, now());
}

/// The current date. Each thread formats it once a second.
pub(crate) fn now() -> HeaderValue {
    DATE.with_borrow_mut(|date| date.at(Instant::now(), SystemTime::now))
}

/// A date, and until when it is valid.
struct CachedDate {
    made: Option<(HeaderValue, Instant)>,
}

impl CachedDate {
    /// The date at the time `now` of the monotonic clock. The system's clock is read once a second.
    fn at(&mut self, now: Instant, system: impl FnOnce() -> SystemTime) -> HeaderValue {
        if let Some((date, until)) = &self.made
            && now < *until
        {
            return date.clone();
        }
        let system = system();
        let date = format(system);
        self.made = Some((date.clone(), now + rest_of_second(system)));
        date
    }
}

fn rest_of_second(time: SystemTime) -> Duration {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    Duration::from_secs(1).saturating_sub(Duration::from_nanos(since.subsec_nanos().into()))
}

/// `IMF-fixdate`, which there is for the years 1970 to 9999; a clock beyond them shows the nearest one.
fn format(time: SystemTime) -> HeaderValue {
    const LAST: Duration = Duration::from_secs(253_402_300_799);
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default().min(LAST);
    let text = httpdate::fmt_http_date(UNIX_EPOCH + since);
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http::{Request, Response};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;

    use super::*;
    use crate::{RequestBody, Server};

    /// A clock that shows this number of milliseconds since the year 1970 began.
    fn clock(milliseconds: u64) -> impl FnOnce() -> SystemTime {
        move || UNIX_EPOCH + Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_clock_is_set_back_until_it_has_caught_up() {
        let watched = WatchedClock::new();
        for (milliseconds, expected) in [
            (9_000, false),
            (9_900, false),
            (5_000, true),
            (8_999, true),
            (9_000, false),
            (9_999, false),
            (0, true),
        ] {
            watched.shows(clock(milliseconds)());
            assert_eq!(watched.set_back.load(Ordering::Relaxed), expected, "{milliseconds}");
        }
    }

    /// For the other tests of this process it is set back as well, which they do not notice.
    #[tokio::test]
    async fn responses_have_one_date_when_the_clock_is_set_back() {
        let hello = tower::service_fn(async |_: Request<RequestBody>| {
            Ok::<_, Infallible>(Response::new("Hello world".to_owned()))
        });
        let bound = Server::new(hello).bind("127.0.0.1:0").await.unwrap();
        let address = bound.local_addr().unwrap();
        tokio::spawn(bound.serve());
        CLOCK.shows(SystemTime::now() + Duration::from_secs(3600));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(is_set_back());
        let dates: Vec<_> = answer.lines().filter_map(|line| line.strip_prefix("Date: ")).collect();
        assert_eq!(dates.len(), 1, "{answer}");
        let age = SystemTime::now().duration_since(httpdate::parse_http_date(dates[0]).unwrap()).unwrap();
        assert!(age < Duration::from_secs(10), "{answer}");
    }

    #[test]
    fn the_date_goes_on_when_the_clock_is_set_back() {
        let (mut date, start) = (CachedDate { made: None }, Instant::now());
        let mut at = |passed, shown| date.at(start + Duration::from_millis(passed), clock(shown));
        assert_eq!(at(0, 3_600_400), "Thu, 01 Jan 1970 01:00:00 GMT");
        assert_eq!(at(599, 999), "Thu, 01 Jan 1970 01:00:00 GMT", "not asked before the second is over");
        assert_eq!(at(600, 7_000), "Thu, 01 Jan 1970 00:00:07 GMT");
        assert_eq!(at(1_599, 7_999), "Thu, 01 Jan 1970 00:00:07 GMT");
        assert_eq!(at(1_600, 8_000), "Thu, 01 Jan 1970 00:00:08 GMT");
        assert_eq!(at(9_000, 90_000_000), "Fri, 02 Jan 1970 01:00:00 GMT", "set forward");
    }

    #[test]
    fn a_date_is_not_made_anew_within_its_second() {
        let (mut date, start) = (CachedDate { made: None }, Instant::now());
        let first = date.at(start, clock(0));
        let again = date.at(start + Duration::from_millis(999), || unreachable!("the clock is asked"));
        assert_eq!(first.as_bytes().as_ptr(), again.as_bytes().as_ptr());
    }

    #[test]
    fn a_clock_beyond_the_years_of_a_date_hurts_nobody() {
        let long = Duration::from_secs(1 << 40);
        assert_eq!(format(UNIX_EPOCH + long), "Fri, 31 Dec 9999 23:59:59 GMT");
        assert_eq!(format(UNIX_EPOCH - long), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(rest_of_second(UNIX_EPOCH - long), Duration::from_secs(1));
    }
}
