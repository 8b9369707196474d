//! Parameters of a field value: `attachment; filename="report.pdf"` (RFC 9110, section 5.6.6).

use std::borrow::Cow;
use std::iter;

use memchr::{memchr, memchr2};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::HeaderError;
use crate::charset::Charset;

/// The characters that RFC 8187, section 3.2.1 wants escaped: all except letters, digits, and the marks of a
/// token other than `*`, `'` and `%`.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// How many parameters of one value are read; further ones are ignored. The fields of HTTP have a handful.
pub const MAX_PARAMETERS: usize = 64;

/// Splits a field value into its value and its parameters, [`MAX_PARAMETERS`] at most.
///
/// Names come out in lower case, values without their quotes. A piece without `=` is left out; an
/// unterminated quoted string reaches to the end of the line. Of the escapes in a quoted string only `\"` and
/// `\\` are undone, because old browsers send file names such as `C:\new.txt` as they are. Takes time linear
/// in the length of the line.
///
/// ```
/// use poorwsgi_core::headers::parameters::parse_header;
///
/// let (value, parameters) = parse_header("text/html; charset=latin-1");
/// assert_eq!(value, "text/html");
/// assert_eq!(parameters.get("charset"), Some("latin-1"));
/// ```
#[must_use]
pub fn parse_header(line: &str) -> (&str, Parameters<'_>) {
    let mut pieces = split_quoted(line, b';');
    let value = pieces.next().unwrap_or_default().trim();
    let list = pieces
        .filter_map(|piece| piece.split_once('='))
        .take(MAX_PARAMETERS)
        .map(|(name, value)| (lower(name.trim()), unquote(value.trim())))
        .collect();
    (value, Parameters { list })
}

/// The parameters of one field value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameters<'a> {
    list: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl Parameters<'_> {
    /// The value of a parameter, whose name must be given in lower case. Of parameters with the same name the
    /// last one counts, as in PoorWSGI.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().rev().find(|(other, _)| other == name).map(|(_, value)| &**value)
    }

    /// The text of a parameter that may be written in the extended form: `filename*` where it is there and
    /// can be decoded, else `filename` (RFC 6266, section 4.3).
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        let extended = self.get(&format!("{name}*")).and_then(decode_extended);
        extended.map(Cow::Owned).or_else(|| self.get(name).map(Cow::Borrowed))
    }

    /// Name and value of every parameter, in order. Of parameters with the same name the last one counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.list.iter().map(|(name, value)| (&**name, &**value))
    }
}

/// Decodes an extended value, `UTF-8''%E2%82%AC` (RFC 8187, section 3.2).
///
/// UTF-8 is understood, and so are the other charsets of [`Charset`], which older senders use. `None` for any
/// other charset, for a text that is not of this form, and for bytes that are invalid in the charset.
///
/// ```
/// use poorwsgi_core::headers::parameters::decode_extended;
///
/// assert_eq!(decode_extended("UTF-8'en'%E2%82%AC%20rates").as_deref(), Some("€ rates"));
/// assert_eq!(decode_extended("plain"), None);
/// ```
#[must_use]
pub fn decode_extended(value: &str) -> Option<String> {
    let (charset, rest) = value.split_once('\'')?;
    let (_language, encoded) = rest.split_once('\'')?;
    let charset = Charset::named(charset)?;
    let bytes: Cow<'_, [u8]> = percent_decode_str(encoded).into();
    charset.decode(&bytes).ok().map(Cow::into_owned)
}

