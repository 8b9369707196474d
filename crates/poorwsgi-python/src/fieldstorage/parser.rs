//! `FieldStorageParser`: parses a form from a Python file.

use poorwsgi_core::form::multipart::is_boundary;
use poorwsgi_core::form::{
    self as engine, FieldContent, FormError, FormFileCallback, FormKind, FormLimits, FormOptions, FormReader,
    PartHead, URLENCODED,
};
use poorwsgi_core::headers::framing::content_length;
use poorwsgi_core::headers::parameters::{parse_header, render_parameter};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyInt, PyList, PyString, PyTuple};

use super::field::{Described, FieldStorage, Origin};
use super::file::FileCloser;
use super::limited_input::{LimitedInput, whole};
use super::{convert, decode, file, form_error};
use crate::headers::{Headers, header_error};
use crate::names::{Name, kind_of, overrides};

/// Whether a str or bytes is a valid boundary of a multipart body: 1 to 201 printable ASCII characters that
/// do not end with a space.
#[pyfunction]
pub(crate) fn valid_boundary(data: &Bound<'_, PyAny>) -> PyResult<bool> {
    if let Ok(text) = data.cast::<PyString>() {
        return Ok(text.to_str().is_ok_and(|text| is_boundary(text.as_bytes())));
    }
    match data.cast::<PyBytes>() {
        Ok(bytes) => Ok(is_boundary(bytes.as_bytes())),
        Err(_) => {
            Err(PyTypeError::new_err(format!("the boundary is {}; expected str or bytes", kind_of(data))))
        }
    }
}

/// Parses a body: a URL-encoded or multipart form, or, for any other type, a single field.
///
///     >>> from io import BytesIO
///     >>> from poorwsgi.headers import Headers
///     >>> headers = Headers({"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "7"})
///     >>> FieldStorageParser(BytesIO(b"a=1&b=2"), headers).parse().get("b")
///     '2'
///
/// Requests parse their forms themselves; this class is for other bodies.
///
/// - input_: the body, a binary file. It is read up to the Content-Length or limit, whichever is less;
///   without both, to its end.
/// - headers: the headers of the body, Headers or a dict. Content-Type, Content-Length and
///   Content-Disposition are used.
/// - keep_blank_values: whether a URL-encoded field with an empty value is kept; by default it is left out.
/// - strict_parsing: whether a URL-encoded field without "=" raises ValueError; by default its value is
///   empty.
/// - encoding, errors: how bytes are decoded, as for bytes.decode. The encodings idna and punycode are not
///   allowed.
/// - max_num_fields: the maximum number of fields, files included; by default 1000 fields and 100 files. More
///   of them raise ValueError.
/// - separator: the separator of URL-encoded fields.
/// - file_callback: a function that gets the name of an uploaded file, without folders and dangerous
///   characters, and returns the object to which the file is written while the body arrives; the object needs
///   write, read and seek. By default, a file of up to 8 KiB is a BytesIO; of larger files, 256 KiB together
///   are kept in memory (and written to disk only when fileno() is called), and the others are temporary
///   files.
/// - outerboundary: the boundary at which to stop, if the body is a part of another body.
///
/// Raises ValueError for a body that is no valid form, ends early, or exceeds a limit. A complete body
/// without the boundary is an empty form. Exceptions of the callback and its file are not changed.
#[pyclass(subclass, dict, weakref, module = "poorwsgi.fieldstorage")]
#[derive(Default)]
pub(crate) struct FieldStorageParser {
    /// The file that is read.
    #[pyo3(get, set)]
    pub(super) input: Option<Py<PyAny>>,
    /// The headers of the body.
    #[pyo3(get, set)]
    headers: Option<Py<PyAny>>,
    /// The boundary at which to stop, as bytes.
    #[pyo3(get, set)]
    pub(super) outerboundary: Vec<u8>,
    /// Whether URL-encoded fields with an empty value are kept.
    #[pyo3(get, set)]
    keep_blank_values: Option<Py<PyAny>>,
    /// Whether URL-encoded fields without "=" are an error.
    #[pyo3(get, set)]
    strict_parsing: Option<Py<PyAny>>,
    /// The maximum number of bytes to read; None for no limit.
    #[pyo3(get, set)]
    pub(super) limit: Option<i64>,
    /// The encoding of names and texts.
    #[pyo3(get, set)]
    pub(super) encoding: String,
    /// The error handler for bytes that are invalid in the encoding, as for bytes.decode.
    #[pyo3(get, set)]
    pub(super) errors: String,
    /// The maximum number of fields; None for the default.
    #[pyo3(get, set)]
    max_num_fields: Option<u64>,
    /// The separator of URL-encoded fields.
    #[pyo3(get, set)]
    separator: Option<Py<PyAny>>,
    /// The function that returns the file for an upload; None for temporary files.
    #[pyo3(get, set)]
    pub(super) file_callback: Option<Py<PyAny>>,
    /// How many bytes were read.
    #[pyo3(get, set)]
    pub(super) bytes_read: u64,
    /// 1 after the closing boundary was read, -1 after the body has ended, otherwise 0.
    #[pyo3(get, set)]
    pub(super) done: i64,
    /// The name of the file that is being read, or None.
    #[pyo3(get, set)]
    pub(super) filename: Option<Py<PyAny>>,
    /// The boundary between the parts of the body, as bytes.
    #[pyo3(get, set)]
    innerboundary: Vec<u8>,
    /// The Content-Length; -1 if there is none.
    #[pyo3(get, set)]
    length: i64,
}

