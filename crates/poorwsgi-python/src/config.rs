//! The settings of the built-in server, as keyword arguments.

use std::time::Duration;

use http::HeaderValue;
use poorwsgi_server::Config;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// How a value of Python becomes one of the server's.
type Set = fn(Config, &Bound<'_, PyAny>) -> PyResult<Config>;

macro_rules! settings {
    ($($name:ident: $read:expr;)*) => {
        const SETTINGS: &[(&str, Set)] = &[$((stringify!($name), |config, value| Ok(config.$name($read(value)?)))),*];
    };
}

settings! {
    max_head: count;
    max_request_line: count;
    max_fields: count;
    first_byte_timeout: seconds;
    head_timeout: seconds;
    idle_timeout: seconds;
    body_timeout: seconds;
    min_body_rate: number;
    write_timeout: seconds;
    stop_timeout: seconds;
    max_body: number;
    max_connections: small;
    queue: count;
    backlog: small;
    unix_mode: small;
    trusted_proxies: networks;
    trust_unix_peers: truth;
    server_header: header;
}

/// How long requests may go on after a stop.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// The configuration that these settings make, and how long requests may go on after a stop.
///
/// # Errors
/// TypeError for a setting that there is not, ValueError for a value that cannot be.
pub(crate) fn config(settings: Option<&Bound<'_, PyDict>>) -> PyResult<(Config, Duration)> {
    let mut config = Config::new().stop_timeout(STOP_TIMEOUT);
    let mut stop_timeout = STOP_TIMEOUT;
    for (name, value) in settings.into_iter().flatten() {
        let name: String = name.extract()?;
        let Some((_, set)) = SETTINGS.iter().find(|(known, _)| *known == name) else {
            let known: Vec<_> = SETTINGS.iter().map(|(known, _)| *known).collect();
            return Err(PyTypeError::new_err(format!(
                "there is no setting {name:?}; known: {}",
                known.join(", ")
            )));
        };
        config = set(config, &value).map_err(|error| {
            let reason = error.value(value.py()).to_string();
            PyValueError::new_err(format!("{name}: {reason}"))
        })?;
        if name == "stop_timeout" {
            stop_timeout = seconds(&value)?;
        }
    }
    Ok((config, stop_timeout))
}

fn number(value: &Bound<'_, PyAny>) -> PyResult<u64> {
    value.extract()
}

fn count(value: &Bound<'_, PyAny>) -> PyResult<usize> {
    value.extract()
}

fn small(value: &Bound<'_, PyAny>) -> PyResult<u32> {
    value.extract()
}

fn truth(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    value.is_truthy()
}

fn seconds(value: &Bound<'_, PyAny>) -> PyResult<Duration> {
    Duration::try_from_secs_f64(value.extract()?).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn networks(value: &Bound<'_, PyAny>) -> PyResult<Vec<ipnet::IpNet>> {
    let network = |text: String| {
        let parsed = text.parse().or_else(|_| text.parse::<std::net::IpAddr>().map(ipnet::IpNet::from));
        parsed.map_err(|_| PyValueError::new_err(format!("{text:?} is no network, such as \"10.0.0.0/8\"")))
    };
    value.try_iter()?.map(|item| network(item?.extract()?)).collect()
}

fn header(value: &Bound<'_, PyAny>) -> PyResult<Option<HeaderValue>> {
    let text: Option<String> = value.extract()?;
    let parsed = text.map(HeaderValue::try_from).transpose();
    parsed.map_err(|error| PyValueError::new_err(error.to_string()))
}
