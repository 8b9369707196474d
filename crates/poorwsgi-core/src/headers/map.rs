//! The ordered, case-insensitive map of header fields.

use std::borrow::Cow;
use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use super::error::HeaderError;
use super::names;
use super::parameters::render_parameter;
use super::spellings::Spellings;

/// Header fields in the order in which they were set.
///
/// Names are compared without regard to case (RFC 9110, section 5.1) and keep the spelling they were given.
/// Names and values are checked when they are set, so that no field can change the structure of a message: a
/// name is a token, a value is one line of visible characters, spaces and tabs. Values that are not ASCII are
/// the bytes of their UTF-8 text.
///
/// ```
/// use poorwsgi::headers::Headers;
///
/// let mut headers = Headers::new();
/// headers.set("X-Powered-By", "PoorWSGI")?;
/// headers.add("Set-Cookie", "a=1")?;
/// headers.add("Set-Cookie", "b=2")?;
///
/// assert_eq!(headers.get_str("x-powered-by"), Some("PoorWSGI"));
/// assert_eq!(headers.get_all("set-cookie").count(), 2);
/// assert!(headers.set("X-Note", "one\r\nSet-Cookie: two").is_err());
/// # Ok::<(), poorwsgi::headers::HeaderError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<HeaderField>,
}

#[derive(Clone)]
struct HeaderField {
    name: HeaderName,
    /// The application's spelling of the name; `None` where it is the [usual one](names::title_case).
    spelling: Option<Box<str>>,
    value: HeaderValue,
}

impl Headers {
    /// No fields. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Headers { fields: Vec::new() }
    }

    /// The number of fields; fields with the same name are counted one by one.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of the first field of this name.
    #[must_use]
    #[inline]
    pub fn get(&self, name: impl AsRef<str>) -> Option<&HeaderValue> {
        self.get_all(name).next()
    }

    /// The value of the first field of this name as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn get_str(&self, name: impl AsRef<str>) -> Option<&str> {
        std::str::from_utf8(self.get(name)?.as_bytes()).ok()
    }

    /// The values of all fields of this name, in order.
    pub fn get_all<N: AsRef<str>>(&self, name: N) -> impl Iterator<Item = &HeaderValue> + use<'_, N> {
        self.fields.iter().filter(move |field| field.is(name.as_ref())).map(|field| &field.value)
    }

    /// Whether a field of this name is there.
    #[must_use]
    pub fn contains(&self, name: impl AsRef<str>) -> bool {
        self.get(name).is_some()
    }

    /// All fields: the name as the application spelled it, or in its usual spelling (Title-Case, except for
    /// names such as `ETag`), and the value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (Cow<'_, str>, &HeaderValue)> {
        self.fields.iter().map(|field| (field.spelled(), &field.value))
    }

    /// Sets a field, and removes every other field of that name. The new field is the last one.
    ///
    /// # Errors
    /// [`HeaderError::Name`] and [`HeaderError::Value`]; the fields then stay as they were.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let field = HeaderField::parse(name.as_ref(), value.as_ref())?;
        self.replace(field);
        Ok(())
    }

    /// Sets a field whose name and value are checked already, and removes every other field of that name.
    pub fn put(&mut self, name: HeaderName, value: HeaderValue) {
        self.replace(HeaderField { name, spelling: None, value });
    }

    /// Adds a field, if there is none of that name yet. Only `Set-Cookie` may be repeated, because it is the
    /// one field that cannot be written as a list (RFC 9110, section 5.3).
    ///
    /// # Errors
    /// [`HeaderError::Duplicate`], [`HeaderError::Name`] and [`HeaderError::Value`].
    pub fn add(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let field = HeaderField::parse(name.as_ref(), value.as_ref())?;
        if field.name != SET_COOKIE && self.contains(&field.name) {
            return Err(HeaderError::Duplicate { name: field.spelled().into_owned() });
        }
        self.fields.push(field);
        Ok(())
    }

    /// Adds a field, even if there is one of that name.
    ///
    /// # Errors
    /// [`HeaderError::Name`] and [`HeaderError::Value`].
    pub fn append(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        self.fields.push(HeaderField::parse(name.as_ref(), value.as_ref())?);
        Ok(())
    }

    /// Adds a field unless one of that name is there.
    ///
    /// # Errors
    /// [`HeaderError::Name`] and [`HeaderError::Value`], also when the field is there.
    pub fn set_default(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let field = HeaderField::parse(name.as_ref(), value.as_ref())?;
        if !self.contains(&field.name) {
            self.fields.push(field);
        }
        Ok(())
    }

    /// Removes every field of this name and returns the value of the first.
    #[inline]
    pub fn remove(&mut self, name: impl AsRef<str>) -> Option<HeaderValue> {
        let at = self.fields.iter().position(|field| field.is(name.as_ref()))?;
        let first = self.fields.remove(at);
        self.fields.retain(|field| !field.is(name.as_ref()));
        Some(first.value)
    }

    /// Appends these fields to a map.
    pub(crate) fn extend_map(self, map: &mut HeaderMap) {
        for field in self.fields {
            map.append(field.name, field.value);
        }
    }

    fn replace(&mut self, field: HeaderField) {
        self.fields.retain(|other| other.name != field.name);
        self.fields.push(field);
    }
}

