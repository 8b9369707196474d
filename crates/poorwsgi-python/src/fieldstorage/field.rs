//! `FieldStorage`: a field of a form, and the form itself.

use std::sync::PoisonError;

use poorwsgi_core::form::{self as engine, FieldContent, PartHead};
use pyo3::exceptions::PyAttributeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::convert;
use super::file::{self, FileCloser, close};
use super::interface::FieldStorageInterface;
use crate::names::Name;

/// A field of a form: a text, a file, or a list of fields. A form is itself such a list.
///
/// A form is used like a dictionary of its fields. [] returns the field, or a list of fields if several have
/// the same name; get, getvalue, getfirst and getlist return values.
///
///     >>> form = FieldStorage()
///     >>> form.list = [FieldStorage("name", "Ada"), FieldStorage("tag", "a"), FieldStorage("tag", "b")]
///     >>> form.get("name"), form.getlist("tag"), form["name"].value
///     ('Ada', ['a', 'b'], 'Ada')
///
/// A parsed field also has these attributes:
///
/// - filename: the name of an uploaded file without folders and dangerous characters; "" if no file was
///   chosen, None for a field that is no file. The name as it was sent is in disposition_options.
/// - file: the uploaded file, positioned at its beginning; for a text in a multipart form, a StringIO.
/// - type, type_options: the media type and its parameters.
/// - disposition, disposition_options: the Content-Disposition and its parameters.
/// - length: the announced length in bytes, or -1; bytes_read: how many bytes were read.
///
/// The file is closed when the field is garbage-collected, or at the end of a with statement.
#[pyclass(subclass, dict, weakref, extends = FieldStorageInterface, module = "poorwsgi.fieldstorage")]
#[derive(Default)]
pub(crate) struct FieldStorage {
    /// The name of the field; None for a form.
    #[pyo3(get, set)]
    pub(super) name: Option<Py<PyAny>>,
    /// The name of an uploaded file, or None.
    #[pyo3(get, set)]
    pub(super) filename: Option<Py<PyAny>>,
    pub(super) value: Option<Py<PyAny>>,
    pub(super) file: Option<FileCloser>,
    pub(super) list: Option<Py<PyAny>>,
    /// The texts of a URL-encoded form. `list` is created from them at the first access.
    pub(super) texts: Vec<engine::FieldStorage>,
    pub(super) origin: Origin,
}

/// The origin of a field, which determines its attributes.
#[derive(Default)]
pub(super) enum Origin {
    /// Created by Python code.
    #[default]
    Python,
    /// A URL-encoded form: the field has only a name and a text.
    Urlencoded,
    /// A body or a part of a multipart body. Its text can be read as a file, which is created at the first
    /// access.
    Body(Box<Described>),
}

/// The headers and sizes of a body or a part. Python objects are created from them at each access.
pub(super) struct Described {
    pub(super) head: PartHead,
    pub(super) length: Option<u64>,
    pub(super) bytes_read: u64,
}

impl Described {
    fn of_text(text: &str) -> Self {
        let head = PartHead { content_type: "text/plain".to_owned(), ..PartHead::default() };
        let length = text.len() as u64;
        Described { head, length: Some(length), bytes_read: length }
    }
}

