//! The header of one part: its fields, with `Content-Disposition` and `Content-Type` parsed.

use super::kind::FormKind;
use super::{Decode, FormError};
use crate::headers::Headers;
use crate::headers::parameters::{Parameters, parse_header};

/// The most parameters of one header field. Real fields have at most three; the bound keeps the search for
/// duplicates linear in the length of the field.
const MAX_OPTIONS: usize = 16;

/// The metadata of a part, or of a whole form, that comes before its data.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PartHead {
    /// The field's name (RFC 7578, section 4.2); `None` in a nested part, and where a client left it out.
    pub name: Option<String>,
    /// The file name as the client sent it. It may hold a path, and is empty where no file was chosen in a
    /// browser. For a name to save under, use [`safe_filename`](super::safe_filename).
    pub filename: Option<String>,
    /// The media type in lower case, `text/plain` where the part gives none.
    pub content_type: String,
    /// The parameters of the media type, names in lower case.
    pub type_options: Vec<(String, String)>,
    /// The disposition, `form-data` in a form; empty where there is none.
    pub disposition: String,
    /// The parameters of the disposition, names in lower case, values without their quotes.
    pub disposition_options: Vec<(String, String)>,
    /// All header fields of the part.
    pub headers: Headers,
}

impl PartHead {
    /// The head of a whole body, from its `Content-Type` and its `Content-Disposition`. The latter is empty
    /// unless the body is a single file.
    ///
    /// # Errors
    /// [`FormError::Malformed`] where one of the fields has a parameter twice, or more than 16 parameters.
    pub fn of_body(content_type: &str, disposition: &str) -> Result<Self, FormError> {
        let mut head = PartHead::default();
        head.read_content_type(content_type)?;
        if !disposition.is_empty() {
            head.read_disposition(disposition)?;
        }
        Ok(head)
    }

    /// The head of a part, from its unfolded header lines.
    pub(super) fn of_part(lines: Vec<HeaderLine>, decode: &Decode) -> Result<Self, FormError> {
        let mut head = PartHead { content_type: "text/plain".to_owned(), ..Self::default() };
        for HeaderLine { name, value } in lines {
            let unique =
                name.eq_ignore_ascii_case("content-disposition") || name.eq_ignore_ascii_case("content-type");
            if unique && head.headers.contains(&name) {
                return Err(FormError::malformed(format!("a part has two {name} fields")));
            }
            head.headers
                .append(&name, &value)
                .map_err(|error| FormError::malformed(format!("header of a part: {error}")))?;
            if !unique {
                continue;
            }
            let value = decode(value).map_err(FormError::Decode)?;
            if name.eq_ignore_ascii_case("content-type") {
                head.read_content_type(&value)?;
            } else {
                head.read_disposition(&value)?;
            }
        }
        Ok(head)
    }

    fn read_content_type(&mut self, value: &str) -> Result<(), FormError> {
        let (content_type, options) = parse_unique(value)?;
        self.content_type = content_type.to_ascii_lowercase();
        self.type_options = owned(&options);
        Ok(())
    }

    fn read_disposition(&mut self, value: &str) -> Result<(), FormError> {
        let (disposition, options) = parse_unique(value)?;
        self.name = text(&options, "name");
        self.filename = text(&options, "filename");
        self.disposition = disposition.to_owned();
        self.disposition_options = owned(&options);
        Ok(())
    }

    /// Whether the part is a file: a file name is there and not empty.
    #[must_use]
    pub fn is_file(&self) -> bool {
        self.filename.as_ref().is_some_and(|filename| !filename.is_empty())
    }

    /// Whether the data is a multipart body of its own. A file never is, whatever its type: a saved web page
    /// is uploaded as `multipart/related`, and is a file all the same.
    #[must_use]
    pub fn is_multipart(&self) -> bool {
        FormKind::of(&self.content_type) == FormKind::Multipart && !self.is_file()
    }

    /// The boundary of the parts within this part or form.
    pub(super) fn boundary(&self) -> Result<&str, FormError> {
        let boundary = self.type_options.iter().find(|(name, _)| name == "boundary");
        boundary
            .map(|(_, boundary)| boundary.as_str())
            .ok_or_else(|| FormError::malformed(format!("{} without a boundary", self.content_type)))
    }
}

