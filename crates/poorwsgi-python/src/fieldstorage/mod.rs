use crate::error::Error;
use bytes::Bytes;
use poorwsgi::request::Head;
use poorwsgi::settings::Settings;
use pyo3::prelude::*;
pub(crate) fn parse<'py>(
    py: Python<'py>,
    _head: &dyn Head,
    _s: &Settings,
    _cb: Option<Bound<'py, PyAny>>,
    _next: impl FnMut() -> Result<Option<Bytes>, Error>,
) -> Result<Bound<'py, PyAny>, Error> {
    Ok(py.None().into_bound(py))
}
