//! What the header fields say about the body (RFC 9110, section 8, and RFC 9112, section 6).

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};

use super::Head;
use crate::charset::MAX_NAME;
use crate::headers::framing::{self, BadContentLength};
use crate::headers::parameters::{parse_header, split_quoted};
use crate::{HttpError, state};

impl dyn Head + '_ {
    /// The media type of `Content-Type`, as it was sent and without parameters; empty where the field is
    /// missing.
    #[must_use]
    pub fn mime_type(&self) -> String {
        let field = self.header(&CONTENT_TYPE).unwrap_or_default();
        split_quoted(&field, b';').next().unwrap_or_default().trim().to_owned()
    }

    /// The charset of `Content-Type` as it was sent; `utf-8` where there is none.
    ///
    /// The name is not checked, and is cut after [`MAX_NAME`] characters. The module
    /// [`charset`](crate::charset) has the charsets that can be decoded.
    #[must_use]
    pub fn charset(&self) -> String {
        let field = self.header(&CONTENT_TYPE).unwrap_or_default();
        let (_, parameters) = parse_header(&field);
        let charset = parameters.get("charset").filter(|charset| !charset.is_empty()).unwrap_or("utf-8");
        if charset.len() <= MAX_NAME {
            return charset.to_owned();
        }
        // The ellipsis makes sure that the shortened text is not the name of a charset.
        charset.chars().take(MAX_NAME).chain(['…']).collect()
    }

    /// The length of the body in bytes, from `Content-Length`; `None` where the field is missing or empty.
    ///
    /// # Errors
    /// 400 where the field is not made of ASCII digits alone (RFC 9110, section 8.6), 413 where the number
    /// does not fit into 64 bits.
    pub fn content_length(&self) -> Result<Option<u64>, HttpError> {
        let field = self.header(&CONTENT_LENGTH).unwrap_or_default();
        if !framing::gives_length(field.as_bytes()) {
            return Ok(None);
        }
        framing::content_length(field.as_bytes()).map(Some).map_err(|error| match error {
            BadContentLength::NotDigits => {
                HttpError::bad_request(format!("Content-Length {field:?}: {error}"))
            }
            BadContentLength::Over64Bits => HttpError::new(state::HTTP_REQUEST_ENTITY_TOO_LARGE)
                .with_detail(format!("Content-Length: {error}")),
        })
    }

    /// Whether the body is sent in chunks: `Transfer-Encoding` is `chunked` alone.
    #[must_use]
    pub fn is_chunked(&self) -> bool {
        self.header(&TRANSFER_ENCODING).is_some_and(|coding| framing::is_chunked(coding.as_bytes()))
    }

    /// Whether there is a body whose length is known and not 0.
    ///
    /// # Errors
    /// As `content_length`.
    pub fn is_body_request(&self) -> Result<bool, HttpError> {
        Ok(self.content_length()?.is_some_and(|length| length > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;
    use super::*;

    /// The values are PoorWSGI's, except the last: there PoorWSGI reads an empty charset, which nothing can
    /// decode.
    #[test]
    fn media_types() {
        for (field, mime_type, charset) in [
            ("", "", "utf-8"),
            ("text/plain", "text/plain", "utf-8"),
            ("Text/HTML; Charset=\"UTF-8\"", "Text/HTML", "UTF-8"),
            ("a;x", "a", "utf-8"),
            ("a/b; charset=", "a/b", "utf-8"),
        ] {
            let head = with(&[("content-type", field)]);
            assert_eq!((&*head.head().mime_type(), &*head.head().charset()), (mime_type, charset), "{field}");
        }
        let long = with(&[("content-type", &format!("a; charset={}", "x".repeat(50_000)))]).head().charset();
        assert_eq!(long, format!("{}…", "x".repeat(MAX_NAME)));
        assert_eq!(with(&[]).head().mime_type(), "");
        assert_eq!(with(&[]).head().charset(), "utf-8");
    }

    #[test]
    fn lengths() {
        for (field, length) in [("", None), ("0", Some(0)), ("5", Some(5)), (" 5\t", Some(5))] {
            let head = with(&[("content-length", field)]);
            assert_eq!(head.head().content_length().unwrap(), length);
            assert_eq!(head.head().is_body_request().unwrap(), length == Some(5));
        }
        assert_eq!(with(&[]).head().content_length().unwrap(), None);
    }

    /// Two parsers could read these lengths differently, which allows request smuggling.
    #[test]
    fn bad_lengths() {
        for field in ["x", "-5", "+5", "0x5", "1_0", "5, 5", "٣", "5 5", "1e3"] {
            let head = with(&[("content-length", field)]);
            assert_eq!(head.head().content_length().unwrap_err().status(), 400, "{field}");
        }
        let huge = with(&[("content-length", "99999999999999999999999")]);
        assert_eq!(huge.head().content_length().unwrap_err().status(), 413);
        assert!(huge.head().is_body_request().is_err());
    }

    #[test]
    fn chunked() {
        assert!(with(&[("transfer-encoding", "Chunked")]).head().is_chunked());
        // Not one coding, but a list of two.
        assert!(!with(&[("transfer-encoding", "chunked"); 2]).head().is_chunked());
        assert!(!with(&[]).head().is_chunked());
    }
}
