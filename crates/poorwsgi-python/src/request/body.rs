//! The body of a request: read ahead where it is small or the application asks for what is in it, else left
//! to be read.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt;
use poorwsgi_core::HttpError;
use poorwsgi_core::dispatch::BodyPlan;
use poorwsgi_core::request::{body_error, read_body};
use poorwsgi_core::response::Body;
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::HTTP_INTERNAL_SERVER_ERROR;
use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::exceptions::{Error, HTTPException};

/// The body, and how far it is read.
pub(super) struct Unread(Mutex<BodyReading>);

enum BodyReading {
    /// Nobody has looked at it.
    Fresh(Body),
    /// Read as planned; what is left is for whoever reads on.
    Loaded(Body),
    /// It could not be read as planned, for this status and reason.
    Failed(u16, String),
}

impl Unread {
    pub(super) const fn new(body: Body) -> Self {
        Unread(Mutex::new(BodyReading::Fresh(body)))
    }

    /// Takes the body to read it as planned; `None` when that was done.
    ///
    /// # Errors
    /// It was tried and has failed. Whoever asks again must not find an empty form.
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

    /// Remembers why the body could not be read. Of an exception only its text, because it may hold the
    /// request.
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

    /// Puts back what the plan left.
    pub(super) fn leave(&self, body: Body) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = BodyReading::Loaded(body);
    }

    /// Takes what is left.
    pub(super) fn take(&self) -> Body {
        let mut reading = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *reading, BodyReading::Loaded(Body::empty())) {
            BodyReading::Fresh(body) | BodyReading::Loaded(body) => body,
            BodyReading::Failed(..) => Body::empty(),
        }
    }
}

/// What an HTTPException was made with.
fn http_arguments<'py>(error: &Bound<'py, PyBaseException>) -> Option<(u16, Bound<'py, PyDict>)> {
    error.cast::<HTTPException>().ok()?.getattr("args").ok()?.extract().ok()
}

/// A body that is read ahead.
pub(super) enum Loaded {
    Left(Body),
    Data(Bytes),
    Json(Bytes),
    Form(Bytes),
    /// A form that is too large to be kept: it is parsed while it is read.
    FormStream(Body),
}

/// Reads a body as planned. Other Python threads go on meanwhile, unless it is there.
pub(super) fn load(
    py: Python<'_>,
    plan: BodyPlan,
    length: Option<u64>,
    settings: &Settings,
    body: Body,
) -> Result<Loaded, Error> {
    let is_small = length.is_some_and(|length| length <= settings.data_size);
    let read = |body: Body, limit, setting| {
        let is_there = body.as_bytes().is_some();
        let read = || pollster::block_on(read_body(body, limit, setting));
        if is_there { read() } else { py.detach(read) }.map_err(Error::of_body)
    };
    Ok(match plan {
        BodyPlan::Leave => Loaded::Left(body),
        BodyPlan::Data => Loaded::Data(read(body, settings.data_size, "data_size")?),
        BodyPlan::Json => Loaded::Json(read(body, settings.json_size, "json_size")?),
        BodyPlan::Form if is_small && settings.auto_data => {
            Loaded::Form(read(body, settings.data_size, "data_size")?)
        }
        BodyPlan::Form => Loaded::FormStream(body),
    })
}

/// The next piece of a body, or `None` at its end. Other Python threads go on meanwhile, unless it is there.
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
