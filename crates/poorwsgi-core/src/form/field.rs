//! A field of a form, and the form itself, which is a field that holds fields.

use std::collections::HashSet;
use std::fmt;
use std::io::{self, Read, Seek};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};

use super::file::FormFile;
use super::filename::safe_filename;
use super::part::PartHead;
use crate::HttpError;
use crate::headers::Headers;
use crate::values::{OneOrMany, convert};

/// What error messages call a value.
const WHAT: &str = "form field";

/// A field of a form: a text, a file, or a list of fields. The form itself is such a list.
///
/// ```
/// use poorwsgi::form::FieldStorage;
///
/// let form = FieldStorage::from_pairs([("name", "Ada"), ("tag", "a"), ("tag", "b"), ("age", "36")]);
/// assert_eq!(form.get("name"), Some("Ada"));
/// assert_eq!(form.getfirst("age", str::parse::<u8>)?, Some(36));
/// assert_eq!(form.getlist("tag", str::parse::<String>)?, ["a", "b"]);
/// assert_eq!(form.get("missing"), None);
/// # Ok::<(), poorwsgi::HttpError>(())
/// ```
///
/// The functions that take a key search the fields of a list; a text or a file has none. `get`, `getvalue`,
/// `getfirst` and `getlist` find texts only: where the client sends a file instead of a text, the field
/// counts as missing. [`field`](Self::field) finds files, too.
#[derive(Default)]
pub struct FieldStorage {
    head: FieldHead,
    content: FieldContent,
    length: Option<u64>,
    bytes_read: u64,
}

/// The metadata of a field. A field of a URL-encoded form has only a name; a [`PartHead`] for each would
/// waste memory.
enum FieldHead {
    Name(String),
    Part(Box<PartHead>),
}

impl Default for FieldHead {
    fn default() -> Self {
        FieldHead::Part(Box::default())
    }
}

/// The head of every field that has only a name.
static TEXT: LazyLock<PartHead> =
    LazyLock::new(|| PartHead { content_type: "text/plain".to_owned(), ..PartHead::default() });

/// What a field holds.
pub enum FieldContent {
    /// The value of a field that is not a file.
    Text(String),
    /// A file: in memory or in a temporary file (a [`tempfile::SpooledTempFile`]; how much is kept in memory
    /// is [`FormLimits::spool_bytes`](super::FormLimits::spool_bytes)), or what the application's callback
    /// returned.
    File(Mutex<Box<dyn FormFile>>),
    /// The fields of a form or of a nested part.
    List(Vec<FieldStorage>),
}

impl Default for FieldContent {
    fn default() -> Self {
        FieldContent::List(Vec::new())
    }
}

impl FieldStorage {
    /// A text field.
    #[must_use]
    pub fn text_field(name: impl Into<String>, value: impl Into<String>) -> Self {
        let value = value.into();
        let bytes_read = value.len() as u64;
        let (head, content) = (FieldHead::Name(name.into()), FieldContent::Text(value));
        FieldStorage { head, content, length: Some(bytes_read), bytes_read }
    }

    /// A form of text fields.
    #[must_use]
    pub fn from_pairs<N: Into<String>, V: Into<String>>(pairs: impl IntoIterator<Item = (N, V)>) -> Self {
        pairs.into_iter().map(|(name, value)| Self::text_field(name, value)).collect()
    }

    pub(super) fn new(head: PartHead, content: FieldContent, length: Option<u64>, bytes_read: u64) -> Self {
        FieldStorage { head: FieldHead::Part(Box::new(head)), content, length, bytes_read }
    }

    fn head(&self) -> &PartHead {
        match &self.head {
            FieldHead::Name(_) => &TEXT,
            FieldHead::Part(head) => head,
        }
    }

