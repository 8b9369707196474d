//! MetricCounts of what a server does, for monitoring.

use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use http::{Method, StatusCode};

use crate::call_report::{CallLane, CallReport, RouteLabel};

/// The number of rules that are told apart; those beyond count as none.
const MOST_ROUTES: usize = 1000;

/// The methods that are told apart; the last one stands for all others.
const METHODS: [&str; 10] =
    ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "other"];

/// The classes of status; the first one stands for requests without a response.
const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// The upper bounds of the buckets of durations, in microseconds.
const DURATIONS: [u64; 13] = [
    1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
    10_000_000,
];

/// The same of the times in the queue.
const QUEUE_TIMES: [u64; 10] =
    [100, 500, 1_000, 5_000, 10_000, 50_000, 100_000, 500_000, 1_000_000, 5_000_000];

/// What a server counts. Clones count together.
///
/// ```
/// use poorwsgi_server::{Config, Metrics};
///
/// let metrics = Metrics::new();
/// let config = Config::new().metrics(metrics.clone());
/// // … and while a server with this configuration runs:
/// let mut text = String::new();
/// metrics.write(&mut text);
/// assert!(text.contains("poorwsgi_connections_total 0\n"));
/// # let _ = config;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<MetricCounts>);

#[derive(Debug, Default)]
struct MetricCounts {
    routes: RwLock<Routes>,
    durations: Histogram<{ DURATIONS.len() }>,
    queue_times: Histogram<{ QUEUE_TIMES.len() }>,
    inline: AtomicU64,
    pool: AtomicU64,
    waiting: AtomicU64,
    connections: AtomicU64,
    connections_ended: AtomicU64,
    requests_begun: AtomicU64,
    requests_ended: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
}

#[derive(Debug)]
struct Routes {
    numbers: HashMap<String, RouteLabel>,
    counts: Vec<(String, RequestCounts)>,
}

impl Default for Routes {
    fn default() -> Self {
        Routes { numbers: HashMap::new(), counts: vec![(String::new(), RequestCounts::default())] }
    }
}

/// The requests by method and class of status.
#[derive(Debug, Default)]
struct RequestCounts([[AtomicU64; CLASSES.len()]; METHODS.len()]);

/// MetricCounts times by buckets.
#[derive(Debug)]
struct Histogram<const N: usize> {
    buckets: [AtomicU64; N],
    over: AtomicU64,
    micros: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        let buckets = std::array::from_fn(|_| AtomicU64::new(0));
        Histogram { buckets, over: AtomicU64::new(0), micros: AtomicU64::new(0) }
    }
}

impl<const N: usize> Histogram<N> {
    fn count(&self, bounds: &[u64; N], time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        let bucket = bounds.iter().zip(&self.buckets).find(|(bound, _)| micros <= **bound);
        add(bucket.map_or(&self.over, |(_, bucket)| bucket), 1);
        add(&self.micros, micros);
    }

    fn write(&self, text: &mut String, bounds: &[u64; N], name: &str) {
        let mut count = 0;
        for (bound, bucket) in bounds.iter().zip(&self.buckets) {
            count += value(bucket);
            let bound = seconds(*bound);
            line(text, format_args!("{name}_bucket{{le=\"{bound}\"}}"), count);
        }
        count += value(&self.over);
        line(text, format_args!("{name}_bucket{{le=\"+Inf\"}}"), count);
        line(text, format_args!("{name}_sum"), seconds(value(&self.micros)));
        line(text, format_args!("{name}_count"), count);
    }
}

/// The counters are read apart from each other, so no order between them matters.
fn add(counter: &AtomicU64, number: u64) {
    counter.fetch_add(number, Ordering::Relaxed);
}

fn value(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

#[allow(clippy::cast_precision_loss, reason = "a sum of microseconds is exact for 285 years")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn line(text: &mut String, name: fmt::Arguments<'_>, value: impl fmt::Display) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{name} {value}");
}

fn method_index(method: &Method) -> usize {
    METHODS.iter().position(|name| *name == method.as_str()).unwrap_or(METHODS.len() - 1)
}

