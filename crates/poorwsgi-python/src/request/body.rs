//! The body of a request: read ahead where it is small or the application asks for what is in it, else left to be read.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http_body_util::BodyExt;
use poorwsgi::dispatch::BodyPlan;
use poorwsgi::request::{body_error, read_body};
use poorwsgi::response::Body;
use poorwsgi::settings::Settings;
use pyo3::prelude::*;

use crate::error::Error;

/// The body, and how far it is read.
pub(super) struct Unread(Mutex<State>);

enum State {
    /// Nobody has looked at it.
    Fresh(Body),
    /// Read as planned; what is left is for whoever reads on.
    Loaded(Body),
}

impl Unread {
    pub(super) const fn new(body: Body) -> Self {
        Unread(Mutex::new(State::Fresh(body)))
    }

    /// Takes the body to read it as planned; `None` when that was done.
    pub(super) fn take_fresh(&self) -> Option<Body> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Loaded(Body::empty())) {
            State::Fresh(body) => Some(body),
            loaded @ State::Loaded(_) => {
                *state = loaded;
                None
            }
        }
    }

    /// Puts back what the plan left.
    pub(super) fn leave(&self, body: Body) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Loaded(body);
    }

    /// Takes what is left.
    pub(super) fn take(&self) -> Body {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match std::mem::replace(&mut *state, State::Loaded(Body::empty())) {
            State::Fresh(body) | State::Loaded(body) => body,
        }
    }
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

/// Reads a body as planned. Other Python threads go on meanwhile.
pub(super) fn load(
    py: Python<'_>,
    plan: BodyPlan,
    length: Option<u64>,
    settings: &Settings,
    body: Body,
) -> Result<Loaded, Error> {
    let is_small = length.is_some_and(|length| length <= settings.data_size);
    let read = |body, limit, setting| {
        py.detach(|| pollster::block_on(read_body(body, limit, setting))).map_err(Error::of_body)
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

/// The next piece of a body, or `None` at its end. Other Python threads go on meanwhile.
pub(super) fn next_piece(py: Python<'_>, body: &mut Body) -> Result<Option<Bytes>, Error> {
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