/// All fields as [`Headers::iter`] gives them, for a door that has its own table of usual spellings: the name,
/// its spelling where that is not the [usual one](usual_spelling), and the value.
pub fn fields(headers: &Headers) -> impl ExactSizeIterator<Item = (&HeaderName, Option<&str>, &HeaderValue)> {
    headers.fields.iter().map(|field| (&field.name, field.spelling.as_deref(), &field.value))
}

/// The usual spelling of a name: Title-Case, with the usual exceptions, such as `ETag`.
#[must_use]
pub fn usual_spelling(name: &HeaderName) -> Cow<'_, str> {
    names::title_case(name)
}

/// Adds a field as it was received, even if there is one of that name. Control characters in the value become
/// spaces (RFC 9110, section 5.5); a field whose name is not a token is left out, because nobody could ask for
/// it.
pub fn append_received(headers: &mut Headers, name: impl AsRef<str>, value: impl AsRef<[u8]>) {
    let (name, value) = (name.as_ref(), value.as_ref());
    let appended = match value.iter().any(|&byte| is_refused(byte)) {
        false => headers.append(name, value),
        true => {
            let mended = value.iter().map(|&byte| if is_refused(byte) { b' ' } else { byte });
            headers.append(name, mended.collect::<Vec<_>>())
        }
    };
    debug_assert!(!matches!(appended, Err(HeaderError::Value { .. })), "{appended:?}");
}

/// Adds a field of a value and its parameters, rendered by
/// [`render_parameter`](super::parameters::render_parameter), even if there is one of that name. Without a
/// value, the field consists of the parameters alone.
///
/// ```
/// # use poorwsgi_core::headers::{Headers, append_with};
/// let mut headers = Headers::new();
/// let parameters = [("filename", Some("a b.png"))];
/// append_with(&mut headers, "Content-Disposition", Some("attachment"), &parameters)?;
/// assert_eq!(headers.get_str("Content-Disposition"), Some("attachment; filename=\"a b.png\""));
/// # Ok::<(), poorwsgi_core::headers::HeaderError>(())
/// ```
///
/// # Errors
/// [`HeaderError::Empty`] where there is neither a value nor a parameter, [`HeaderError::Parameter`] for a
/// parameter whose name is not a token, [`HeaderError::Name`] and [`HeaderError::Value`].
pub fn append_with(
    headers: &mut Headers,
    name: impl AsRef<str>,
    value: Option<&str>,
    parameters: &[(&str, Option<&str>)],
) -> Result<(), HeaderError> {
    let name = name.as_ref();
    let mut line = value.map(str::to_owned);
    for (parameter, value) in parameters {
        let line = match &mut line {
            Some(line) => {
                line.push_str("; ");
                line
            }
            None => line.insert(String::new()),
        };
        line.push_str(&render_parameter(parameter, *value)?);
    }
    match line {
        Some(line) => headers.append(name, line),
        None => Err(HeaderError::Empty { name: name.to_owned() }),
    }
}

impl Spellings {
    /// The names of fields that are not in Title-Case, as they are spelled. A [`HeaderMap`] loses their
    /// spelling.
    #[must_use]
    pub fn of(headers: &Headers) -> Self {
        let mut spellings = Spellings::default();
        let may_differ = |field: &&HeaderField| field.spelling.is_some() || names::has_acronym(&field.name);
        headers.fields.iter().filter(may_differ).for_each(|field| spellings.add(&field.spelled()));
        spellings
    }
}

