//! Fields that delimit the content of a message (RFC 9110, section 8.6, and RFC 9112, section 6).

use std::error::Error as StdError;
use std::fmt;

/// Parses the value of a `Content-Length` field: `1*DIGIT` (RFC 9110, section 8.6), with optional blanks
/// around it (section 5.5). A sign or a list is refused, since another recipient could read it differently.
///
/// ```
/// use poorwsgi_core::headers::framing::{BadContentLength, content_length};
///
/// assert_eq!(content_length(b" 5\t"), Ok(5));
/// assert_eq!(content_length(b"5, 5"), Err(BadContentLength::NotDigits));
/// assert_eq!(content_length(b"18446744073709551616"), Err(BadContentLength::Over64Bits));
/// ```
///
/// # Errors
/// [`BadContentLength`].
pub fn content_length(value: &[u8]) -> Result<u64, BadContentLength> {
    let digits = without_blanks(value);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(BadContentLength::NotDigits);
    }
    let length = digits
        .iter()
        .try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    length.ok_or(BadContentLength::Over64Bits)
}

/// Whether the value of a `Transfer-Encoding` field is only `chunked`, in any letter case (RFC 9112,
/// section 7).
#[must_use]
pub fn is_chunked(value: &[u8]) -> bool {
    without_blanks(value).eq_ignore_ascii_case(b"chunked")
}

/// A value without the blanks around it (RFC 9110, section 5.6.3).
fn without_blanks(value: &[u8]) -> &[u8] {
    let is_other = |byte: &u8| !matches!(byte, b' ' | b'\t');
    let (first, last) = (value.iter().position(is_other), value.iter().rposition(is_other));
    first.zip(last).and_then(|(first, last)| value.get(first..=last)).unwrap_or_default()
}

/// Why the value of a `Content-Length` field is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadContentLength {
    /// It is empty, or not made of ASCII digits alone.
    NotDigits,
    /// It is a number over 64 bits.
    Over64Bits,
}

impl fmt::Display for BadContentLength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            BadContentLength::NotDigits => "not a number of ASCII digits",
            BadContentLength::Over64Bits => "a number over 64 bits",
        })
    }
}

impl StdError for BadContentLength {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// security: lengths that two readers could read differently.
    #[test]
    fn a_length_is_made_of_digits() {
        assert_eq!(content_length(b"0"), Ok(0));
        assert_eq!(content_length(b" \t007\t "), Ok(7));
        assert_eq!(content_length(b"18446744073709551615"), Ok(u64::MAX));
        for value in
            ["", " ", "x", "-5", "+5", "0x5", "1_0", "5,5", "5 5", "1e3", "5.0", "٣", "\x0b5", "\x0c5"]
        {
            assert_eq!(content_length(value.as_bytes()), Err(BadContentLength::NotDigits), "{value:?}");
        }
        for value in ["18446744073709551616", &"9".repeat(10_000)] {
            assert_eq!(content_length(value.as_bytes()), Err(BadContentLength::Over64Bits));
        }
    }

    /// RFC 9112, section 7: the names of codings are case-insensitive.
    #[test]
    fn chunked_is_one_coding() {
        for value in ["chunked", "Chunked", "\tCHUNKED "] {
            assert!(is_chunked(value.as_bytes()), "{value:?}");
        }
        for value in ["", "gzip, chunked", "chunked, chunked", "chunked;q=1", "identity", "\x0bchunked"] {
            assert!(!is_chunked(value.as_bytes()), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_back(number: u64, before in "[ \t]{0,3}", after in "[ \t]{0,3}") {
            prop_assert_eq!(content_length(format!("{before}{number}{after}").as_bytes()), Ok(number));
        }
    }
}
