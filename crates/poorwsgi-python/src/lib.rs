//! The Python door, which is the interface through which applications in Python use the engine: Python types
//! around the engine's. This crate decides nothing about the meaning of HTTP messages; `poorwsgi_core` does.
//!
//! A request arrives through `wsgi` (PEP 3333, from any WSGI server) or through `server` (our own). Both pass
//! it to the engine's one pipeline; `language` tells the pipeline how to call Python handlers.
#![forbid(unsafe_code)]

mod application;
mod args;
mod clock;
mod closing;
mod config;
mod cookies;
mod digest;
mod environ;
mod exceptions;
mod fieldstorage;
mod forked;
mod headers;
mod input;
mod json;
mod json_text;
mod language;
mod log;
mod names;
mod octets;
mod request;
mod response;
mod results;
mod server;
mod session;
mod setting;
mod state;
mod testing;
mod wsgi;

#[pyo3::pymodule]
mod _poorwsgi {
    use poorwsgi_core::response::{FIELDS_OF_CONTENT, FIELDS_OF_NOT_MODIFIED};
    use pyo3::prelude::*;
    use pyo3::types::PyFrozenSet;

    #[pymodule_export]
    use super::application::{_check_function, Application, FormLimits};
    #[pymodule_export]
    use super::args::parse_args;
    #[pymodule_export]
    use super::clock::_shift_clock;
    #[pymodule_export]
    use super::config::_check_settings;
    #[pymodule_export]
    use super::digest::{
        _check_login, _digest_command, _read_passwords, _write_passwords, check_credentials, check_response,
    };
    #[pymodule_export]
    use super::environ::{_set_multiprocess, FileWrapper};
    #[pymodule_export]
    use super::exceptions::{_convert, _missing, HTTPException, ResponseError};
    #[pymodule_export]
    use super::fieldstorage::{FieldStorage, FieldStorageInterface, FieldStorageParser, valid_boundary};
    #[pymodule_export]
    use super::forked::{_forked, _forks, _has_forked};
    #[pymodule_export]
    use super::headers::{
        _parseparam, ContentRange, Headers, datetime_to_http, http_to_datetime, http_to_time, parse_header,
        parse_negotiation, parse_range, render_negotiation, time_to_http,
    };
    #[pymodule_export]
    use super::input::{CachedInput, Input};
    #[pymodule_export]
    use super::json::{_charset, parse_json_request};
    #[pymodule_export]
    use super::log::_request_id;
    #[pymodule_export]
    use super::request::{Request, SimpleRequest};
    #[pymodule_export]
    use super::response::{abort, make_response, redirect, to_response};
    #[pymodule_export]
    use super::results::{
        _routes, bad_request, debug_info, directory_index, forbidden, handlers_view, hbytes, html_escape,
        human_methods_, internal_server_error, method_not_allowed, not_found, not_implemented, not_modified,
        unauthorized,
    };
    #[pymodule_export]
    use super::server::{
        _call_within, _check_address, _end_after_parent, _end_servers, _raise_descriptor_limit,
        ListeningSocket, Server,
    };
    #[pymodule_export]
    use super::session::{
        AESSession, NoCompress, PoorSession, Session, SessionError, check_token, get_token,
    };
    #[pymodule_export]
    use super::testing::{_may_have_content, _redirected};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::log::to_python();
        super::state::add_constants(module)?;
        super::response::add_classes(module)?;
        let py = module.py();
        module.add("SETTINGS", super::config::rows(py)?)?;
        module.add("HTML_ESCAPE_TABLE", super::results::escape_table(py)?)?;
        module.add("NOT_MODIFIED_DENY", PyFrozenSet::new(py, FIELDS_OF_CONTENT)?)?;
        module.add("NOT_MODIFIED_ONE_OF_REQUIRED", PyFrozenSet::new(py, FIELDS_OF_NOT_MODIFIED)?)
    }
}