/// One parameter as text: `name="value"`, or only `name` where the value is absent or empty.
///
/// Underscores in the name become dashes, quotes and backslashes in the value are escaped. A value that is
/// not ASCII is written as `name*=UTF-8''…` (RFC 8187), the only form that every browser reads alike.
///
/// ```
/// use poorwsgi_core::headers::parameters::render_parameter;
///
/// assert_eq!(render_parameter("file_name", Some("a \"b\""))?, r#"file-name="a \"b\"""#);
/// assert_eq!(render_parameter("filename", Some("účet.pdf"))?, "filename*=UTF-8''%C3%BA%C4%8Det.pdf");
/// # Ok::<(), poorwsgi_core::headers::HeaderError>(())
/// ```
///
/// # Errors
/// [`HeaderError::Parameter`] where the name is not a token.
pub fn render_parameter(name: &str, value: Option<&str>) -> Result<String, HeaderError> {
    if !is_token(name) {
        return Err(HeaderError::Parameter { name: name.to_owned() });
    }
    let name = name.replace('_', "-");
    Ok(match value {
        None | Some("") => name,
        Some(value) if value.is_ascii() => {
            format!("{name}=\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
        }
        Some(value) => format!("{name}*=UTF-8''{}", utf8_percent_encode(value, NOT_ATTR_CHAR)),
    })
}

/// Splits a list at a separator that does not stand in a quoted string (RFC 9110, section 5.6.4).
///
/// ```
/// use poorwsgi_core::headers::parameters::split_quoted;
///
/// assert!(split_quoted(r#"a="1;2";b=3"#, b';').eq([r#"a="1;2""#, "b=3"]));
/// ```
pub fn split_quoted(text: &str, separator: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    iter::from_fn(move || {
        let text = rest.take()?;
        let (item, tail) = match end_of_item(text, separator) {
            Some(end) => text.split_at_checked(end)?,
            None => return Some(text),
        };
        rest = tail.get(1..);
        Some(item)
    })
}

fn end_of_item(text: &str, separator: u8) -> Option<usize> {
    let text = text.as_bytes();
    let mut at = 0;
    loop {
        at += memchr2(separator, b'"', text.get(at..)?)?;
        if text.get(at) == Some(&separator) {
            return Some(at);
        }
        at += 1;
        loop {
            at += memchr2(b'"', b'\\', text.get(at..)?)?;
            if text.get(at) == Some(&b'"') {
                break;
            }
            at += 2;
        }
        at += 1;
    }
}

/// The parts before and after the first `byte`, which must be ASCII.
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// The text of a quoted string, or the value as it is where it is not quoted.
pub(crate) fn unquote(value: &str) -> Cow<'_, str> {
    let Some(inner) = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(value);
    };
    if memchr(b'\\', inner.as_bytes()).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars().peekable();
    while let Some(character) = characters.next() {
        let escaped =
            if character == '\\' { characters.next_if(|next| matches!(next, '"' | '\\')) } else { None };
        text.push(escaped.unwrap_or(character));
    }
    Cow::Owned(text)
}

/// Whether a text is a token (RFC 9110, section 5.6.2).
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_tchar)
}

/// Whether a byte is a character of a token (RFC 9110, section 5.6.2): of a method, or of the name of a field
/// or a parameter.
///
/// ```
/// use poorwsgi_core::headers::parameters::is_tchar;
///
/// assert!(b"X-Forwarded-For".iter().all(|byte| is_tchar(*byte)));
/// assert!(!is_tchar(b' ') && !is_tchar(b':') && !is_tchar(0xe9));
/// ```
#[must_use]
#[inline]
pub fn is_tchar(byte: u8) -> bool {
    TCHARS.get(usize::from(byte)) == Some(&true)
}

/// A table, because each byte of each field name is looked up.
#[expect(clippy::indexing_slicing, reason = "the compiler evaluates it")]
static TCHARS: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = u8::MAX;
    loop {
        table[byte as usize] = byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            );
        if byte == 0 {
            break table;
        }
        byte -= 1;
    }
};

