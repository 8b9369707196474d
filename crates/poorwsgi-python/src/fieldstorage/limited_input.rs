//! A Python file from which a body is read, up to a limit.

use bytes::Bytes;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

use crate::exceptions::cut_short;
use crate::input::ends_early;
use crate::octets;

/// How many bytes are read at once.
const BLOCK: u64 = 64 << 10;

/// A file, and how many bytes of it may still be read.
pub(super) struct LimitedInput<'py> {
    input: Bound<'py, PyAny>,
    /// `None` reads to the end of the file.
    left: Option<u64>,
    read: u64,
    /// How many bytes of the body are beyond the limit.
    beyond: u64,
}

impl<'py> LimitedInput<'py> {
    /// A body of this length, of which at most `limit` bytes are read.
    pub(super) fn new(input: Bound<'py, PyAny>, length: Option<u64>, limit: Option<u64>) -> Self {
        let left = length.into_iter().chain(limit).min();
        let beyond = length.unwrap_or(0).saturating_sub(limit.unwrap_or(u64::MAX));
        LimitedInput { input, left, read: 0, beyond }
    }

    /// The next block; `None` at the end.
    pub(super) fn block(&mut self) -> PyResult<Option<Bytes>> {
        self.next(intern!(self.input.py(), "read"))
    }

    /// The next line with its end, or a part of a line that is very long.
    pub(super) fn line(&mut self) -> PyResult<Option<Bytes>> {
        self.next(intern!(self.input.py(), "readline"))
    }

    fn next(&mut self, method: &Bound<'py, PyString>) -> PyResult<Option<Bytes>> {
        let asked = self.left.unwrap_or(BLOCK).min(BLOCK);
        if asked == 0 || self.input.is_none() {
            return Ok(None);
        }
        let piece = self.input.call_method1(method, (asked,))?;
        let piece = bytes(&self.input, &piece)?;
        let length = piece.len() as u64;
        if length > asked {
            return Err(PyValueError::new_err(format!(
                "{}: a read of {asked} bytes returned {length}, more than it was asked for",
                self.input
            )));
        }
        self.read += length;
        self.left = self.left.map(|left| left - length);
        match self.left {
            Some(left @ 1..) if length == 0 && ends_early(&self.input) => {
                Err(cut_short(self.input.py(), left))
            }
            _ => Ok((length > 0).then_some(piece)),
        }
    }

    /// How many bytes were read.
    pub(super) const fn read(&self) -> u64 {
        self.read
    }

    /// Ends the reading. Raises ValueError if less than the whole body was read.
    pub(super) fn end(&self) -> PyResult<()> {
        whole(self.read, self.read + self.left.unwrap_or(0) + self.beyond)
    }
}

/// Raises ValueError if fewer bytes were read than announced.
pub(super) fn whole(read: u64, announced: u64) -> PyResult<()> {
    if read >= announced {
        return Ok(());
    }
    Err(PyValueError::new_err(format!(
        "the body ended early, or at the limit: {read} of {announced} bytes were read"
    )))
}

/// The bytes that a read returned; large ones are not copied.
pub(super) fn bytes(input: &Bound<'_, PyAny>, piece: &Bound<'_, PyAny>) -> PyResult<Bytes> {
    match piece.cast::<PyBytes>() {
        Ok(bytes) => Ok(octets::of_bytes(bytes)),
        Err(_) => Err(PyValueError::new_err(format!(
            "{input} should return bytes, not {}: a form is parsed from a binary file",
            piece.get_type().name()?
        ))),
    }
}