#[pymethods]
impl FieldStorage {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(name=None, value=None)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        PyClassInitializer::from(FieldStorageInterface).add_subclass(FieldStorage::default())
    }

    #[pyo3(signature = (name = None, value = None))]
    fn __init__(&mut self, name: Option<Py<PyAny>>, value: Option<Py<PyAny>>) {
        self.name = name;
        self.value = value;
    }

    /// Closes the file, if any. Called when the field is garbage-collected.
    fn __del__(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::own_file(slf)?.map_or(Ok(()), |file| close(&file))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> Bound<'py, Self> {
        slf.clone()
    }

    /// Closes the file, if any.
    #[pyo3(signature = (*_args))]
    fn __exit__(slf: &Bound<'_, Self>, _args: &Bound<'_, PyTuple>) -> PyResult<()> {
        Self::own_file(slf)?.map_or(Ok(()), |file| close(&file))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let py = slf.py();
        let name = Self::present(slf, |field| &field.name)?.unwrap_or_else(|| py.None().into_bound(py));
        let list = Self::list(slf)?;
        let shown = if let Some(value) = Self::present(slf, |field| &field.value)? {
            value.str()?
        } else if list.is_truthy()? {
            list.repr()?
        } else if let Some(filename) = Self::present(slf, |field| &field.filename)? {
            PyString::new(py, &format!("file {}", filename.repr()?))
        } else {
            Self::file(slf)?.into_pyobject(py)?.str()?
        };
        Ok(format!("{}({name}, {shown})", slf.get_type().name()?))
    }

    fn __bool__(slf: &Bound<'_, Self>) -> PyResult<bool> {
        if Self::list(slf)?.is_truthy()? {
            return Ok(true);
        }
        match Self::present(slf, |field| &field.value)? {
            Some(value) => value.is_truthy(),
            None => Self::own_file(slf)?.map_or(Ok(false), |file| has_content(&file)),
        }
    }

    /// The fields of a form, in order.
    #[getter(list)]
    pub(super) fn list<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if let Some(list) = Self::present(slf, |field| &field.list)? {
            return Ok(list);
        }
        let texts = std::mem::take(&mut slf.try_borrow_mut()?.texts);
        let list = Self::list_of_engine(slf.py(), texts)?.into_any();
        slf.try_borrow_mut()?.list = Some(list.clone().unbind());
        Ok(list)
    }

    #[setter]
    fn set_list(slf: &Bound<'_, Self>, list: Py<PyAny>) -> PyResult<()> {
        let _old = slf.try_borrow_mut()?.list.replace(list);
        Ok(())
    }

    /// The uploaded file, or the text of a multipart form's field as a StringIO; None if there is neither.
    #[getter]
    fn file<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        static STRING_IO: Name = Name::new("io", "StringIO");
        if let Some(file) = Self::own_file(slf)? {
            return Ok(Some(file));
        }
        let py = slf.py();
        let text = {
            let field = slf.try_borrow()?;
            match field.origin {
                Origin::Body(_) => field.value.as_ref().map(|text| text.clone_ref(py)),
                Origin::Python | Origin::Urlencoded => None,
            }
        };
        let Some(text) = text else { return Ok(None) };
        let file = STRING_IO.get(py)?.call1((text,))?;
        let closing = FileCloser::new(&file)?;
        let mut field = slf.try_borrow_mut()?;
        field.file = Some(closing);
        // The application may write to the file, so from now on its content is the value.
        field.value = None;
        Ok(Some(file))
    }

    #[setter]
    fn set_file(slf: &Bound<'_, Self>, file: Option<Bound<'_, PyAny>>) -> PyResult<()> {
        let file = file.as_ref().map(FileCloser::new).transpose()?;
        let old = std::mem::replace(&mut slf.try_borrow_mut()?.file, file);
        old.map_or(Ok(()), |old| old.release(slf.py()))
    }

    /// The value: a text, the content of a file, or the list of fields of a form; None if there is none of
    /// these.
    #[getter]
    pub(super) fn value<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some(value) = Self::present(slf, |field| &field.value)? {
            return Ok(Some(value));
        }
        if let Some(file) = Self::own_file(slf)? {
            return read_all(&file).map(Some);
        }
        let list = Self::list(slf)?;
        Ok(if list.is_truthy()? { Some(list) } else { None })
    }

    /// The media type.
    #[getter]
    fn r#type<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::description(slf, "type", |py, described| text(py, &described.head.content_type))
    }

    #[setter]
    fn set_type(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::describe(slf, "type", value)
    }

    /// The parameters of the media type.
    #[getter]
    fn type_options<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::description(slf, "type_options", |py, described| options(py, &described.head.type_options))
    }

    #[setter]
    fn set_type_options(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::describe(slf, "type_options", value)
    }

    /// The Content-Disposition: "form-data" in a multipart form, otherwise "".
    #[getter]
    fn disposition<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::description(slf, "disposition", |py, described| text(py, &described.head.disposition))
    }

    #[setter]
    fn set_disposition(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::describe(slf, "disposition", value)
    }

    /// The parameters of the Content-Disposition, as they were sent.
    #[getter]
    fn disposition_options<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::description(slf, "disposition_options", |py, described| {
            options(py, &described.head.disposition_options)
        })
    }

    #[setter]
    fn set_disposition_options(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::describe(slf, "disposition_options", value)
    }

    /// The length in bytes that was announced (Content-Length); -1 if it was not.
    #[getter]
    fn length<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::description(slf, "length", |py, described| match described.length {
            Some(length) => Ok(length.into_pyobject(py)?.into_any()),
            None => Ok((-1_i64).into_pyobject(py)?.into_any()),
        })
    }

    #[setter]
    fn set_length(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::describe(slf, "length", value)
    }

    /// How many bytes were read: for a form, those of its body; for a field, those of its value.
    #[getter]
    fn bytes_read<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::description(slf, "bytes_read", |py, described| {
            Ok(described.bytes_read.into_pyobject(py)?.into_any())
        })
    }

    #[setter]
    fn set_bytes_read(slf: &Bound<'_, Self>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::describe(slf, "bytes_read", value)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let held = [&self.name, &self.filename, &self.value, &self.list];
        held.into_iter().flatten().try_for_each(|held| visit.call(held))?;
        self.file.as_ref().map_or(Ok(()), |file| file.traverse(&visit))
    }

    fn __clear__(&mut self) {
        drop(std::mem::take(self));
    }
}