/// One header field of a part, unfolded.
#[derive(Debug)]
pub(super) struct HeaderLine {
    pub(super) name: String,
    pub(super) value: Vec<u8>,
}

impl HeaderLine {
    pub(super) fn parse(line: &[u8]) -> Result<Self, FormError> {
        let colon = memchr::memchr(b':', line)
            .ok_or_else(|| FormError::malformed("a header line of a part has no colon"))?;
        let (name, value) = line.split_at(colon);
        let name = std::str::from_utf8(name)
            .map_err(|_| FormError::malformed("a header name of a part is not ASCII"))?
            .to_owned();
        Ok(HeaderLine { name, value: value.get(1..).unwrap_or_default().trim_ascii().to_vec() })
    }

    /// Adds a continuation line (RFC 5322, section 2.2.3).
    pub(super) fn unfold(&mut self, line: &[u8]) {
        self.value.push(b' ');
        self.value.extend_from_slice(line.trim_ascii());
    }
}

/// Parses a value and its parameters. A parameter that occurs twice is an error, because two parsers could
/// take different values. More than [`MAX_OPTIONS`] parameters are an error, too.
fn parse_unique(line: &str) -> Result<(&str, Parameters<'_>), FormError> {
    let (value, options) = parse_header(line);
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in options.iter() {
        if names.contains(&name) {
            return Err(FormError::malformed(format!("the parameter {name:?} comes twice")));
        }
        if names.len() == MAX_OPTIONS {
            return Err(FormError::malformed(format!("more than {MAX_OPTIONS} parameters")));
        }
        names.push(name);
    }
    Ok((value, options))
}