    /// The field's name; `None` for the form itself and for nested parts.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        match &self.head {
            FieldHead::Name(name) => Some(name),
            FieldHead::Part(head) => head.name.as_deref(),
        }
    }

    /// The file name as the client sent it, perhaps with a path; empty where no file was chosen. Never save
    /// under it: see [`safe_filename`](Self::safe_filename).
    #[must_use]
    pub fn filename(&self) -> Option<&str> {
        self.head().filename.as_deref()
    }

    /// The file name without its dangerous parts: see [`safe_filename`].
    #[must_use]
    pub fn safe_filename(&self) -> Option<String> {
        self.filename().and_then(safe_filename)
    }

    /// The media type of the form or the field, in lower case; `text/plain` for a field that was sent without
    /// one.
    #[must_use]
    pub fn content_type(&self) -> &str {
        &self.head().content_type
    }

    /// The parameters of the media type.
    #[must_use]
    pub fn type_options(&self) -> &[(String, String)] {
        &self.head().type_options
    }

    /// The disposition, `form-data` in a multipart form, otherwise empty.
    #[must_use]
    pub fn disposition(&self) -> &str {
        &self.head().disposition
    }

    /// The parameters of the disposition as they were sent.
    #[must_use]
    pub fn disposition_options(&self) -> &[(String, String)] {
        &self.head().disposition_options
    }

    /// The header fields of the part.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        &self.head().headers
    }

    /// The length in bytes as known before reading: for a form its `Content-Length`, for a URL-encoded field
    /// the length of its value. `None` for the parts of a multipart form, whose own `Content-Length` is not
    /// trusted (PoorWSGI gives -1).
    #[must_use]
    pub const fn length(&self) -> Option<u64> {
        self.length
    }

    /// How many bytes were read: of a form's body, or of a field's value.
    #[must_use]
    pub const fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// The value of a text field, `""` where it is blank; `None` for a file or a list.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match &self.content {
            FieldContent::Text(text) => Some(text),
            FieldContent::File(_) | FieldContent::List(_) => None,
        }
    }

    /// The file, locked for the caller; `None` for a text or a list. The file is at the position where its
    /// last reader left it, at first at its beginning.
    #[must_use]
    pub fn file(&self) -> Option<MutexGuard<'_, Box<dyn FormFile>>> {
        match &self.content {
            // A reader that panicked has only changed the position, so the file can still be used.
            FieldContent::File(file) => Some(file.lock().unwrap_or_else(PoisonError::into_inner)),
            FieldContent::Text(_) | FieldContent::List(_) => None,
        }
    }

    /// The value as bytes: a text's UTF-8, or the whole file, which is rewound before and after. The value of
    /// a list is empty.
    ///
    /// # Errors
    /// Those of the file.
    pub fn bytes(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        if let Some(text) = self.text() {
            bytes.extend_from_slice(text.as_bytes());
        } else if let Some(mut file) = self.file() {
            file.rewind()?;
            file.read_to_end(&mut bytes)?;
            file.rewind()?;
        }
        Ok(bytes)
    }

    /// The fields of a form or of a nested part, in the order they came.
    #[must_use]
    pub fn list(&self) -> &[FieldStorage] {
        match &self.content {
            FieldContent::List(fields) => fields,
            FieldContent::Text(_) | FieldContent::File(_) => &[],
        }
    }

    /// The first field of this name.
    #[must_use]
    pub fn field(&self, key: &str) -> Option<&FieldStorage> {
        self.fields(key).next()
    }

    /// All fields of this name.
    pub fn fields(&self, key: &str) -> impl Iterator<Item = &FieldStorage> {
        self.list().iter().filter(move |field| field.name() == Some(key))
    }

    /// Whether there is a field of this name.
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.field(key).is_some()
    }

    /// The distinct names, in the order of their first occurrence.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let mut seen = HashSet::new();
        self.list().iter().filter_map(FieldStorage::name).filter(move |name| seen.insert(*name))
    }

    /// The number of distinct names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.keys().count()
    }

    /// Whether there is neither a field nor a value. An empty file is a value.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        match &self.content {
            FieldContent::Text(text) => text.is_empty(),
            FieldContent::File(_) => false,
            FieldContent::List(fields) => fields.is_empty(),
        }
    }

    /// The first text of this name.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.texts(key).next()
    }

    /// The texts of this name, each converted: one value where the name occurs once, a list where it occurs
    /// several times.
    ///
    /// # Errors
    /// 400 with the field's name where a conversion fails.
    pub fn getvalue<T, E: fmt::Display>(
        &self,
        key: &str,
        func: impl FnMut(&str) -> Result<T, E>,
    ) -> Result<Option<OneOrMany<T>>, HttpError> {
        Ok(OneOrMany::of(self.getlist(key, func)?))
    }

    /// The first text of this name, converted.
    ///
    /// # Errors
    /// 400 with the field's name where the conversion fails.
    pub fn getfirst<T, E: fmt::Display>(
        &self,
        key: &str,
        func: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, HttpError> {
        self.get(key).map(|value| convert(WHAT, key, value, func)).transpose()
    }

    /// All texts of this name, each converted; an empty list where there is none.
    ///
    /// # Errors
    /// 400 with the field's name where a conversion fails.
    pub fn getlist<T, E: fmt::Display>(
        &self,
        key: &str,
        mut func: impl FnMut(&str) -> Result<T, E>,
    ) -> Result<Vec<T>, HttpError> {
        self.texts(key).map(|value| convert(WHAT, key, value, &mut func)).collect()
    }

    fn texts(&self, key: &str) -> impl Iterator<Item = &str> {
        self.fields(key).filter_map(FieldStorage::text)
    }
}

