//! Parsing and formatting of header values: parameters, choices, ranges and dates.

use poorwsgi_core::headers::{RangeSpec, date, negotiation, parameters, range};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDateTime, PyDict, PyInt, PyIterator, PyList, PyString, PyTzInfo};

/// Splits the parameters of a header value, ";a=b; c=d", at the semicolons outside of quoted strings.
///
/// Returns an iterator of str without surrounding spaces. It is empty if the text does not begin with a
/// semicolon.
#[pyfunction]
pub(crate) fn _parseparam<'py>(py: Python<'py>, s: &str) -> PyResult<Bound<'py, PyIterator>> {
    let pieces =
        s.strip_prefix(';').into_iter().flat_map(|list| parameters::split_quoted(list, b';')).map(str::trim);
    PyList::new(py, pieces.collect::<Vec<_>>())?.try_iter()
}

/// Splits a header value into the value and a dict of its parameters.
///
///     >>> parse_header("text/html; charset=latin-1")
///     ('text/html', {'charset': 'latin-1'})
///
/// Names are returned in lower case, and values without their quotes; a parameter without "=" is left out.
#[pyfunction]
pub(crate) fn parse_header<'py>(py: Python<'py>, line: &'py str) -> PyResult<(&'py str, Bound<'py, PyDict>)> {
    let (value, parameters) = parameters::parse_header(line);
    let options = PyDict::new(py);
    for (name, value) in parameters.iter() {
        options.set_item(name, value)?;
    }
    Ok((value, options))
}

/// Parses an Accept header or a similar one: returns its choices in order, as a list of (choice, quality).
///
///     >>> parse_negotiation("gzip, identity;q=0.5, *;q=0")
///     [('gzip', 1.0), ('identity', 0.5), ('*', 0.0)]
///
/// The quality is a float from 0 to 1; it is 1 if none is given or it is no number.
#[pyfunction]
pub(crate) fn parse_negotiation(value: &str) -> Vec<(&str, f64)> {
    negotiation::parse_negotiation(value)
}

/// Formats a list of (choice, quality), or (choice,), as a header value.
///
///     >>> render_negotiation([("gzip", 1.0), ("*", 0)])
///     'gzip;q=1.0, *;q=0'
#[pyfunction]
pub(crate) fn render_negotiation(negotation: &Bound<'_, PyAny>) -> PyResult<String> {
    let choices: Vec<_> =
        negotation.try_iter()?.map(|choice| read_choice(&choice?)).collect::<PyResult<_>>()?;
    Ok(negotiation::render_negotiation(choices))
}

fn read_choice(choice: &Bound<'_, PyAny>) -> PyResult<(PyBackedStr, Option<PyBackedStr>)> {
    if choice.is_instance_of::<PyString>() {
        return Ok((choice.extract()?, None));
    }
    let parts: Vec<Bound<'_, PyAny>> = choice.try_iter()?.collect::<PyResult<_>>()?;
    let text = |part: &Bound<'_, PyAny>| PyBackedStr::try_from(part.str()?);
    match parts.as_slice() {
        [name] => Ok((text(name)?, None)),
        [name, quality] => Ok((text(name)?, Some(text(quality)?))),
        _ => {
            let shown = choice.repr()?;
            Err(PyValueError::new_err(format!(
                "{shown} is not a choice; expected (name, quality) or (name,)"
            )))
        }
    }
}

/// Parses a Range header: returns a dict of the unit to a list of (first, last). A missing number is None.
///
///     >>> parse_range("bytes=0-499, 9500-, -500")
///     {'bytes': [(0, 499), (9500, None), (None, 500)]}
///
/// Invalid ranges are left out; a value without the syntax of a Range gives an empty dict.
#[pyfunction]
pub(crate) fn parse_range<'py>(py: Python<'py>, value: &str) -> PyResult<Bound<'py, PyDict>> {
    let ranges = PyDict::new(py);
    if let Some((unit, specs)) = range::parse_range(value) {
        ranges.set_item(unit, specs.into_iter().map(pair).collect::<Vec<_>>())?;
    }
    Ok(ranges)
}

const fn pair(spec: RangeSpec) -> (Option<u64>, Option<u64>) {
    match spec {
        RangeSpec::FromTo(first, last) => (Some(first), Some(last)),
        RangeSpec::From(first) => (Some(first), None),
        RangeSpec::Last(count) => (None, Some(count)),
    }
}

/// Formats a datetime as an HTTP date.
///
/// A datetime without a time zone is taken as UTC; one with a time zone is converted.
///
///     >>> datetime_to_http(datetime(1970, 1, 1))
///     'Thu, 01 Jan 1970 00:00:00 GMT'
#[pyfunction]
pub(crate) fn datetime_to_http(value: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = value.py();
    // A date, which has only `timetuple`, means midnight.
    let utc = if value.is_instance_of::<PyDateTime>() { "utctimetuple" } else { "timetuple" };
    let seconds = py.import("calendar")?.call_method1("timegm", (value.call_method0(utc)?,))?;
    http_date(seconds.extract()?)
}

/// Formats a time, in seconds since 1970, as an HTTP date. The default is the current time.
///
///     >>> time_to_http(0)
///     'Thu, 01 Jan 1970 00:00:00 GMT'
///
/// A fraction of a second is cut off. Raises ValueError for a time that is not in the years 1 to 9999.
#[pyfunction]
#[pyo3(signature = (value = None))]
pub(crate) fn time_to_http(value: Option<&Bound<'_, PyAny>>) -> PyResult<String> {
    let Some(value) = value else {
        return date::system_time_to_http(std::time::SystemTime::now()).ok_or_else(|| {
            PyValueError::new_err("the system clock is beyond the year 9999, and no HTTP date is")
        });
    };
    let whole = match value.cast::<PyInt>() {
        Ok(whole) => whole.clone(),
        Err(_) => value.py().get_type::<PyInt>().call1((value,))?.cast_into()?,
    };
    http_date(whole.extract()?)
}

fn http_date(seconds: i64) -> PyResult<String> {
    date::time_to_http(seconds).ok_or_else(|| {
        PyValueError::new_err(format!(
            "{seconds} seconds since 1970 have no HTTP date; expected a time in the years 1 to 9999"
        ))
    })
}

/// Parses an HTTP date, in any of the three formats of RFC 9110, section 5.6.7, as a datetime in UTC. Raises
/// ValueError for any other text.
///
///     >>> http_to_datetime("Thu, 01 Jan 1970 00:00:00 GMT")
///     datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc)
#[pyfunction]
pub(crate) fn http_to_datetime<'py>(py: Python<'py>, value: &str) -> PyResult<Bound<'py, PyDateTime>> {
    // Exact: the seconds of the years 1 to 9999 are far below 2**53.
    #[expect(clippy::cast_precision_loss)]
    let seconds = http_to_time(value)? as f64;
    PyDateTime::from_timestamp(py, seconds, Some(&*PyTzInfo::utc(py)?))
}

/// Parses an HTTP date, in any of the three formats of RFC 9110, section 5.6.7, as seconds since 1970. Raises
/// ValueError for any other text.
///
///     >>> http_to_time("Thu, 01 Jan 1970 00:00:00 GMT")
///     0
#[pyfunction]
pub(crate) fn http_to_time(value: &str) -> PyResult<i64> {
    date::http_to_time(value).ok_or_else(|| PyValueError::new_err(format!("{value:?} is not an HTTP date")))
}
