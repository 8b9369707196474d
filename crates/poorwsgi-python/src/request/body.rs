//! The body of a request. It is read before the handler is called if it is small or is parsed automatically
//! (form, JSON); otherwise the handler reads it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt;
use poorwsgi_core::HttpError;
use poorwsgi_core::dispatch::{BodyPlan, is_data};
use poorwsgi_core::request::body_error;
use poorwsgi_core::response::Body;
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::HTTP_INTERNAL_SERVER_ERROR;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::exceptions::{Error, HTTPException};

/// A body, and how much of it is read.
pub(super) struct Unread(Mutex<BodyReading>);

enum BodyReading {
    /// Not read yet.
    Fresh(Body),
    /// Read as planned. The rest, if any, is for later readers.
    Loaded(Body),
    /// Reading as planned failed, with this status and reason.
    Failed(u16, String),
}

impl Unread {
    pub(super) const fn new(body: Body) -> Self {
        Unread(Mutex::new(BodyReading::Fresh(body)))
    }

    /// Takes the body in order to read it as planned; `None` if that was done already.
    ///
    /// # Errors
    /// The error of an earlier failure to read it, so that a second access does not yield an empty form.
    pub(super) fn take_fresh(&self) -> Result<Option<Body>, HttpError> {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *reading, BodyReading::Loaded(Body::empty())) {
            BodyReading::Fresh(body) => Ok(Some(body)),
            loaded @ BodyReading::Loaded(_) => {
                *reading = loaded;
                Ok(None)
            }
            BodyReading::Failed(status, reason) => {
                let error = HttpError::new(status).with_detail(reason.clone());
                *reading = BodyReading::Failed(status, reason);
                Err(error)
            }
        }
    }

    /// Stores why the body could not be read. Of an exception only the text is stored, because the exception
    /// may refer to the request, which would be a reference cycle.
    pub(super) fn fail(&self, py: Python<'_>, error: &Error) {
        let failed = match error {
            Error::Http(error) => {
                BodyReading::Failed(error.status(), error.detail().unwrap_or_default().to_owned())
            }
            Error::Python(error) => match http_arguments(error.value(py)) {
                Some((status, kwargs)) => {
                    let reason = kwargs.get_item("error").ok().flatten();
                    BodyReading::Failed(status, reason.map_or_else(String::new, |reason| reason.to_string()))
                }
                None => {
                    let reason = format!("the body could not be read before: {}", error.value(py));
                    BodyReading::Failed(HTTP_INTERNAL_SERVER_ERROR, reason)
                }
            },
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = failed;
    }

    /// Puts back the rest of the body after reading as planned.
    pub(super) fn leave(&self, body: Body) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = BodyReading::Loaded(body);
    }

    /// Takes the rest of the body.
    pub(super) fn take(&self) -> Body {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *reading, BodyReading::Loaded(Body::empty())) {
            BodyReading::Fresh(body) | BodyReading::Loaded(body) => body,
            BodyReading::Failed(..) => Body::empty(),
        }
    }
}

/// The arguments of an HTTPException: status and keyword arguments.
fn http_arguments<'py>(error: &Bound<'py, PyBaseException>) -> Option<(u16, Bound<'py, PyDict>)> {
    error.cast::<HTTPException>().ok()?.getattr("args").ok()?.extract().ok()
}

/// A body after it was read as planned.
pub(super) enum Loaded {
    Left(Body),
    Data(Bytes),
    Json(Bytes),
    Form(Bytes),
    /// A form that is too large to be kept in memory: it is parsed while it is read.
    FormStream(Body),
}

/// Reads a body as planned. Releases the GIL meanwhile, unless the whole body is in memory.
pub(super) fn load(
    py: Python<'_>,
    plan: BodyPlan,
    length: Option<u64>,
    settings: &Settings,
    body: Body,
) -> Result<Loaded, Error> {
    let read = |body: Body| {
        let is_there = body.as_bytes().is_some();
        let read = || pollster::block_on(plan.read(body, settings));
        if is_there { read() } else { py.detach(read) }.map_err(Error::of_body)
    };
    Ok(match plan {
        BodyPlan::Leave => Loaded::Left(body),
        BodyPlan::Data => Loaded::Data(read(body)?),
        BodyPlan::Json => Loaded::Json(read(body)?),
        BodyPlan::Form if is_data(length, settings) => Loaded::Form(read(body)?),
        BodyPlan::Form => Loaded::FormStream(body),
    })
}

/// The next piece of a body, or `None` at its end. Releases the GIL meanwhile, unless the whole body is in
/// memory.
pub(super) fn next_piece(py: Python<'_>, body: &mut Body) -> Result<Option<Bytes>, Error> {
    if let Some(bytes) = body.as_bytes() {
        let piece = (!bytes.is_empty()).then(|| bytes.clone());
        *body = Body::empty();
        return Ok(piece);
    }
    py.detach(|| {
        loop {
            match pollster::block_on(body.frame()) {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data()
                        && !piece.is_empty()
                    {
                        return Ok(Some(piece));
                    }
                }
                Some(Err(error)) => return Err(Error::of_body(body_error(error))),
            }
        }
    })
}
