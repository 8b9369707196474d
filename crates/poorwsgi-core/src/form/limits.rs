//! Limits of forms.

use super::FormError;

/// What a form may cost the server. A limit applies to the whole body, nested parts included, unless its
/// description says otherwise. A form over a limit ends with a 413 that names the limit and its setting.
///
/// How deep multipart bodies may nest is fixed: see [`MAX_DEPTH`](super::multipart::MAX_DEPTH).
///
/// ```
/// use poorwsgi::form::FormLimits;
///
/// let photos = FormLimits { body_bytes: 200 * 1024 * 1024, files: 500, ..FormLimits::default() };
/// assert_eq!(photos.parts, 1000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormLimits {
    /// Bytes of the whole body. Default 16 MiB. The server has a limit of its own, which is 16 MiB as well
    /// (`max_body` of `poorwsgi_server::Config`): for larger uploads, raise both.
    pub body_bytes: u64,
    /// Parts of a multipart body, files and containers of nested parts included. Default 1000.
    pub parts: u64,
    /// Fields that are not files. In a URL-encoded body or query string, everything between separators
    /// counts, even if it is empty. Default 1000. PoorWSGI's `max_num_fields` counts files, too: it
    /// corresponds to this limit and [`parts`](Self::parts) together.
    pub fields: u64,
    /// Files. Each that is on disk holds a file descriptor open. Default 100.
    pub files: u64,
    /// Bytes of all files together that stay in memory. A form is not refused for exceeding it: further files
    /// are written to temporary files, except that a file of up to 8 KiB always stays in memory. Default 256
    /// KiB.
    pub spool_bytes: u64,
    /// Bytes of the value of one field that is not a file (in a URL-encoded body, of its name and value),
    /// which is kept in memory. Default 1 MiB.
    pub field_bytes: u64,
    /// Bytes of the values of all fields that are not files. Default 4 MiB.
    pub fields_bytes: u64,
    /// Bytes of the header of one part. Default 16 KiB.
    pub part_header_bytes: u64,
    /// Bytes of the headers of all parts. Default 512 KiB.
    pub header_bytes: u64,
    /// Header fields of one part. Default 32.
    pub part_headers: u64,
    /// Bytes that belong to no part, before the first boundary and after the last. They are skipped. Default
    /// 64 KiB.
    pub padding_bytes: u64,
    /// Bytes of a file name as it was sent, path included. Default 4096.
    pub filename_bytes: u64,
}

impl Default for FormLimits {
    fn default() -> Self {
        FormLimits {
            body_bytes: 16 * 1024 * 1024,
            parts: 1000,
            fields: 1000,
            files: 100,
            spool_bytes: 256 * 1024,
            field_bytes: 1024 * 1024,
            fields_bytes: 4 * 1024 * 1024,
            part_header_bytes: 16 * 1024,
            header_bytes: 512 * 1024,
            part_headers: 32,
            padding_bytes: 64 * 1024,
            filename_bytes: 4096,
        }
    }
}

/// One limit: its words in the error, its setting, and the function that reads its value. They are in one
/// place, so that the error always names the limit that was compared.
#[derive(Clone, Copy)]
pub(super) struct Limit {
    what: &'static str,
    setting: &'static str,
    value: fn(&FormLimits) -> u64,
}

impl Limit {
    /// Adds `amount` to `used`, and fails where the sum exceeds the limit.
    pub(super) fn spend(self, limits: &FormLimits, used: &mut u64, amount: u64) -> Result<(), FormError> {
        *used = used.saturating_add(amount);
        self.check(limits, *used)
    }

    pub(super) fn check(self, limits: &FormLimits, used: u64) -> Result<(), FormError> {
        let limit = (self.value)(limits);
        if used > limit {
            return Err(FormError::TooLarge { what: self.what, limit, setting: self.setting });
        }
        Ok(())
    }
}

macro_rules! limits {
    ($($name:ident = $field:ident, $what:literal;)*) => {
        $(pub(super) const $name: Limit = Limit {
            what: $what,
            setting: concat!("form_limits.", stringify!($field)),
            value: |limits| limits.$field,
        };)*
    };
}

limits! {
    BODY_BYTES = body_bytes, "bytes of the form";
    PARTS = parts, "parts of the form";
    FIELDS = fields, "fields of the form";
    FILES = files, "files of the form";
    FIELD_BYTES = field_bytes, "bytes of one field";
    FIELDS_BYTES = fields_bytes, "bytes of all fields";
    PART_HEADER_BYTES = part_header_bytes, "bytes of one part's header";
    HEADER_BYTES = header_bytes, "bytes of all part headers";
    PART_HEADERS = part_headers, "header fields of one part";
    PADDING_BYTES = padding_bytes, "bytes outside of parts";
    FILENAME_BYTES = filename_bytes, "bytes of a file name";
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One cumulative budget, and a 413 that names the limit and its setting.
    #[test]
    fn the_limit_itself_is_allowed_and_one_more_is_named() {
        let limits = FormLimits { parts: 2, ..FormLimits::default() };
        let mut used = 0;
        PARTS.spend(&limits, &mut used, 2).unwrap();
        let error = PARTS.spend(&limits, &mut used, 1).unwrap_err();
        assert_eq!(error.to_string(), "parts of the form over the limit of 2 (setting form_limits.parts)");
    }

    #[test]
    fn counters_do_not_wrap() {
        let mut used = u64::MAX;
        assert!(BODY_BYTES.spend(&FormLimits::default(), &mut used, 1).is_err());
    }
}
