//! By which parser a form is read.

/// The media type of URL-encoded forms. A body without a `Content-Type` is read as one, too.
pub const URLENCODED: &str = "application/x-www-form-urlencoded";

/// How the body of a form is written.
///
/// ```
/// use poorwsgi_core::form::FormKind;
///
/// assert_eq!(FormKind::of("multipart/form-data"), FormKind::Multipart);
/// assert_eq!(FormKind::of("application/x-www-form-urlencoded"), FormKind::Urlencoded);
/// assert_eq!(FormKind::of("text/plain"), FormKind::Single);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormKind {
    /// Pairs of names and values (WHATWG URL, section 5.1).
    Urlencoded,
    /// Parts between boundaries (RFC 2046, section 5.1), whatever their subtype.
    Multipart,
    /// One value without a name.
    Single,
}

impl FormKind {
    /// The kind of a body with this media type, which is in lower case and without parameters, as in
    /// [`PartHead::content_type`](super::PartHead::content_type).
    #[must_use]
    pub fn of(media_type: &str) -> Self {
        if media_type == URLENCODED {
            FormKind::Urlencoded
        } else if media_type.starts_with("multipart/") {
            FormKind::Multipart
        } else {
            FormKind::Single
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_decides() {
        for (media_type, kind) in [
            (URLENCODED, FormKind::Urlencoded),
            ("multipart/form-data", FormKind::Multipart),
            ("multipart/mixed", FormKind::Multipart),
            ("multipart", FormKind::Single),
            ("application/json", FormKind::Single),
            ("application/x-www-form-urlencoded2", FormKind::Single),
            ("", FormKind::Single),
        ] {
            assert_eq!(FormKind::of(media_type), kind, "{media_type}");
        }
    }
}
