//! The length that a message declares, and the check that its content has that length.

use std::error::Error as StdError;
use std::fmt;

use crate::headers::framing::content_length;

/// The `Content-Length` of a message, collected from its fields, which all have to give the same number (RFC
/// 9110, section 8.6).
///
/// ```
/// use poorwsgi_core::response::DeclaredLength;
///
/// let mut declared = DeclaredLength::default();
/// declared.add(b"5")?;
/// declared.add(b" 5\t")?;
/// assert_eq!(declared.get(), Some(5));
/// assert!(declared.add(b"6").is_err());
/// # Ok::<(), poorwsgi_core::response::BadLength>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct DeclaredLength(Option<u64>);

impl DeclaredLength {
    /// Adds the value of one `Content-Length` field.
    ///
    /// # Errors
    /// [`BadLength::NotANumber`] for a value that is not a number up to 64 bits, [`BadLength::Different`] for
    /// a number that differs from that of the fields before.
    pub fn add(&mut self, value: &[u8]) -> Result<(), BadLength> {
        let bad = |_| BadLength::NotANumber(String::from_utf8_lossy(value).into_owned());
        let length = content_length(value).map_err(bad)?;
        match self.0.replace(length) {
            Some(before) if before != length => Err(BadLength::Different(before, length)),
            _ => Ok(()),
        }
    }

    /// The length in bytes; `None` where no field was added.
    #[must_use]
    pub const fn get(self) -> Option<u64> {
        self.0
    }
}

/// Why the `Content-Length` fields of a message give no length.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BadLength {
    /// A value that is not made of digits, or a number beyond 64 bits.
    NotANumber(String),
    /// Two fields with different numbers.
    Different(u64, u64),
}

impl fmt::Display for BadLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadLength::NotANumber(value) => write!(f, "Content-Length {value:?} is not a number"),
            BadLength::Different(one, other) => {
                write!(
                    f,
                    "the response has two different Content-Length headers, {one} and {other}; expected one"
                )
            }
        }
    }
}

impl StdError for BadLength {}

/// Counts the bytes of content against the length that was announced for it.
///
/// ```
/// use poorwsgi_core::response::PromisedLength;
///
/// let mut length = PromisedLength::new(5);
/// length.take(3)?;
/// assert_eq!(length.left(), 2);
/// assert!(length.end().is_err());
/// assert!(length.take(3).is_err());
/// # Ok::<(), poorwsgi_core::response::WrongLength>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PromisedLength {
    promised: u64,
    left: u64,
}

impl PromisedLength {
    /// For content that has to have exactly `promised` bytes.
    #[must_use]
    pub const fn new(promised: u64) -> Self {
        PromisedLength { promised, left: promised }
    }

    /// How many bytes are still to come.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.left
    }

    /// Counts `size` more bytes.
    ///
    /// # Errors
    /// [`WrongLength`] where fewer than `size` bytes are left.
    pub const fn take(&mut self, size: u64) -> Result<(), WrongLength> {
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(WrongLength { promised: self.promised, is_longer: true }),
        }
    }

    /// Checks, at the end of the content, that no bytes are missing.
    ///
    /// # Errors
    /// [`WrongLength`] where bytes are missing.
    pub const fn end(&self) -> Result<(), WrongLength> {
        if self.left == 0 { Ok(()) } else { Err(WrongLength { promised: self.promised, is_longer: false }) }
    }
}

/// The error of a body that turned out longer or shorter than its `Content-Length`. The connection has to be
/// closed, so that the client does not take a part for the whole (RFC 9112, section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongLength {
    promised: u64,
    is_longer: bool,
}

impl fmt::Display for WrongLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let turned_out = if self.is_longer { "longer" } else { "shorter" };
        write!(f, "the response body is {turned_out} than its announced length of {} bytes", self.promised)
    }
}

impl StdError for WrongLength {}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(values: &[&str]) -> Result<Option<u64>, BadLength> {
        let mut declared = DeclaredLength::default();
        values.iter().try_for_each(|value| declared.add(value.as_bytes()))?;
        Ok(declared.get())
    }

    #[test]
    fn all_fields_say_one_number() {
        assert_eq!(declared(&[]), Ok(None));
        assert_eq!(declared(&["0"]), Ok(Some(0)));
        assert_eq!(declared(&["003", " 3 "]), Ok(Some(3)));
        assert_eq!(declared(&["18446744073709551615"]), Ok(Some(u64::MAX)));
        for bad in ["", " ", "+5", "-1", "5,5", "0x5", "5.0", "18446744073709551616"] {
            assert_eq!(declared(&[bad]), Err(BadLength::NotANumber(bad.to_owned())));
        }
        assert_eq!(declared(&["3", "4"]), Err(BadLength::Different(3, 4)));
    }
}