#[pymethods]
impl FieldStorageParser {
    /// PoorWSGI's block size. Files up to this number of bytes are always kept in memory.
    #[classattr]
    const BUFSIZE: u64 = 8192;

    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(input_=None, headers=None, outerboundary=b'', keep_blank_values=0, strict_parsing=0, \
            limit=None, encoding='utf-8', errors='replace', max_num_fields=None, separator='&', file_callback=None)"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        FieldStorageParser {
            length: -1,
            encoding: "utf-8".to_owned(),
            errors: "replace".to_owned(),
            ..FieldStorageParser::default()
        }
    }

    #[expect(clippy::too_many_arguments, reason = "PoorWSGI's")]
    #[pyo3(signature = (
        input_ = None, headers = None, outerboundary = Vec::new(), keep_blank_values = None, strict_parsing = None,
        limit = None, encoding = "utf-8", errors = "replace", max_num_fields = None, separator = None,
        file_callback = None
    ))]
    fn __init__(
        slf: &Bound<'_, Self>,
        input_: Option<Bound<'_, PyAny>>,
        headers: Option<Py<PyAny>>,
        outerboundary: Vec<u8>,
        keep_blank_values: Option<Py<PyAny>>,
        strict_parsing: Option<Py<PyAny>>,
        limit: Option<i64>,
        encoding: &str,
        errors: &str,
        max_num_fields: Option<u64>,
        separator: Option<Py<PyAny>>,
        file_callback: Option<Py<PyAny>>,
    ) -> PyResult<()> {
        static TEXT_IO_WRAPPER: Name = Name::new("io", "TextIOWrapper");
        let py = slf.py();
        let input = match input_ {
            Some(input) if input.is_instance(TEXT_IO_WRAPPER.get(py)?)? => Some(input.getattr("buffer")?),
            input => input,
        };
        let headers = match headers {
            Some(headers) => headers,
            None => Bound::new(py, Headers::default())?.into_any().unbind(),
        };
        let zero = || PyInt::new(py, 0).into_any().unbind();
        let mut parser = slf.try_borrow_mut()?;
        *parser = FieldStorageParser {
            input: input.map(Bound::unbind),
            headers: Some(headers),
            outerboundary,
            keep_blank_values: Some(keep_blank_values.unwrap_or_else(zero)),
            strict_parsing: Some(strict_parsing.unwrap_or_else(zero)),
            limit,
            encoding: encoding.to_owned(),
            errors: errors.to_owned(),
            max_num_fields,
            separator: Some(separator.unwrap_or_else(|| PyString::intern(py, "&").into_any().unbind())),
            file_callback,
            length: -1,
            ..FieldStorageParser::default()
        };
        Ok(())
    }

    /// Parses the body, and returns the form.
    fn parse<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, FieldStorage>> {
        let py = slf.py();
        let mut head = Self::head(slf)?;
        let mut form = FieldStorage {
            name: head.name.take().map(|name| convert::text(py, &name)),
            filename: head.filename.as_deref().map(|name| convert::text(py, &convert::filename(name))),
            ..FieldStorage::default()
        };
        let length = Self::header(slf, "Content-Length")?.and_then(|length| parsed(&length));
        {
            let mut parser = slf.try_borrow_mut()?;
            parser.filename = form.filename.as_ref().map(|name| name.clone_ref(py));
            parser.length = length.unwrap_or(-1);
            parser.limit = parser.limit.or(length);
        }
        let is_exact = slf.is_exact_instance_of::<Self>();
        match FormKind::of(&head.content_type) {
            FormKind::Urlencoded if is_exact => form.texts = Self::read_form(slf, URLENCODED)?,
            FormKind::Urlencoded => {
                form.list = Some(slf.call_method0(intern!(py, "read_urlencoded"))?.unbind());
            }
            FormKind::Multipart => {
                let boundary = head.type_options.iter().find(|(name, _)| name == "boundary");
                slf.try_borrow_mut()?.innerboundary =
                    boundary.map(|(_, boundary)| boundary.clone().into_bytes()).unwrap_or_default();
                form.list = Some(slf.call_method0(intern!(py, "read_multi"))?.unbind());
            }
            FormKind::Single => {
                form.file = Some(FileCloser::new(&slf.call_method0(intern!(py, "read_single"))?)?);
                if let Some(length) = Self::known_length(slf)? {
                    whole(slf.try_borrow()?.bytes_read, length)?;
                }
            }
        }
        let bytes_read = slf.try_borrow()?.bytes_read;
        let length = Self::known_length(slf)?;
        form.origin = Origin::Body(Box::new(Described { head, length, bytes_read }));
        FieldStorage::bound(py, form)
    }

    /// Reads a URL-encoded body, and returns the list of its fields.
    fn read_urlencoded<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        FieldStorage::list_of_engine(slf.py(), Self::read_form(slf, URLENCODED)?)
    }

    /// Reads a multipart body whose boundary is innerboundary, and returns the list of its fields.
    fn read_multi<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let boundary = Self::inner_boundary(slf)?;
        let boundary = render_parameter("boundary", Some(&boundary)).map_err(header_error)?;
        FieldStorage::list_of_engine(
            slf.py(),
            Self::read_form(slf, &format!("multipart/form-data; {boundary}"))?,
        )
    }

    fn _parse_content_type<'py>(slf: &Bound<'py, Self>) -> PyResult<(String, Bound<'py, PyDict>)> {
        let line = Self::content_type(slf)?;
        let (value, parameters) = parse_header(&line);
        let options = PyDict::new(slf.py());
        parameters.iter().try_for_each(|(name, value)| options.set_item(name, value))?;
        Ok((value.to_owned(), options))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.held().into_iter().flatten().try_for_each(|held| visit.call(held))
    }

    fn __clear__(&mut self) {
        *self = FieldStorageParser::default();
    }
}

