//! Builds a [`FieldStorage`] from the parsers' events.

use std::fmt;
use std::io::{self, Seek, Write};
use std::pin::pin;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body::Body;
use http_body_util::BodyExt;
use tempfile::SpooledTempFile;

use super::budget::Budget;
use super::field::{FieldContent, FieldStorage};
use super::file::{FormFile, LineWriter};
use super::filename::safe_filename;
use super::kind::{FormKind, URLENCODED};
use super::limits::{self, FormLimits};
use super::multipart::{MultipartEvent, MultipartParser};
use super::part::PartHead;
use super::urlencoded::{self, UrlencodedParser};
use super::{Decode, FormError, utf8_lossy};
use crate::BoxError;

/// A file of up to this many bytes stays in memory, even if other files have used up
/// [`FormLimits::spool_bytes`]. 8 KiB, as in PoorWSGI.
pub const SMALL_FILE: u64 = 8 * 1024;

/// Returns the file that an upload is written to. The argument is the [`safe_filename`] of the upload, or
/// `"unnamed"` where that is `None`. Errors of the callback and of its file end the form with
/// [`FormError::File`].
pub type FormFileCallback = Box<dyn FnMut(&str) -> io::Result<Box<dyn FormFile>> + Send>;

/// How a form is read. The default reads as PoorWSGI does by default.
pub struct FormOptions {
    /// The limits of the form.
    pub limits: FormLimits,
    /// URL-encoded only: whether a name with an empty value is a field. Default `false`: it is left out.
    pub keep_blank_values: bool,
    /// URL-encoded only: whether a pair without `=` is an error. Default `false`.
    pub strict_parsing: bool,
    /// URL-encoded only: the byte that separates fields. Default `&`.
    pub separator: u8,
    /// How bytes become text. Default UTF-8 with replacement.
    pub decode: Decode,
    /// Returns the file for each upload. It is called when an upload begins, and its file is written to while
    /// the body arrives, in pieces that end at a line end where possible. Default `None`: uploads are kept in
    /// memory up to [`FormLimits::spool_bytes`], then in temporary files.
    pub file_callback: Option<FormFileCallback>,
    /// The body's `Content-Length`, where it is known. It is kept as [`FieldStorage::length`], and refused at
    /// once where it exceeds [`FormLimits::body_bytes`]. Default `None`.
    pub content_length: Option<u64>,
}

impl Default for FormOptions {
    fn default() -> Self {
        FormOptions {
            limits: FormLimits::default(),
            keep_blank_values: false,
            strict_parsing: false,
            separator: b'&',
            decode: Arc::new(utf8_lossy),
            file_callback: None,
            content_length: None,
        }
    }
}

impl fmt::Debug for FormOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormOptions")
            .field("limits", &self.limits)
            .field("keep_blank_values", &self.keep_blank_values)
            .field("strict_parsing", &self.strict_parsing)
            .field("file_callback", &self.file_callback.is_some())
            .finish_non_exhaustive()
    }
}

/// Reads a form from pieces of its body, wherever they come from.
///
/// ```
/// use poorwsgi_core::form::{FormOptions, FormReader};
///
/// let mut reader = FormReader::new("multipart/form-data; boundary=b", FormOptions::default())?;
/// reader.push("--b\r\nContent-Disposition: form-data; name=\"a\"; filename=\"a.txt\"\r\n\r\nHel".into())?;
/// reader.push("lo\r\n--b--\r\n".into())?;
/// let form = reader.finish()?;
/// assert_eq!(form.field("a").map(|field| field.bytes()).transpose()?, Some(b"Hello".to_vec()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// [`push`](Self::push) writes to temporary files and to the callback's files, so it may block as file I/O
/// does.
pub struct FormReader {
    source: FormParser,
    head: PartHead,
    budget: Budget,
    decode: Decode,
    file_callback: Option<FormFileCallback>,
    content_length: Option<u64>,
    /// The finished fields of the form.
    fields: Vec<FieldStorage>,
    /// The parts that have begun and not ended, the innermost last.
    open: Vec<OpenPart>,
    /// Bytes of files in memory.
    spooled_bytes: u64,
    failed: bool,
}

enum FormParser {
    Urlencoded(UrlencodedParser),
    Multipart(Box<MultipartParser>),
    /// A body of another type is one text without a name.
    Single,
}

struct OpenPart {
    head: PartHead,
    bytes_read: u64,
    value: Value,
}

enum Value {
    Text(Vec<u8>),
    Temporary(SpooledTempFile),
    Callback(LineWriter),
    List(Vec<FieldStorage>),
}