impl FieldStorage {
    pub(super) fn bound(py: Python<'_>, field: FieldStorage) -> PyResult<Bound<'_, Self>> {
        Bound::new(py, PyClassInitializer::from(FieldStorageInterface).add_subclass(field))
    }

    /// Converts a form to Python objects.
    pub(super) fn of_engine(py: Python<'_>, form: engine::FieldStorage) -> PyResult<Bound<'_, Self>> {
        let field = match engine::into_pair(form) {
            Ok((name, value)) => text_field(py, &name, &value),
            Err(form) => body(py, form)?,
        };
        Self::bound(py, field)
    }

    /// The fields of a form as a list.
    pub(super) fn list_of_engine(
        py: Python<'_>,
        fields: Vec<engine::FieldStorage>,
    ) -> PyResult<Bound<'_, PyList>> {
        let fields: Vec<_> =
            fields.into_iter().map(|field| Self::of_engine(py, field)).collect::<PyResult<_>>()?;
        PyList::new(py, fields)
    }

    pub(super) fn present<'py>(
        slf: &Bound<'py, Self>,
        attribute: impl Fn(&Self) -> &Option<Py<PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(attribute(&*slf.try_borrow()?).as_ref().map(|value| value.bind(slf.py()).clone()))
    }

    /// The file, if one was set or created.
    fn own_file<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = slf.py();
        let closing = slf.try_borrow()?.file.as_ref().map(|file| file.clone_ref(py));
        closing.map(|closing| closing.file(py)).transpose()
    }

    /// An attribute that is computed from the origin at the first access, and stored in `__dict__` then.
    fn description<'py>(
        slf: &Bound<'py, Self>,
        name: &'static str,
        make: impl FnOnce(Python<'py>, &Described) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let attributes = Self::attributes(slf)?;
        if let Some(value) = attributes.get_item(name)? {
            return Ok(value);
        }
        let made = match &slf.try_borrow()?.origin {
            Origin::Body(described) => make(slf.py(), described)?,
            Origin::Urlencoded => {
                let value = Self::present(slf, |field| &field.value)?;
                make(slf.py(), &Described::of_text(&value.map(|text| text.to_string()).unwrap_or_default()))?
            }
            Origin::Python => {
                return Err(PyAttributeError::new_err(format!(
                    "this field was not parsed from a form, and has no attribute {name}"
                )));
            }
        };
        attributes.set_item(name, &made)?;
        Ok(made)
    }

    fn describe(slf: &Bound<'_, Self>, name: &str, value: &Bound<'_, PyAny>) -> PyResult<()> {
        Self::attributes(slf)?.set_item(name, value)
    }

    fn attributes<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        Ok(slf.getattr(intern!(slf.py(), "__dict__"))?.cast_into()?)
    }
}

fn text_field(py: Python<'_>, name: &str, value: &str) -> FieldStorage {
    FieldStorage {
        name: Some(convert::text(py, name)),
        value: Some(convert::text(py, value)),
        origin: Origin::Urlencoded,
        ..FieldStorage::default()
    }
}

fn body(py: Python<'_>, field: engine::FieldStorage) -> PyResult<FieldStorage> {
    let (length, bytes_read) = (field.length(), field.bytes_read());
    let (mut head, content) = engine::into_parts(field);
    let mut made = FieldStorage {
        name: head.name.take().map(|name| convert::text(py, &name)),
        filename: head.filename.as_deref().map(|name| convert::text(py, &convert::filename(name))),
        ..FieldStorage::default()
    };
    match content {
        FieldContent::Text(value) => made.value = Some(convert::text(py, &value)),
        FieldContent::File(file) => {
            let file = file.into_inner().unwrap_or_else(PoisonError::into_inner);
            made.file = Some(FileCloser::new(&file::to_python(py, file)?)?);
        }
        FieldContent::List(fields) if head.is_multipart() => {
            made.list = Some(FieldStorage::list_of_engine(py, fields)?.into_any().unbind());
        }
        FieldContent::List(texts) => made.texts = texts,
    }
    made.origin = Origin::Body(Box::new(Described { head, length, bytes_read }));
    Ok(made)
}

fn text<'py>(py: Python<'py>, text: &str) -> PyResult<Bound<'py, PyAny>> {
    Ok(PyString::new(py, text).into_any())
}

fn options<'py>(py: Python<'py>, options: &[(String, String)]) -> PyResult<Bound<'py, PyAny>> {
    let dict = PyDict::new(py);
    options.iter().try_for_each(|(name, value)| dict.set_item(name, value))?;
    Ok(dict.into_any())
}

/// The whole content of a file, whose position is 0 afterwards.
fn read_all<'py>(file: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    read(file, None)
}

fn has_content(file: &Bound<'_, PyAny>) -> PyResult<bool> {
    read(file, Some(1))?.is_truthy()
}

fn read<'py>(file: &Bound<'py, PyAny>, size: Option<usize>) -> PyResult<Bound<'py, PyAny>> {
    let (seek, read) = (intern!(file.py(), "seek"), intern!(file.py(), "read"));
    file.call_method1(seek, (0,))?;
    let data = match size {
        Some(size) => file.call_method1(read, (size,))?,
        None => file.call_method0(read)?,
    };
    file.call_method1(seek, (0,))?;
    Ok(data)
}