impl FieldStorageParser {
    fn held(&self) -> [&Option<Py<PyAny>>; 7] {
        [
            &self.input,
            &self.headers,
            &self.keep_blank_values,
            &self.strict_parsing,
            &self.separator,
            &self.file_callback,
            &self.filename,
        ]
    }

    /// The value of an attribute, or None.
    pub(super) fn attribute<'py>(
        slf: &Bound<'py, Self>,
        attribute: impl Fn(&Self) -> &Option<Py<PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = attribute(&*slf.try_borrow()?).as_ref().map(|value| value.clone_ref(slf.py()));
        Ok(value.unwrap_or_else(|| slf.py().None()).into_bound(slf.py()))
    }

    fn header(slf: &Bound<'_, Self>, name: &str) -> PyResult<Option<String>> {
        let headers = Self::attribute(slf, |parser| &parser.headers)?;
        if let Ok(headers) = headers.cast_exact::<Headers>() {
            let value = headers.get().lock().get(name).cloned();
            return Ok(value.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()));
        }
        match headers.call_method1(intern!(slf.py(), "get"), (name,))? {
            value if value.is_none() => Ok(None),
            value => value.extract().map(Some),
        }
    }

    /// The Content-Type of the body, or its default.
    fn content_type(slf: &Bound<'_, Self>) -> PyResult<String> {
        let default = if slf.try_borrow()?.outerboundary.is_empty() { URLENCODED } else { "text/plain" };
        Ok(Self::header(slf, "Content-Type")?.unwrap_or_else(|| default.to_owned()))
    }

    fn head(slf: &Bound<'_, Self>) -> PyResult<PartHead> {
        let disposition = Self::header(slf, "Content-Disposition")?.unwrap_or_default();
        PartHead::of_body(&Self::content_type(slf)?, &disposition).map_err(|error| Self::error(slf, error))
    }

    pub(super) fn inner_boundary(slf: &Bound<'_, Self>) -> PyResult<String> {
        let boundary = slf.try_borrow()?.innerboundary.clone();
        match String::from_utf8(boundary) {
            Ok(boundary) if is_boundary(boundary.as_bytes()) => Ok(boundary),
            boundary => {
                let shown = boundary.unwrap_or_else(|error| error.into_bytes().escape_ascii().to_string());
                Err(PyValueError::new_err(format!(
                    "Invalid boundary {shown:?}; expected 1 to 201 printable ASCII characters without a space at the end"
                )))
            }
        }
    }

    pub(super) fn error(slf: &Bound<'_, Self>, error: FormError) -> PyErr {
        let most = slf.try_borrow().map(|parser| parser.max_num_fields);
        most.map_or_else(PyErr::from, |most| form_error::of_parser(error, most))
    }

    /// The input, up to the length or the limit, whichever is less.
    pub(super) fn source<'py>(slf: &Bound<'py, Self>, length: Option<u64>) -> PyResult<LimitedInput<'py>> {
        let limit = slf.try_borrow()?.limit.and_then(|limit| u64::try_from(limit).ok());
        Ok(LimitedInput::new(Self::attribute(slf, |parser| &parser.input)?, length, limit))
    }

    pub(super) fn known_length(slf: &Bound<'_, Self>) -> PyResult<Option<u64>> {
        Ok(u64::try_from(slf.try_borrow()?.length).ok())
    }

    fn read_form(slf: &Bound<'_, Self>, content_type: &str) -> PyResult<Vec<engine::FieldStorage>> {
        let mut source = Self::source(slf, Self::known_length(slf)?)?;
        let failed = |error| Self::error(slf, error);
        let mut reader = FormReader::new(content_type, Self::options(slf)?).map_err(failed)?;
        while !reader.is_complete()
            && let Some(block) = source.block()?
        {
            reader.push(block).map_err(failed)?;
        }
        slf.try_borrow_mut()?.bytes_read += source.read();
        if !reader.is_complete() {
            source.end()?;
        }
        if reader.is_before_first_boundary() {
            // As in PoorWSGI, this parser returns an empty form. In a request, the same body is answered with
            // 400.
            return Ok(Vec::new());
        }
        match engine::into_parts(reader.finish().map_err(failed)?).1 {
            FieldContent::List(fields) => Ok(fields),
            FieldContent::Text(_) | FieldContent::File(_) => Ok(Vec::new()),
        }
    }

    fn options(slf: &Bound<'_, Self>) -> PyResult<FormOptions> {
        let file_callback = Self::file_callback(slf)?;
        let separator = separator(&Self::attribute(slf, |parser| &parser.separator)?)?;
        let keep_blank_values = Self::attribute(slf, |parser| &parser.keep_blank_values)?.is_truthy()?;
        let strict_parsing = Self::attribute(slf, |parser| &parser.strict_parsing)?.is_truthy()?;
        let parser = slf.try_borrow()?;
        let mut limits = FormLimits::default();
        if let Some(most) = parser.max_num_fields {
            // It counts fields of every kind.
            limits = FormLimits { fields: most, parts: most, files: most, ..limits };
        }
        // The caller has passed the length of the body, and so has accepted to read that much.
        limits.body_bytes = limits.body_bytes.max(u64::try_from(parser.length).unwrap_or(0));
        let decode = decode::decode(slf.py(), &parser.encoding, &parser.errors)?;
        Ok(FormOptions {
            limits,
            keep_blank_values,
            strict_parsing,
            separator,
            decode,
            file_callback,
            content_length: None,
        })
    }

    /// The source of files for uploads: the callback, or `make_file` if a subclass overrides it.
    fn file_callback(slf: &Bound<'_, Self>) -> PyResult<Option<FormFileCallback>> {
        let is_exact = slf.is_exact_instance_of::<Self>();
        if !is_exact && overrides(&slf.get_type(), &slf.py().get_type::<Self>(), &["make_file"])? {
            let parser = slf.clone().unbind();
            return Ok(Some(file::callback(move |py, filename| {
                let parser = parser.bind(py);
                parser.try_borrow_mut()?.filename = Some(convert::text(py, filename));
                parser.call_method0("make_file")
            })));
        }
        let callback = Self::attribute(slf, |parser| &parser.file_callback)?;
        if callback.is_none() {
            return Ok(None);
        }
        let callback = callback.unbind();
        Ok(Some(file::callback(move |py, filename| callback.bind(py).call1((filename,)))))
    }
}

fn separator(separator: &Bound<'_, PyAny>) -> PyResult<u8> {
    match separator.extract::<char>().map(u8::try_from) {
        Ok(Ok(byte)) if byte.is_ascii() => Ok(byte),
        _ => Err(PyValueError::new_err(format!(
            "separator must be one ASCII character, not {}",
            separator.repr()?
        ))),
    }
}

/// The Content-Length as a number; `None` if it is no number.
fn parsed(length: &str) -> Option<i64> {
    content_length(length.as_bytes()).ok().and_then(|length| length.try_into().ok())
}
