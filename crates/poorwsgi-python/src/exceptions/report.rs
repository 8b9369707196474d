//! Reports of exceptions for the log.

use poorwsgi_core::results::{Cause, ErrorReport};
use pyo3::prelude::*;

/// The report of an exception, with its traceback.
pub(crate) fn report(py: Python<'_>, exception: &PyErr) -> ErrorReport {
    let kind = exception.get_type(py).name().map(|name| name.to_string()).ok();
    let cause = Cause { kind, message: text_of(exception.value(py).as_any()), ..Cause::default() };
    let report = ErrorReport { causes: vec![cause], ..ErrorReport::default() };
    report.with_backtrace(traceback(py, exception).unwrap_or_default())
}

/// The traceback of an exception, as Python shows it.
fn traceback(py: Python<'_>, exception: &PyErr) -> PyResult<String> {
    // All three arguments, because the value alone may lack its traceback.
    let parts = (exception.get_type(py), exception.value(py), exception.traceback(py));
    let lines = py.import("traceback")?.call_method1("format_exception", parts)?;
    lines.try_iter()?.map(|line| Ok(line?.str()?.to_string_lossy().into_owned())).collect()
}

/// The text of an object; a substitute if its `__str__` raises.
pub(super) fn text_of(object: &Bound<'_, PyAny>) -> String {
    object.str().map_or_else(
        |_| "the exception has no text: its __str__ failed".to_owned(),
        |text| text.to_string_lossy().into_owned(),
    )
}
