//! The clock of sessions, tokens and digest nonces, for the tests of applications.

use poorwsgi_core::clock;
use pyo3::prelude::*;

/// Sets how many milliseconds ahead of the system's clock sessions, tokens and digest nonces are made and
/// checked on this thread. Returns how many it was before.
#[pyfunction]
pub(crate) fn _shift_clock(milliseconds: i64) -> i64 {
    clock::shift(milliseconds)
}