impl FormReader {
    /// A reader for a body of this `Content-Type`: `multipart/*`, `application/x-www-form-urlencoded` (also
    /// assumed where `content_type` is empty), or any other, which is read as one text.
    ///
    /// # Errors
    /// [`FormError::Malformed`] for a media type that cannot be parsed, and for a missing or impossible
    /// boundary; [`FormError::TooLarge`] for a content length over the limit.
    pub fn new(content_type: &str, options: FormOptions) -> Result<Self, FormError> {
        limits::BODY_BYTES.check(&options.limits, options.content_length.unwrap_or_default())?;
        let content_type = if content_type.trim().is_empty() { URLENCODED } else { content_type };
        let head = PartHead::of_body(content_type, "")?;
        let FormOptions { limits, keep_blank_values, strict_parsing, separator, decode, .. } = options;
        let mut open = Vec::new();
        let source = match FormKind::of(&head.content_type) {
            FormKind::Multipart => {
                let parser = MultipartParser::new(head.boundary()?.as_bytes(), limits.clone())?;
                FormParser::Multipart(Box::new(parser.with_decode(Arc::clone(&decode))))
            }
            FormKind::Urlencoded => {
                let (limits, decode) = (limits.clone(), Arc::clone(&decode));
                let options =
                    urlencoded::Options { keep_blank_values, strict_parsing, separator, limits, decode };
                FormParser::Urlencoded(UrlencodedParser::new(options))
            }
            FormKind::Single => {
                open.push(OpenPart { head: head.clone(), bytes_read: 0, value: Value::Text(Vec::new()) });
                FormParser::Single
            }
        };
        Ok(FormReader {
            source,
            head,
            budget: Budget::new(limits),
            decode,
            file_callback: options.file_callback,
            content_length: options.content_length,
            fields: Vec::new(),
            open,
            spooled_bytes: 0,
            failed: false,
        })
    }

    /// Reads the next piece of the body.
    ///
    /// # Errors
    /// Any [`FormError`] but [`FormError::Body`]. The form is lost then: [`finish`](Self::finish) fails too,
    /// so that half a form is never taken for a whole one.
    pub fn push(&mut self, piece: Bytes) -> Result<(), FormError> {
        let result = self.read(piece);
        self.failed |= result.is_err();
        result
    }

    fn read(&mut self, piece: Bytes) -> Result<(), FormError> {
        self.budget.spend_body(&piece)?;
        match &mut self.source {
            FormParser::Urlencoded(parser) => {
                parser.push(piece);
                while let Some((name, value)) = parser.next_pair()? {
                    self.fields.push(FieldStorage::text_field(name, value));
                }
                return Ok(());
            }
            FormParser::Single => return self.write(&piece),
            FormParser::Multipart(parser) => parser.push(piece),
        }
        while let Some(event) = self.next_event()? {
            match event {
                MultipartEvent::PartBegin(head) => self.begin(*head)?,
                MultipartEvent::Data(data) => self.write(&data)?,
                MultipartEvent::PartEnd => self.end()?,
                MultipartEvent::End => {}
            }
        }
        Ok(())
    }