/// The name in lower case. Allocates only if the name has capitals.
pub(crate) fn lower(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(name.to_ascii_lowercase())
    } else {
        Cow::Borrowed(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(line: &str) -> (&str, Vec<(String, String)>) {
        let (value, parameters) = parse_header(line);
        (value, parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn expect(line: &str, value: &str, parameters: &[(&str, &str)]) {
        let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        assert_eq!(parsed(line), (value, parameters.collect()), "{line}");
    }

    #[test]
    fn parameters_as_poorwsgi_reads_them() {
        expect("text/plain", "text/plain", &[]);
        expect("", "", &[]);
        expect("a;b", "a", &[]);
        expect("a;;B=", "a", &[("b", "")]);
        expect("a; x = 1 ", "a", &[("x", "1")]);
        expect(r#"a; b="x;y"; c=1"#, "a", &[("b", "x;y"), ("c", "1")]);
        expect(r#"a; b=x"y;z"w; c=1"#, "a", &[("b", r#"x"y;z"w"#), ("c", "1")]);
        expect(r#"a; b="x"#, "a", &[("b", "\"x")]);
        expect(r#"a; b="C:\path\new""#, "a", &[("b", r"C:\path\new")]);
    }

    /// RFC 9110, section 5.6.4. PoorWSGI takes the quote after an escaped backslash for an escaped one.
    #[test]
    fn an_escaped_backslash_may_end_a_quoted_string() {
        expect(r#"a; b="x\\"; c=1"#, "a", &[("b", r"x\"), ("c", "1")]);
        expect(r#"a; b="x\"y;z"; c=1"#, "a", &[("b", r#"x"y;z"#), ("c", "1")]);
    }

    #[test]
    fn of_two_parameters_the_last_counts() {
        assert_eq!(parse_header("a; B=1; b=2").1.get("b"), Some("2"));
    }

    #[test]
    fn parameters_are_counted() {
        let line = format!("a{}; b=1", "; x=".repeat(30_000));
        let (value, parameters) = parse_header(&line);
        assert_eq!((value, parameters.iter().count()), ("a", MAX_PARAMETERS));
        assert_eq!(parse_header(&format!("a{} b=1", ";".repeat(30_000))).1.get("b"), Some("1"));
    }

    /// RFC 6266, section 4.3.
    #[test]
    fn the_extended_form_of_a_parameter_goes_first() {
        let (_, parameters) = parse_header("a; filename*=UTF-8''%c5%99; filename=r; note*=nonsense; note=n");
        assert_eq!(parameters.text("filename").as_deref(), Some("ř"));
        assert_eq!(parameters.text("note").as_deref(), Some("n"));
        assert_eq!(parameters.text("missing"), None);
    }

    /// RFC 8187, section 3.2.
    #[test]
    fn extended_values() {
        assert_eq!(decode_extended("iso-8859-1''%A3").as_deref(), Some("£"));
        assert_eq!(decode_extended("UTF-8''%FF"), None);
        assert_eq!(decode_extended("koi8-r''%C1"), None);
        assert_eq!(decode_extended("UTF-8'en"), None);
    }

    #[test]
    fn rendered_parameters() {
        assert_eq!(render_parameter("a_b", Some(r#"x"y\z"#)).unwrap(), r#"a-b="x\"y\\z""#);
        assert_eq!(render_parameter("c", None).unwrap(), "c");
        assert_eq!(render_parameter("d", Some("")).unwrap(), "d");
        assert!(render_parameter("d e", Some("x")).is_err());
        assert!(render_parameter("", None).is_err());
    }

    /// A quadratic reader would take minutes.
    #[test]
    fn long_nonsense_takes_linear_time() {
        for unit in [";\"", "\\\"", ";a=\"\\", "; b=\"x\\\"", ";a=1"] {
            let line = unit.repeat(500_000 / unit.len());
            let (_, parameters) = parse_header(&line);
            assert!(parameters.iter().count() <= line.len());
        }
    }

    /// The same as [`end_of_item`], byte by byte.
    fn ends_at(text: &str, separator: u8) -> Option<usize> {
        let (mut quoted, mut escaped) = (false, false);
        text.bytes().position(|byte| {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                _ => return !quoted && byte == separator,
            }
            false
        })
    }

    proptest! {
        #[test]
        fn an_item_ends_at_the_first_separator_outside_quotes(text in r#"[a;"\\é]{0,60}"#) {
            prop_assert_eq!(end_of_item(&text, b';'), ends_at(&text, b';'));
        }

        #[test]
        fn any_text_is_read(line in ".*") {
            let (_, parameters) = parse_header(&line);
            let _ = parameters.text("filename");
            let _ = decode_extended(&line);
        }

        #[test]
        fn what_was_rendered_is_read_back(name in "[a-z][a-z0-9-]{0,8}", value in "\\PC{1,20}") {
            let line = format!("x; {}; end=1", render_parameter(&name, Some(&value)).unwrap());
            let (_, parameters) = parse_header(&line);
            prop_assert_eq!(parameters.text(&name), Some(Cow::Borrowed(&*value)));
            prop_assert_eq!(parameters.get("end"), Some("1"));
        }
    }
}
