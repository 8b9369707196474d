//! The error of a text that is invalid in its charset.

use std::fmt;

/// The error of bytes that are invalid in their charset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    pub(super) charset: &'static str,
    pub(super) index: usize,
}

impl DecodeError {
    /// The index of the first byte that is invalid in the charset.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid {} sequence from index {}", self.charset, self.index)
    }
}

impl std::error::Error for DecodeError {}