impl Metrics {
    /// MetricCounts from zero.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The label of a rule. Rules after the first 1000 have the label of requests without a rule.
    #[must_use]
    pub fn route(&self, rule: &str) -> RouteLabel {
        let routes = &self.0.routes;
        let known = routes.read().unwrap_or_else(PoisonError::into_inner).numbers.get(rule).copied();
        known.unwrap_or_else(|| {
            let mut routes = routes.write().unwrap_or_else(PoisonError::into_inner);
            let Routes { numbers, counts } = &mut *routes;
            if numbers.len() >= MOST_ROUTES {
                return RouteLabel::default();
            }
            let next = u32::try_from(counts.len()).map(RouteLabel).unwrap_or_default();
            *numbers.entry(rule.to_owned()).or_insert_with(|| {
                counts.push((rule.to_owned(), RequestCounts::default()));
                next
            })
        })
    }

    pub(crate) fn connection_begun(&self) {
        add(&self.0.connections, 1);
    }

    pub(crate) fn connection_ended(&self) {
        add(&self.0.connections_ended, 1);
    }

    pub(crate) fn received(&self, bytes: usize) {
        add(&self.0.received, bytes as u64);
    }

    pub(crate) fn request_begun(&self) {
        add(&self.0.requests_begun, 1);
    }

    /// A head was refused before it was a request.
    pub(crate) fn request_refused(&self, status: StatusCode) {
        self.request_begun();
        let unknown = Method::from_bytes(b"-").unwrap_or_default();
        self.request_ended(&unknown, Some(status), 0, Duration::ZERO, None);
    }

    /// A request has ended.
    pub(crate) fn request_ended(
        &self,
        method: &Method,
        status: Option<StatusCode>,
        sent: u64,
        duration: Duration,
        call: Option<CallReport>,
    ) {
        let counts = &*self.0;
        add(&counts.requests_ended, 1);
        add(&counts.sent, sent);
        counts.durations.count(&DURATIONS, duration);
        let mut route = RouteLabel::default();
        if let Some(call) = call {
            counts.queue_times.count(&QUEUE_TIMES, call.queued);
            add(
                match call.lane {
                    CallLane::Inline => &counts.inline,
                    CallLane::Pool => &counts.pool,
                    CallLane::Waiting => &counts.waiting,
                },
                1,
            );
            route = call.route;
        }
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100));
        let routes = counts.routes.read().unwrap_or_else(PoisonError::into_inner);
        let row = routes.counts.get(route.0 as usize).and_then(|(_, rows)| rows.0.get(method_index(method)));
        if let Some(counter) = row.and_then(|row| row.get(class)) {
            add(counter, 1);
        }
    }

    /// Appends all counts, each on a line as Prometheus reads it: a name with labels, a blank and the value.
    pub fn write(&self, text: &mut String) {
        let counts = &*self.0;
        let routes = counts.routes.read().unwrap_or_else(PoisonError::into_inner);
        for (rule, RequestCounts(methods)) in &routes.counts {
            let rule = rule.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            for (method, classes) in METHODS.iter().zip(methods) {
                for (class, counter) in CLASSES.iter().zip(classes).filter(|(_, counter)| value(counter) > 0)
                {
                    let labels = format_args!("method=\"{method}\",status=\"{class}\",route=\"{rule}\"");
                    line(text, format_args!("poorwsgi_requests_total{{{labels}}}"), value(counter));
                }
            }
        }
        counts.durations.write(text, &DURATIONS, "poorwsgi_request_duration_seconds");
        counts.queue_times.write(text, &QUEUE_TIMES, "poorwsgi_queue_seconds");
        for (lane, counter) in
            [("inline", &counts.inline), ("pool", &counts.pool), ("waiting", &counts.waiting)]
        {
            line(text, format_args!("poorwsgi_calls_total{{lane=\"{lane}\"}}"), value(counter));
        }
        // Read in this order, no difference is below zero.
        let (requests_ended, connections_ended) =
            (value(&counts.requests_ended), value(&counts.connections_ended));
        let active = value(&counts.requests_begun).saturating_sub(requests_ended);
        let open = value(&counts.connections).saturating_sub(connections_ended);
        for (state, number) in [("active", active), ("idle", open.saturating_sub(active))] {
            line(text, format_args!("poorwsgi_connections{{state=\"{state}\"}}"), number);
        }
        line(text, format_args!("poorwsgi_connections_total"), value(&counts.connections));
        line(text, format_args!("poorwsgi_received_bytes_total"), value(&counts.received));
        line(text, format_args!("poorwsgi_sent_bytes_total"), value(&counts.sent));
    }
}