    /// Whether the closing boundary of a multipart body was read, so that no more bytes are needed. A caller
    /// that does not know the length of the body stops here.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        match &self.source {
            FormParser::Multipart(parser) => parser.is_closed(),
            FormParser::Urlencoded(_) | FormParser::Single => false,
        }
    }

    /// Whether this is a multipart body of which no boundary was read yet.
    #[must_use]
    pub fn is_before_first_boundary(&self) -> bool {
        match &self.source {
            FormParser::Multipart(parser) => parser.is_before_first_boundary(),
            FormParser::Urlencoded(_) | FormParser::Single => false,
        }
    }

    /// Ends the body and returns the form.
    ///
    /// # Errors
    /// [`FormError::Malformed`] where the body ended early or an earlier piece failed, and those of
    /// [`push`](Self::push).
    pub fn finish(mut self) -> Result<FieldStorage, FormError> {
        if self.failed {
            return Err(FormError::malformed("an earlier piece of the body could not be read"));
        }
        match self.source {
            FormParser::Urlencoded(parser) => {
                self.fields
                    .extend(parser.finish()?.map(|(name, value)| FieldStorage::text_field(name, value)));
            }
            FormParser::Multipart(parser) => parser.finish()?,
            FormParser::Single => {
                if let Some(part) = self.open.pop() {
                    return part.finish(&self.decode, self.content_length);
                }
            }
        }
        Ok(FieldStorage::new(
            self.head,
            FieldContent::List(self.fields),
            self.content_length,
            self.budget.body_bytes(),
        ))
    }

    fn next_event(&mut self) -> Result<Option<MultipartEvent>, FormError> {
        match &mut self.source {
            FormParser::Multipart(parser) => parser.next_event(),
            FormParser::Urlencoded(_) | FormParser::Single => Ok(None),
        }
    }

    fn begin(&mut self, head: PartHead) -> Result<(), FormError> {
        self.budget.spend_part(&head)?;
        let value = if head.is_multipart() {
            Value::List(Vec::new())
        } else if let Some(filename) = head.filename.as_deref().filter(|_| head.is_file()) {
            match &mut self.file_callback {
                Some(callback) => {
                    let filename = safe_filename(filename);
                    let file = callback(filename.as_deref().unwrap_or("unnamed")).map_err(FormError::File)?;
                    Value::Callback(LineWriter::new(file))
                }
                None => {
                    let left = self.budget.limits().spool_bytes.saturating_sub(self.spooled_bytes);
                    let most = usize::try_from(left.max(SMALL_FILE)).unwrap_or(usize::MAX);
                    Value::Temporary(SpooledTempFile::new(most))
                }
            }
        } else {
            Value::Text(Vec::new())
        };
        self.open.push(OpenPart { head, bytes_read: 0, value });
        Ok(())
    }

    fn write(&mut self, data: &[u8]) -> Result<(), FormError> {
        let Some(part) = self.open.last_mut() else { return Ok(()) };
        part.bytes_read += data.len() as u64;
        match &mut part.value {
            Value::Text(text) => {
                self.budget.spend_text(data, part.bytes_read)?;
                text.extend_from_slice(data);
                Ok(())
            }
            Value::Temporary(file) => file.write_all(data).map_err(FormError::Storage),
            Value::Callback(file) => file.write(data).map_err(FormError::File),
            Value::List(_) => Ok(()),
        }
    }

    fn end(&mut self) -> Result<(), FormError> {
        let Some(part) = self.open.pop() else { return Ok(()) };
        if let Value::Temporary(file) = &part.value
            && !file.is_rolled()
        {
            self.spooled_bytes += part.bytes_read;
        }
        let field = part.finish(&self.decode, None)?;
        match self.open.last_mut() {
            Some(OpenPart { value: Value::List(fields), bytes_read, .. }) => {
                *bytes_read += field.bytes_read();
                fields.push(field);
            }
            _ => self.fields.push(field),
        }
        Ok(())
    }
}

impl OpenPart {
    fn finish(self, decode: &Decode, length: Option<u64>) -> Result<FieldStorage, FormError> {
        let content = match self.value {
            Value::Text(text) => FieldContent::Text(decode(text).map_err(FormError::Decode)?),
            Value::Temporary(mut file) => {
                file.rewind().map_err(FormError::Storage)?;
                FieldContent::File(Mutex::new(Box::new(file)))
            }
            Value::Callback(file) => FieldContent::File(Mutex::new(file.finish().map_err(FormError::File)?)),
            Value::List(fields) => FieldContent::List(fields),
        };
        Ok(FieldStorage::new(self.head, content, length, self.bytes_read))
    }
}

impl fmt::Debug for FormReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormReader")
            .field("head", &self.head)
            .field("fields", &self.fields)
            .finish_non_exhaustive()
    }
}

/// Reads a form from a request's body.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi_core::form::FormError> {
/// use http_body_util::Full;
/// use poorwsgi_core::form::{FormOptions, read_form};
///
/// let body = Full::new("name=Ada&age=36".into());
/// let form = read_form(body, "application/x-www-form-urlencoded", FormOptions::default()).await?;
/// assert_eq!(form.get("name"), Some("Ada"));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`FormError::Body`] where the body fails, which is never taken for its end, and any other [`FormError`]. A
/// body whose size hint is over the limit is refused before it is read.
pub async fn read_form<B>(
    body: B,
    content_type: &str,
    options: FormOptions,
) -> Result<FieldStorage, FormError>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let mut body = pin!(body);
    let size = body.size_hint();
    limits::BODY_BYTES.check(&options.limits, size.lower())?;
    let content_length = options.content_length.or_else(|| size.exact());
    let mut reader = FormReader::new(content_type, FormOptions { content_length, ..options })?;
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(|error| FormError::Body(error.into()))?.into_data() {
            reader.push(data)?;
        }
    }
    reader.finish()
}

#[cfg(test)]
mod tests;
