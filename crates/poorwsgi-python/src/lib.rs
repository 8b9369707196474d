//! The Python door: Python types around the engine. Nothing here knows what an HTTP message means.
//!
//! A request comes in by `wsgi` (PEP 3333) or natively from our own `server`; both send it through the one pipeline
//! of the engine, to which `language` explains what a Python handler is.
#![forbid(unsafe_code)]

mod application;
mod environ;
mod error;
mod headers;
mod language;
mod log;
mod request;
mod response;
mod server;
mod wsgi;

#[pyo3::pymodule]
mod _poorwsgi {
    use poorwsgi::state;
    use pyo3::prelude::*;

    #[pymodule_export]
    use super::application::Application;
    #[pymodule_export]
    use super::error::{HTTPException, abort};
    #[pymodule_export]
    use super::headers::{
        _parseparam, ContentRange, Headers, datetime_to_http, http_to_datetime, http_to_time, parse_header,
        parse_negotiation, parse_range, render_negotiation, time_to_http,
    };
    #[pymodule_export]
    use super::request::Request;
    #[pymodule_export]
    use super::response::{Response, make_response};
    #[pymodule_export]
    use super::server::Server;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::log::to_python();
        for method in state::Method::ALL {
            module.add(format!("METHOD_{method}"), state::MethodSet::from(*method).bits())?;
        }
        module.add("METHOD_GET_POST", state::METHOD_GET_POST.bits())?;
        module.add("METHOD_ALL", state::METHOD_ALL.bits())
    }
}