/// MetricCounts a connection as long as it exists.
#[derive(Debug)]
pub(crate) struct CountedConnection(Option<Metrics>);

impl CountedConnection {
    pub(crate) fn begin(metrics: Option<&Metrics>) -> Self {
        metrics.inspect(|metrics| metrics.connection_begun());
        CountedConnection(metrics.cloned())
    }
}

impl Drop for CountedConnection {
    fn drop(&mut self) {
        self.0.iter().for_each(Metrics::connection_ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        let mut text = String::new();
        metrics.write(&mut text);
        text
    }

    fn has(text: &str, expected: &str) -> bool {
        text.lines().any(|line| line == expected)
    }

    #[test]
    fn requests_are_counted_by_method_class_and_route() {
        let metrics = Metrics::new();
        let route = metrics.route("/a/<\"b\">");
        assert_eq!(metrics.route("/a/<\"b\">"), route);
        let call = CallReport { queued: Duration::from_micros(700), lane: CallLane::Pool, route };
        for (method, status, call) in [
            (Method::GET, Some(StatusCode::OK), Some(call)),
            (Method::GET, Some(StatusCode::NO_CONTENT), Some(call)),
            (Method::from_bytes(b"BREW").unwrap(), Some(StatusCode::NOT_FOUND), None),
            (Method::POST, None, None),
        ] {
            metrics.request_begun();
            metrics.request_ended(&method, status, 10, Duration::from_millis(3), call);
        }
        let text = text(&metrics);
        for expected in [
            "poorwsgi_requests_total{method=\"GET\",status=\"2xx\",route=\"/a/<\\\"b\\\">\"} 2",
            "poorwsgi_requests_total{method=\"other\",status=\"4xx\",route=\"\"} 1",
            "poorwsgi_requests_total{method=\"POST\",status=\"none\",route=\"\"} 1",
            "poorwsgi_request_duration_seconds_bucket{le=\"0.0025\"} 0",
            "poorwsgi_request_duration_seconds_bucket{le=\"0.005\"} 4",
            "poorwsgi_request_duration_seconds_bucket{le=\"+Inf\"} 4",
            "poorwsgi_request_duration_seconds_sum 0.012",
            "poorwsgi_queue_seconds_bucket{le=\"0.0005\"} 0",
            "poorwsgi_queue_seconds_bucket{le=\"0.001\"} 2",
            "poorwsgi_queue_seconds_count 2",
            "poorwsgi_calls_total{lane=\"pool\"} 2",
            "poorwsgi_sent_bytes_total 40",
            "poorwsgi_connections{state=\"active\"} 0",
        ] {
            assert!(has(&text, expected), "{expected}\n{text}");
        }
    }

    #[test]
    fn connections_are_active_or_idle() {
        let metrics = Metrics::new();
        let (one, _two) =
            (CountedConnection::begin(Some(&metrics)), CountedConnection::begin(Some(&metrics)));
        metrics.request_begun();
        let now = text(&metrics);
        assert!(has(&now, "poorwsgi_connections{state=\"active\"} 1"), "{now}");
        assert!(has(&now, "poorwsgi_connections{state=\"idle\"} 1"), "{now}");
        metrics.request_ended(&Method::GET, None, 0, Duration::ZERO, None);
        drop(one);
        let now = text(&metrics);
        assert!(has(&now, "poorwsgi_connections{state=\"idle\"} 1"), "{now}");
        assert!(has(&now, "poorwsgi_connections_total 2"), "{now}");
    }

    /// Applications may add routes without an end.
    #[test]
    fn the_number_of_routes_is_limited() {
        let metrics = Metrics::new();
        let labels: Vec<_> = (0..MOST_ROUTES + 1).map(|number| metrics.route(&number.to_string())).collect();
        assert_ne!(labels.get(MOST_ROUTES - 1), Some(&RouteLabel::default()));
        assert_eq!(labels.last(), Some(&RouteLabel::default()));
        assert_eq!(metrics.route("0"), labels[0]);
    }
}