impl HeaderField {
    fn parse(spelling: &str, value: &[u8]) -> Result<Self, HeaderError> {
        let name = HeaderName::from_bytes(spelling.as_bytes())
            .map_err(|_| HeaderError::Name { name: spelling.to_owned() })?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| HeaderError::Value { name: spelling.to_owned(), at: first_control(value) })?;
        Ok(HeaderField { spelling: names::as_given(&name, spelling), name, value })
    }

    fn spelled(&self) -> Cow<'_, str> {
        self.spelling.as_deref().map_or_else(|| names::title_case(&self.name), Cow::Borrowed)
    }

    fn is(&self, name: &str) -> bool {
        self.name.as_str().eq_ignore_ascii_case(name)
    }
}

/// The spelling of names makes no difference.
impl PartialEq for HeaderField {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Eq for HeaderField {}

impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let field = |(name, value): (&HeaderName, &HeaderValue)| HeaderField {
            name: name.clone(),
            spelling: None,
            value: value.clone(),
        };
        Headers { fields: map.iter().map(field).collect() }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Whether a value with this byte is refused.
const fn is_refused(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

fn first_control(value: &[u8]) -> usize {
    value.iter().position(|&byte| is_refused(byte)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::header::{ETAG, WWW_AUTHENTICATE};

    use super::*;
    use proptest::prelude::*;

    fn lines(headers: &Headers) -> Vec<String> {
        headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect()
    }

    /// RFC 9110, section 5.1.
    #[test]
    fn names_are_compared_without_case_and_keep_their_spelling() {
        let mut headers = Headers::new();
        headers.set("X-pOOR", "1").unwrap();
        headers.set("ETag", "\"e\"").unwrap();
        headers.put(ETAG, HeaderValue::from_static("\"f\""));
        assert_eq!(headers.get_str("x-Poor"), Some("1"));
        assert!(headers.contains(ETAG));
        assert_eq!(lines(&headers), ["X-pOOR: 1", "ETag: \"f\""]);
    }

    #[test]
    fn names_that_are_not_title_case_are_known_by_their_spelling() {
        let mut headers = Headers::new();
        for name in ["X-One", "etag", "x-TWO", "X-Two"] {
            headers.append(name, "1").unwrap();
        }
        headers.put(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"));
        assert_eq!(Spellings::of(&headers).iter().collect::<Vec<_>>(), ["etag", "x-TWO", "WWW-Authenticate"]);
    }

    /// `Spellings::of` relies on this.
    #[test]
    fn of_everyday_names_two_are_not_title_case() {
        let mut spellings = Spellings::default();
        names::everyday_spellings().for_each(|name| spellings.add(name));
        assert_eq!(spellings.iter().collect::<Vec<_>>(), ["ETag", "WWW-Authenticate"]);
    }

    #[test]
    fn set_replaces_every_field_of_the_name() {
        let mut headers = Headers::new();
        headers.append("A", "1").unwrap();
        headers.append("a", "2").unwrap();
        headers.append("b", "3").unwrap();
        headers.set("A", "4").unwrap();
        assert_eq!(lines(&headers), ["b: 3", "A: 4"]);
    }

    #[test]
    fn a_failed_set_changes_nothing() {
        let mut headers = Headers::new();
        headers.set("A", "1").unwrap();
        assert!(headers.set("A", "\n").is_err());
        assert_eq!(lines(&headers), ["A: 1"]);
    }

    /// RFC 9110, section 5.3, and PoorWSGI's `Headers.add`.
    #[test]
    fn only_set_cookie_is_added_twice() {
        let mut headers = Headers::new();
        headers.add("Set-Cookie", "a=1").unwrap();
        headers.add("set-cookie", "b=2").unwrap();
        headers.add("X-Test", "1").unwrap();
        let error = headers.add("x-test", "2").unwrap_err();
        assert_eq!(error, HeaderError::Duplicate { name: "x-test".to_owned() });
        assert_eq!(headers.get_all("SET-COOKIE").collect::<Vec<_>>(), ["a=1", "b=2"]);
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn a_default_does_not_replace() {
        let mut headers = Headers::new();
        headers.set_default("A", "1").unwrap();
        headers.set_default("a", "2").unwrap();
        assert_eq!(lines(&headers), ["A: 1"]);
    }

    #[test]
    fn remove_takes_every_field_of_the_name() {
        let mut headers = Headers::new();
        headers.append("A", "1").unwrap();
        headers.append("B", "2").unwrap();
        headers.append("a", "3").unwrap();
        assert_eq!(headers.remove("a").unwrap(), "1");
        assert_eq!(headers.remove("a"), None);
        assert_eq!(lines(&headers), ["B: 2"]);
    }

    /// CR, LF and NUL in header values are refused where they are set (RFC 9110, section 5.5).
    #[test]
    fn values_that_would_break_the_message_are_refused() {
        let mut headers = Headers::new();
        for value in ["a\rb", "a\nb", "a\0b", "a\x7fb", "a\r\nSet-Cookie: x"] {
            let error = headers.append("X-A", value).unwrap_err();
            assert_eq!(error, HeaderError::Value { name: "X-A".to_owned(), at: 1 });
            assert_eq!(
                error.to_string(),
                "header X-A: control character at byte 1 of the value; a value is one line without CR, LF and NUL"
            );
        }
        for name in ["", "X A", "X:A", "X\nA", "Š", "X\0"] {
            assert!(matches!(headers.append(name, "v"), Err(HeaderError::Name { .. })), "{name:?}");
        }
        assert!(headers.is_empty());
    }

    /// RFC 9110, section 5.5.
    #[test]
    fn what_was_received_is_mended() {
        let mut headers = Headers::new();
        for byte in 0..=255 {
            append_received(&mut headers, "X-A", [b'a', byte]);
        }
        append_received(&mut headers, "X B", "left out");
        assert_eq!(headers.len(), 256);
        let values: Vec<_> = headers.get_all("X-A").map(|value| value.as_bytes()[1]).collect();
        assert_eq!(values[..33], [&[b' '; 9][..], b"\t", &[b' '; 23]].concat());
        assert_eq!(values[127], b' ');
        assert!(values[33..].iter().zip(33..=255).all(|(&value, byte)| value == byte || byte == 127));
    }

    /// UTF-8 in header values is sent as its bytes.
    #[test]
    fn values_keep_the_bytes_of_their_text() {
        let mut headers = Headers::new();
        headers.set("X-A", "žluť").unwrap();
        headers.set("X-B", b"\xff").unwrap();
        headers.set("X-C", "").unwrap();
        assert_eq!(headers.get("X-A").unwrap().as_bytes(), "žluť".as_bytes());
        assert_eq!(headers.get_str("X-A"), Some("žluť"));
        assert_eq!(headers.get_str("X-B"), None);
        assert_eq!(headers.get_str("X-C"), Some(""));
    }

    /// PoorWSGI's `Headers.add_header` with keyword arguments.
    #[test]
    fn values_with_parameters() {
        let mut headers = Headers::new();
        append_with(&mut headers, "C", Some("v"), &[("a_b", Some("x\"y\\z")), ("c", None), ("d", Some(""))])
            .unwrap();
        append_with(&mut headers, "C", None, &[("a_b", Some("x"))]).unwrap();
        append_with(&mut headers, "C", None, &[("f", Some("ř"))]).unwrap();
        assert_eq!(
            lines(&headers),
            ["C: v; a-b=\"x\\\"y\\\\z\"; c; d", "C: a-b=\"x\"", "C: f*=UTF-8''%C5%99"]
        );
        assert_eq!(
            append_with(&mut headers, "C", None, &[]),
            Err(HeaderError::Empty { name: "C".to_owned() })
        );
        assert!(append_with(&mut headers, "C", Some("v"), &[("a", Some("\n"))]).is_err());
        assert!(append_with(&mut headers, "C", Some("v"), &[("a b", None)]).is_err());
    }

    #[test]
    fn to_and_from_the_map_of_hyper() {
        let mut headers = Headers::new();
        headers.append("Set-Cookie", "a=1").unwrap();
        headers.append("Set-Cookie", "b=2").unwrap();
        headers.append("X-OwN", "c").unwrap();
        let mut map = HeaderMap::new();
        headers.clone().extend_map(&mut map);
        assert_eq!(map.get_all("set-cookie").iter().count(), 2);
        let back = Headers::from(&map);
        assert_eq!(back, headers);
        assert_eq!(lines(&back), ["Set-Cookie: a=1", "Set-Cookie: b=2", "X-Own: c"]);
    }

    proptest! {
        #[test]
        fn what_is_accepted_is_one_line(name in ".*", value: Vec<u8>) {
            let mut headers = Headers::new();
            if headers.append(&name, &value).is_ok() {
                prop_assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
                prop_assert_eq!(headers.get(&name).unwrap().as_bytes(), &*value);
            }
            let _ = append_with(&mut headers, &name, None, &[(&name, Some(&name))]);
        }
    }
}
