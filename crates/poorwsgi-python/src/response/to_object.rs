//! Conversion of a response of the engine to the object that a hook gets.

use std::mem;
use std::sync::Mutex;

use poorwsgi_core::response::{self, BodyKind};
use pyo3::prelude::*;

use super::base::{BaseResponse, ResponseData};
use super::classes::{
    Declined, FileObjResponse, FileResponse, GeneratorResponse, JSONResponse, NoContentResponse, Response,
};
use crate::headers::Headers;

/// The response object for a response of the engine, such as a built-in page or a file.
pub(super) fn from_engine(py: Python<'_>, made: response::Response) -> PyResult<Bound<'_, BaseResponse>> {
    if made.is_declined() {
        return Ok(Bound::new(py, Declined::blank())?.into_any().cast_into()?);
    }
    let mut made = made;
    let mut base = BaseResponse::blank();
    base.status = made.status();
    base.content_type = made.content_type().map(str::to_owned);
    base.headers = Some(Py::new(py, Headers::from_engine(mem::take(made.headers_mut())))?);
    if *made.ranges() != response::Ranges::Refused {
        base.units = Some("bytes".to_owned());
    }
    let object = match BodyKind::from_body(made.into_body()) {
        BodyKind::Bytes(data) if data.is_empty() && base.content_type.is_none() => {
            let class = PyClassInitializer::from(base).add_subclass(NoContentResponse);
            Bound::new(py, class)?.into_any()
        }
        BodyKind::Bytes(data) => {
            base.payload = ResponseData::Data(data);
            let response = |base| PyClassInitializer::from(base).add_subclass(Response);
            if base.content_type.as_deref().is_some_and(response::is_json) {
                let made = Bound::new(py, response(base).add_subclass(JSONResponse))?;
                return Ok(made.into_any().cast_into()?);
            }
            Bound::new(py, PyClassInitializer::from(base).add_subclass(Response))?.into_any()
        }
        BodyKind::File(range) => {
            base.payload = ResponseData::FileRange(range);
            let class =
                PyClassInitializer::from(base).add_subclass(FileObjResponse).add_subclass(FileResponse);
            Bound::new(py, class)?.into_any()
        }
        kind => {
            base.payload = ResponseData::Engine(Mutex::new(kind.into()));
            Bound::new(py, PyClassInitializer::from(base).add_subclass(GeneratorResponse))?.into_any()
        }
    };
    Ok(object.cast_into()?)
}
