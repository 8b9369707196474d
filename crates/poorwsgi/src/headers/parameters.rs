//! Parameters of a field value: `attachment; filename="report.pdf"` (RFC 9110, section 5.6.6).

use std::fmt::Write as _;

use super::HeaderError;

/// One parameter as text: `name="value"`, or only `name` where the value is absent or empty.
///
/// Underscores in the name become dashes, quotes and backslashes in the value are escaped. A value that is not ASCII
/// is written as `name*=UTF-8''…` (RFC 8187), the only form in which every browser reads it alike.
///
/// ```
/// use poorwsgi::headers::parameters::render_parameter;
///
/// assert_eq!(render_parameter("file_name", Some("a \"b\""))?, r#"file-name="a \"b\"""#);
/// assert_eq!(render_parameter("filename", Some("účet.pdf"))?, "filename*=UTF-8''%C3%BA%C4%8Det.pdf");
/// # Ok::<(), poorwsgi::headers::HeaderError>(())
/// ```
///
/// # Errors
/// [`HeaderError::Parameter`] where the name is not a token.
pub fn render_parameter(name: &str, value: Option<&str>) -> Result<String, HeaderError> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(HeaderError::Parameter { name: name.to_owned() });
    }
    let mut text = name.replace('_', "-");
    match value {
        None | Some("") => {}
        Some(value) if value.is_ascii() => {
            text.push_str("=\"");
            for character in value.chars() {
                if matches!(character, '"' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            text.push('"');
        }
        Some(value) => {
            text.push_str("*=UTF-8''");
            for byte in value.bytes() {
                if is_attr_char(byte) {
                    text.push(char::from(byte));
                } else {
                    // Writing to a String cannot fail.
                    let _ = write!(text, "%{byte:02X}");
                }
            }
        }
    }
    Ok(text)
}

/// RFC 9110, section 5.6.2.
pub(super) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
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
        )
}

/// What RFC 8187, section 3.2.1 leaves unescaped.
const fn is_attr_char(byte: u8) -> bool {
    is_token(byte) && !matches!(byte, b'*' | b'\'' | b'%')
}
