//! Fields and chunk sizes that delimit the content of a message (RFC 9110, section 8.6, and RFC 9112,
//! sections 6 and 7).

use std::error::Error as StdError;
use std::fmt;

use http::HeaderMap;
use http::header::{CONTENT_LENGTH, TRAILER, TRANSFER_ENCODING};

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

/// Whether the value of a `Content-Length` gives a length, right or wrong. An empty or blank value gives none:
/// WSGI servers set `CONTENT_LENGTH` to `""` if the client sent no such field (RFC 3875, section 4.1.2).
#[must_use]
pub fn gives_length(value: &[u8]) -> bool {
    !without_blanks(value).is_empty()
}

/// Whether the value of a `Transfer-Encoding` field is only `chunked`, in any letter case (RFC 9112,
/// section 7).
#[must_use]
pub fn is_chunked(value: &[u8]) -> bool {
    without_blanks(value).eq_ignore_ascii_case(b"chunked")
}

/// Parses the line before a chunk, for a body that a WSGI server passes on without decoding its chunks.
/// Chunk extensions are ignored (RFC 9112, section 7.1). `None` if the size is not a hexadecimal number up
/// to 64 bits.
///
/// ```
/// use poorwsgi_core::headers::framing::chunk_size;
///
/// assert_eq!(chunk_size(b"1F;name=value\r\n"), Some(31));
/// assert_eq!(chunk_size(b"+1F\r\n"), None);
/// ```
#[must_use]
pub fn chunk_size(line: &[u8]) -> Option<u64> {
    let digits = line.split(|byte| *byte == b';').next()?.trim_ascii();
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |size, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        size.checked_mul(16)?.checked_add(digit.into())
    })
}

/// Replaces the fields about chunks by `Content-Length`, for a chunked body that has been read to its end
/// (RFC 9112, section 7.1.3).
pub fn state_length(headers: &mut HeaderMap, length: u64) {
    headers.remove(TRANSFER_ENCODING);
    headers.remove(TRAILER);
    headers.insert(CONTENT_LENGTH, length.into());
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

    #[test]
    fn a_blank_length_is_none() {
        for (value, gives) in [("", false), (" \t", false), ("0", true), (" 5 ", true), ("x", true)] {
            assert_eq!(gives_length(value.as_bytes()), gives, "{value:?}");
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

    #[test]
    fn sizes_of_chunks() {
        for (line, size) in [
            ("0\r\n", Some(0)),
            ("fF \r\n", Some(255)),
            ("00000000000000000000a", Some(10)),
            ("ffffffffffffffff\n", Some(u64::MAX)),
            ("5 ; a=\"b;c\"\r\n", Some(5)),
            ("10000000000000000\r\n", None),
            ("", None),
            (";a\r\n", None),
            ("-1", None),
            ("0x5", None),
            ("5 5", None),
            ("g", None),
        ] {
            assert_eq!(chunk_size(line.as_bytes()), size, "{line:?}");
        }
    }

    #[test]
    fn a_body_that_is_put_together_has_a_length_and_no_chunks() {
        let mut headers = HeaderMap::new();
        headers.insert(TRANSFER_ENCODING, "chunked".parse().unwrap());
        headers.insert(TRAILER, "expires".parse().unwrap());
        headers.insert("x-other", "kept".parse().unwrap());
        state_length(&mut headers, 12);
        assert_eq!(headers.len(), 2);
        assert_eq!(headers[CONTENT_LENGTH], "12");
        assert_eq!(headers["x-other"], "kept");
    }

    proptest! {
        #[test]
        fn a_number_is_read_back(number: u64, before in "[ \t]{0,3}", after in "[ \t]{0,3}") {
            prop_assert_eq!(content_length(format!("{before}{number}{after}").as_bytes()), Ok(number));
            prop_assert_eq!(chunk_size(format!("{number:x}{after};{before}\r\n").as_bytes()), Some(number));
        }
    }
}