/// Splits a field into its head and its content.
#[must_use]
pub fn into_parts(field: FieldStorage) -> (PartHead, FieldContent) {
    let head = match field.head {
        FieldHead::Name(name) => PartHead { name: Some(name), ..TEXT.clone() },
        FieldHead::Part(head) => *head,
    };
    (head, field.content)
}

/// The name and the value of a text field that was sent without a part header, as in a URL-encoded form.
///
/// # Errors
/// Any other field is returned unchanged as the error.
pub fn into_pair(field: FieldStorage) -> Result<(String, String), FieldStorage> {
    match field {
        FieldStorage { head: FieldHead::Name(name), content: FieldContent::Text(value), .. } => {
            Ok((name, value))
        }
        other => Err(other),
    }
}

impl FromIterator<FieldStorage> for FieldStorage {
    fn from_iter<I: IntoIterator<Item = FieldStorage>>(fields: I) -> Self {
        FieldStorage { content: FieldContent::List(fields.into_iter().collect()), ..Self::default() }
    }
}

impl fmt::Debug for FieldStorage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldStorage")
            .field("name", &self.name())
            .field("filename", &self.filename())
            .field("content", &self.content)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for FieldContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FieldContent::Text(text) => text.fmt(f),
            FieldContent::File(_) => f.write_str("File"),
            FieldContent::List(fields) => fields.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn file_field(name: &str, data: &[u8]) -> FieldStorage {
        let head =
            PartHead { name: Some(name.to_owned()), filename: Some("x".to_owned()), ..PartHead::default() };
        let file: Box<dyn FormFile> = Box::new(Cursor::new(data.to_vec()));
        FieldStorage::new(head, FieldContent::File(Mutex::new(file)), None, data.len() as u64)
    }

    fn form() -> FieldStorage {
        let mut fields = vec![file_field("photo", b"data")];
        fields.extend(
            [("a", "1"), ("b", ""), ("a", "2")].map(|(name, value)| FieldStorage::text_field(name, value)),
        );
        fields.into_iter().collect()
    }

    /// PoorWSGI: a repeated key gives a list, a single one a value; keys are counted once.
    #[test]
    fn values_by_key() {
        let form = form();
        assert_eq!(form.keys().collect::<Vec<_>>(), ["photo", "a", "b"]);
        assert_eq!((form.len(), form.list().len(), form.is_empty()), (3, 4, false));
        assert_eq!(form.getvalue("a", str::parse).unwrap(), Some(OneOrMany::Many(vec![1, 2])));
        assert_eq!(form.getvalue("b", str::parse::<String>).unwrap(), Some(OneOrMany::One(String::new())));
        assert_eq!(form.getvalue("c", str::parse::<u8>).unwrap(), None);
        assert_eq!(form.getfirst("a", str::parse).unwrap(), Some(1));
        assert_eq!(form.getlist("a", str::parse::<u8>).unwrap(), [1, 2]);
        assert_eq!(form.getlist("c", str::parse::<u8>).unwrap(), [0; 0]);
        assert!(form.contains("b") && !form.contains("c"));
    }

    /// A kept blank value reads "".
    #[test]
    fn a_blank_value_is_empty_text() {
        assert_eq!(form().get("b"), Some(""));
        assert!(form().field("b").unwrap().is_empty());
    }

    #[test]
    fn a_failed_conversion_is_the_clients_fault() {
        let error = FieldStorage::from_pairs([("age", "x")]).getfirst("age", str::parse::<u8>).unwrap_err();
        assert_eq!(error.status(), 400);
        assert_eq!(error.detail(), Some("form field age: invalid digit found in string"));
    }

    #[test]
    fn a_file_is_no_text_and_can_be_read_again() {
        let form = form();
        assert_eq!(form.get("photo"), None);
        let photo = form.field("photo").unwrap();
        assert_eq!(photo.bytes().unwrap(), b"data");
        assert_eq!(photo.bytes().unwrap(), b"data");
        let mut begin = [0; 2];
        photo.file().unwrap().read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"da");
    }

    /// Urlencoded fields have a type and a length.
    #[test]
    fn a_text_field_has_type_and_length() {
        let field = FieldStorage::text_field("a", "ž");
        assert_eq!((field.content_type(), field.length(), field.bytes_read()), ("text/plain", Some(2), 2));
        let (head, _) = into_parts(FieldStorage::text_field("a", "ž"));
        assert_eq!((head.name.as_deref(), head.content_type.as_str()), (Some("a"), "text/plain"));
        assert_eq!(into_pair(field).ok(), Some(("a".to_owned(), "ž".to_owned())));
        assert!(into_pair(file_field("a", b"")).is_err());
    }
}