fn owned(options: &Parameters<'_>) -> Vec<(String, String)> {
    options.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// The value of a parameter as text. Browsers write a quote as `%22`, but leave `%` as it is (HTML,
/// "multipart/form-data encoding algorithm"), so nothing but `%22` is decoded: `100%25.txt` is the file's
/// name.
fn text(options: &Parameters<'_>, name: &str) -> Option<String> {
    options.text(name).map(|text| text.replace("%22", "\""))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::super::utf8_lossy;
    use super::*;

    fn head(lines: &[&str]) -> Result<PartHead, FormError> {
        let lines = lines.iter().map(|line| HeaderLine::parse(line.as_bytes()).unwrap()).collect();
        PartHead::of_part(lines, &(Arc::new(utf8_lossy) as Decode))
    }

    fn filename(disposition: &str) -> Option<String> {
        head(&[&format!("Content-Disposition: form-data; name=\"f\"; {disposition}")]).unwrap().filename
    }

    /// RFC 7578, section 4.2 and 4.4.
    #[test]
    fn name_file_name_and_type_are_read() {
        let head = head(&[
            r#"Content-Disposition: form-data; name="photo"; filename="me.png""#,
            "Content-Type: Image/PNG; Quality=high",
        ])
        .unwrap();
        assert_eq!(head.name.as_deref(), Some("photo"));
        assert_eq!(head.filename.as_deref(), Some("me.png"));
        assert_eq!((head.content_type.as_str(), head.disposition.as_str()), ("image/png", "form-data"));
        assert_eq!(head.type_options, [("quality".to_owned(), "high".to_owned())]);
        assert!(head.is_file());
    }

    #[test]
    fn a_part_without_a_type_is_plain_text() {
        let head = head(&["Content-Disposition: form-data; name=a"]).unwrap();
        assert_eq!(head.content_type, "text/plain");
        assert_eq!(head.name.as_deref(), Some("a"));
        assert!(!head.is_file());
    }

    /// What browsers, curl and old browsers write for the same kind of name.
    #[test]
    fn quotes_semicolons_and_backslashes_in_file_names() {
        assert_eq!(filename(r#"filename="a%22b.txt""#).as_deref(), Some("a\"b.txt"), "Chrome, Firefox");
        assert_eq!(filename(r#"filename="100%25.txt""#).as_deref(), Some("100%25.txt"), "Chrome, Firefox");
        assert_eq!(filename(r#"filename="a\"b\\c.txt""#).as_deref(), Some(r#"a"b\c.txt"#), "curl");
        assert_eq!(
            filename(r#"filename="C:\photos\me.png""#).as_deref(),
            Some(r"C:\photos\me.png"),
            "old browsers"
        );
        assert_eq!(filename(r#"filename="a;b=c.txt""#).as_deref(), Some("a;b=c.txt"));
        assert_eq!(filename("filename=\"háček 猫.txt\"").as_deref(), Some("háček 猫.txt"));
        assert_eq!(filename("filename=plain.txt").as_deref(), Some("plain.txt"));
        assert_eq!(filename("filename=\"\"").as_deref(), Some(""));
    }

    /// RFC 8187, section 3.2.3, and RFC 6266, section 4.3: the extended form is preferred.
    #[test]
    fn the_extended_file_name_is_preferred() {
        assert_eq!(
            filename("filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt").as_deref(),
            Some("naïve.txt")
        );
        assert_eq!(filename("filename*=iso-8859-1'en'%A3%20rates").as_deref(), Some("£ rates"));
        assert_eq!(filename("filename=a; filename*=utf-8''%FF").as_deref(), Some("a"), "not UTF-8");
        assert_eq!(filename("filename=a; filename*=koi8-r''%FF").as_deref(), Some("a"), "unknown charset");
        assert_eq!(filename("filename=a; filename*=nothing").as_deref(), Some("a"));
    }

    /// A saved web page, as browsers upload it.
    #[test]
    fn a_file_of_a_multipart_type_is_a_file() {
        let disposition = "Content-Disposition: form-data; name=f; filename=page.mht";
        let head = head(&[disposition, "Content-Type: multipart/related"]).unwrap();
        assert!(head.is_file() && !head.is_multipart());
    }

    #[test]
    fn a_body_may_be_a_file_that_is_sent_alone() {
        let head = PartHead::of_body("Image/PNG", "attachment; filename=\"me.png\"").unwrap();
        assert_eq!((head.content_type.as_str(), head.disposition.as_str()), ("image/png", "attachment"));
        assert!(head.is_file() && head.name.is_none());
        assert!(!PartHead::of_body("text/plain", "").unwrap().is_file());
    }

    #[test]
    fn parameters_are_few() {
        let with = |count: usize| {
            PartHead::of_body(&(0..count).map(|index| format!(";p{index}=1")).collect::<String>(), "")
        };
        assert!(with(MAX_OPTIONS).is_ok());
        assert!(with(MAX_OPTIONS + 1).is_err());
    }

    #[test]
    fn what_two_readers_could_see_differently_is_refused() {
        for bad in [
            &[r#"Content-Disposition: form-data; name="a"; name="b""#][..],
            &["Content-Disposition: form-data; name=a", "content-disposition: form-data; name=b"],
            &["Content-Type: text/plain", "Content-Type: text/html"],
            &["X Y: 1"],
            &["X: a\0b"],
        ] {
            assert!(matches!(head(bad), Err(FormError::Malformed(_))), "{bad:?}");
        }
        assert!(HeaderLine::parse(b"no colon here").is_err());
    }

    proptest! {
        /// Parsing what was rendered gives the same names.
        #[test]
        fn render_then_parse_is_identity(name in "[^\\x00-\\x1f\\x7f]{0,40}", file in "[^\\x00-\\x1f\\x7f%]{0,40}") {
            let quote = |text: &str| text.replace('\\', r"\\").replace('"', "\\\"");
            let name = name.replace('%', "");
            let line = format!("Content-Disposition: form-data; name=\"{}\"; filename=\"{}\"", quote(&name), quote(&file));
            let head = head(&[&line]).unwrap();
            prop_assert_eq!(head.name, Some(name));
            prop_assert_eq!(head.filename, Some(file));
        }

        #[test]
        fn any_text_parses_without_panic(text in any::<String>()) {
            let _ = PartHead::of_body(&text, &text);
            let _ = HeaderLine::parse(text.as_bytes());
        }
    }
}
