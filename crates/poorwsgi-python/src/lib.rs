//! The Python door: Python types around the engine. Nothing here knows what an HTTP message means.

mod application;
mod environ;
mod error;
mod language;
mod request;
mod response;
mod serve;

use pyo3::prelude::*;

#[pymodule]
mod _poorwsgi {
    #[pymodule_export]
    use super::application::Application;
    #[pymodule_export]
    use super::error::HTTPException;
    #[pymodule_export]
    use super::request::Request;
    #[pymodule_export]
    use super::response::{Response, make_response};
    #[pymodule_export]
    use super::serve::run;
}
