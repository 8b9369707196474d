//! `Headers`, the map of header fields.

use std::borrow::Cow;
use std::sync::{Mutex, MutexGuard, PoisonError};

use poorwsgi_core::headers::{self as engine, HeaderError};
use pyo3::exceptions::{PyKeyError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyIterator, PyList, PyMapping, PyString, PyTuple};

use super::functions::render_negotiation;
use super::native::{bytes_to_native, text, text_to_bytes, value_to_native};
use crate::names::kind_of;

/// Header fields in order, as a mapping with case-insensitive names.
///
///     >>> headers = Headers({"X-Powered-By": "PoorWSGI"})
///     >>> headers["x-powered-by"]
///     'PoorWSGI'
///
/// headers is a dict, a list, tuple or set of (name, value) pairs, one such pair, or other Headers. Values
/// are stored as native strings of WSGI, with one character for each byte: a text that is set is encoded in
/// UTF-8, and reading returns one character for each of these bytes. utf8() decodes such a string to text.
///
/// strict=False is for the headers of a request: values are taken as native strings, as in a WSGI environ;
/// control characters become spaces, and fields with an invalid name are left out.
///
/// A value may also be set to a list or tuple of choices: headers["Accept"] = [("text/html", 1.0), ("*/*",
/// 0.5)].
///
/// A name may occur several times, for example Set-Cookie: [] returns the first value, get_all() all of them.
/// Iteration yields pairs, not names.
///
/// Raises TypeError for a name or value that is no str, ValueError for a name that is not a token, and for a
/// value with a control character, because a line break would start another header.
#[pyclass(frozen, mapping, subclass, dict, weakref, module = "poorwsgi.headers")]
#[derive(Default)]
pub(crate) struct Headers {
    // No Python code runs while this is locked, not even a finalizer: so values are copied out before Python
    // objects are created from them.
    fields: Mutex<engine::Headers>,
}

#[pymethods]
impl Headers {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(headers=None, strict=True)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Headers::default()
    }

    #[pyo3(signature = (headers = None, strict = true))]
    fn __init__(&self, headers: Option<&Bound<'_, PyAny>>, strict: bool) -> PyResult<()> {
        if let Some(headers) = headers {
            let fields =
                if strict { headers_from_python(headers)? } else { fields_from(headers, Text::Native)? };
            *self.lock() = fields;
        }
        Ok(())
    }

    fn __len__(&self) -> usize {
        self.lock().len()
    }

    fn __getitem__<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        let name = text(name)?;
        self.value(py, name).ok_or_else(|| PyKeyError::new_err(format!("{name:?} is not among the headers")))
    }

    fn __setitem__(&self, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, line) = (text(name)?, line(value)?);
        self.lock().set(name, &*line).map_err(header_error)
    }

    fn __delitem__(&self, name: &Bound<'_, PyAny>) -> PyResult<()> {
        let name = text(name)?;
        self.lock().remove(name);
        Ok(())
    }

    fn __contains__(this: &Bound<'_, Self>, name: &Bound<'_, PyAny>) -> PyResult<bool> {
        if this.is_exact_instance_of::<Self>() {
            return Ok(this.get().lock().contains(text(name)?));
        }
        found(this.get_item(name)).map(|value| value.is_some())
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyIterator>> {
        self.items(py)?.try_iter()
    }

    fn __eq__<'py>(this: &Bound<'py, Self>, other: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let py = this.py();
        let Ok(other) = other.cast::<PyMapping>() else {
            return Ok(py.NotImplemented().into_bound(py));
        };
        let dict = |headers: &Bound<'py, PyAny>| {
            PyDict::from_sequence(&headers.call_method0("items")?.try_iter()?.into_any())
        };
        dict(this.as_any())?.into_any().rich_compare(dict(other.as_any())?, pyo3::basic::CompareOp::Eq)
    }

    fn __repr__(this: &Bound<'_, Self>) -> PyResult<String> {
        let items = PyList::empty(this.py());
        for item in this.call_method0("items")?.try_iter()? {
            items.append(item?)?;
        }
        Ok(format!("{}({})", this.get_type().name()?, items.repr()?))
    }

    /// The names, in order. A name with several values occurs several times.
    fn names<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let fields = self.to_engine();
        PyTuple::new(py, fields.iter().map(|(name, _)| name))
    }

    /// The same as names().
    fn keys<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        self.names(py)
    }

    /// The values, in order.
    fn values<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let fields = self.to_engine();
        PyTuple::new(py, fields.iter().map(|(_, value)| value_to_native(py, value)))
    }

    /// The (name, value) pairs, in order.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let fields = self.to_engine();
        PyTuple::new(py, fields.iter().map(|(name, value)| (name, value_to_native(py, value))))
    }

    /// All values of this name; an empty tuple if there is none.
    fn get_all<'py>(&self, py: Python<'py>, name: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyTuple>> {
        let name = text(name)?;
        let values: Vec<_> = self.lock().get_all(name).cloned().collect();
        PyTuple::new(py, values.iter().map(|value| value_to_native(py, value)))
    }

    /// The first value of this name, or default.
    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        this: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let value = if this.is_exact_instance_of::<Self>() {
            Self::get_value(this, key)?
        } else {
            found(this.get_item(key))?
        };
        Ok(value.or(default))
    }

    /// The value of this name. If there is none, sets it to value, and returns value.
    fn setdefault<'py>(
        &self,
        name: &Bound<'py, PyAny>,
        value: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let key = text(name)?;
        if let Some(there) = self.value(name.py(), key) {
            return Ok(there.into_any());
        }
        let line = line(value)?;
        self.lock().set_default(key, &*line).map_err(header_error)?;
        Ok(value.clone())
    }

    /// Adds a header. Raises KeyError if there is a header of this name already, unless it is Set-Cookie.
    fn add(&self, name: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let (name, line) = (text(name)?, line(value)?);
        self.lock().add(name, &*line).map_err(header_error)
    }

    /// Adds a header with parameters, even if there is a header of this name already.
    ///
    ///     >>> headers = Headers()
    ///     >>> headers.add_header("Content-Disposition", "attachment", filename="image.png")
    ///     >>> headers["Content-Disposition"]
    ///     'attachment; filename="image.png"'
    ///
    /// value may be a list or tuple of choices as in render_negotiation; then there can be no parameters.
    /// Without a value, the parameters stand alone; a parameter whose value is None or empty is written as
    /// its name only. Underscores in a parameter's name become dashes; a value that is not ASCII is encoded
    /// as in RFC 8187. Raises ValueError without value and parameters. Without a value the parameters stand
    /// alone; one that is None or empty is written as its name. Underscores in a parameter's name become
    /// dashes; a value that is not ASCII is written as RFC 8187 has it. Raises ValueError without value and
    /// parameters.
    #[pyo3(signature = (name, value = None, **kwargs))]
    fn add_header(
        &self,
        name: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        let name = text(name)?;
        if let Some(choices) = value
            && is_choices(choices)
        {
            let line = render_negotiation(choices)?;
            return self.lock().append(name, line).map_err(header_error);
        }
        let value = value.map(text).transpose()?;
        let kwargs: Vec<_> = kwargs.into_iter().flatten().collect();
        let parameters = kwargs
            .iter()
            .map(|(name, value)| Ok((text(name)?, if value.is_none() { None } else { Some(text(value)?) })))
            .collect::<PyResult<Vec<_>>>()?;
        engine::append_with(&mut self.lock(), name, value, &parameters).map_err(header_error)
    }

    /// Encodes a text as a native string of WSGI: one character for each byte of its UTF-8.
    #[staticmethod]
    fn iso88591<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyString>> {
        Ok(bytes_to_native(value.py(), text(value)?.as_bytes()))
    }

    /// Decodes a native string of WSGI as UTF-8; returns the string itself if its bytes are not UTF-8.
    #[staticmethod]
    fn utf8<'py>(value: &Bound<'py, PyString>) -> Bound<'py, PyString> {
        let Ok(native) = value.to_str() else { return value.clone() };
        let bytes = text_to_bytes(native);
        match std::str::from_utf8(&bytes) {
            Ok(text) if text != native => PyString::new(value.py(), text),
            _ => value.clone(),
        }
    }

    /// The state for copy and pickle.
    fn __getstate__<'py>(this: &Bound<'py, Self>) -> PyResult<(Vec<Item<'py>>, Bound<'py, PyAny>)> {
        let py = this.py();
        let fields = this.get().to_engine();
        let items =
            fields.iter().map(|(name, value)| (name.into_owned(), PyBytes::new(py, value.as_bytes())));
        Ok((items.collect(), this.getattr("__dict__")?))
    }

    fn __setstate__(this: &Bound<'_, Self>, state: (Vec<Item<'_>>, Bound<'_, PyDict>)) -> PyResult<()> {
        let (items, attributes) = state;
        let mut fields = engine::Headers::new();
        for (name, value) in items {
            fields.append(name, value.as_bytes()).map_err(header_error)?;
        }
        *this.get().lock() = fields;
        this.getattr("__dict__")?.cast::<PyDict>()?.update(attributes.as_mapping())
    }
}

type Item<'py> = (String, Bound<'py, PyBytes>);

impl Headers {
    /// Headers of these fields.
    pub(crate) fn from_engine(fields: engine::Headers) -> Self {
        Headers { fields: Mutex::new(fields) }
    }

    /// A copy of the current fields.
    pub(crate) fn to_engine(&self) -> engine::Headers {
        self.lock().clone()
    }

    /// The fields themselves. The guard must be dropped before any Python code runs.
    pub(crate) fn lock(&self) -> MutexGuard<'_, engine::Headers> {
        self.fields.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn value<'py>(&self, py: Python<'py>, name: &str) -> Option<Bound<'py, PyString>> {
        let value = self.lock().get(name).cloned();
        value.map(|value| value_to_native(py, &value))
    }

    fn get_value<'py>(
        this: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(this.get().value(this.py(), text(key)?).map(Bound::into_any))
    }
}

/// The fields of any object that PoorWSGI accepts as headers: Headers, a dict, a list, tuple or set of pairs,
/// one pair, None.
pub(crate) fn headers_from_python(headers: &Bound<'_, PyAny>) -> PyResult<engine::Headers> {
    fields_from(headers, Text::Unicode)
}

/// The meaning of the strings of headers: text, or native strings of WSGI.
#[derive(Clone, Copy)]
enum Text {
    Unicode,
    Native,
}

fn fields_from(headers: &Bound<'_, PyAny>, strings: Text) -> PyResult<engine::Headers> {
    let mut fields = engine::Headers::new();
    if headers.is_none() {
        return Ok(fields);
    }
    if let Ok(headers) = headers.cast::<Headers>() {
        if headers.is_exact_instance_of::<Headers>() {
            return Ok(headers.get().to_engine());
        }
        // A subclass may override `items`.
        let items = headers.call_method0("items")?;
        append_pairs(&mut fields, &items, Text::Native)?;
    } else if let Ok(dict) = headers.cast_exact::<PyDict>() {
        for (name, value) in dict {
            append(&mut fields, &name, &value, strings)?;
        }
    } else if headers.is_instance_of::<PyDict>() {
        append_pairs(&mut fields, &headers.call_method0("items")?, strings)?;
    } else if let Some((name, value)) = pair(headers) {
        append(&mut fields, &name, &value, strings)?;
    } else if headers.is_instance_of::<PyString>() || headers.is_instance_of::<PyBytes>() {
        return Err(no_headers(headers));
    } else {
        append_pairs(&mut fields, headers, strings)?;
    }
    Ok(fields)
}

/// A tuple of two strings is one header, not two headers of two characters.
fn pair<'py>(headers: &Bound<'py, PyAny>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    match headers.cast::<PyTuple>().ok()?.as_slice() {
        [name, value] if name.is_instance_of::<PyString>() && value.is_instance_of::<PyString>() => {
            Some((name.clone(), value.clone()))
        }
        _ => None,
    }
}

fn append_pairs(fields: &mut engine::Headers, pairs: &Bound<'_, PyAny>, strings: Text) -> PyResult<()> {
    for item in pairs.try_iter().map_err(|_| no_headers(pairs))? {
        let item = item?;
        let values: Vec<Bound<'_, PyAny>> = match item.cast::<PyString>() {
            // A str of two characters would unpack as a pair.
            Ok(_) => Vec::new(),
            Err(_) => item.try_iter()?.collect::<PyResult<_>>()?,
        };
        let [name, value] = values.as_slice() else {
            return Err(PyValueError::new_err(format!(
                "{} is not a header; expected a pair (name, value)",
                item.repr()?
            )));
        };
        append(fields, name, value, strings)?;
    }
    Ok(())
}

fn append(
    fields: &mut engine::Headers,
    name: &Bound<'_, PyAny>,
    value: &Bound<'_, PyAny>,
    strings: Text,
) -> PyResult<()> {
    let (name, value) = (text(name)?, text(value)?);
    match strings {
        Text::Unicode => return fields.append(name, value).map_err(header_error),
        Text::Native => engine::append_received(fields, name, text_to_bytes(value)),
    }
    Ok(())
}

fn no_headers(value: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!(
        "the headers are {}; expected a dict, a list, tuple or set of (name, value) pairs, or Headers",
        kind_of(value)
    ))
}

/// The value of a field: a str, or choices for `render_negotiation`. None raises ValueError, any other type
/// TypeError.
fn line<'a>(value: &'a Bound<'_, PyAny>) -> PyResult<Cow<'a, str>> {
    if value.is_none() {
        return Err(PyValueError::new_err("the value of a header is None; expected a str"));
    }
    if is_choices(value) { render_negotiation(value).map(Cow::Owned) } else { text(value).map(Cow::Borrowed) }
}

/// Whether a value is a list of choices, as `render_negotiation` takes it.
fn is_choices(value: &Bound<'_, PyAny>) -> bool {
    value.is_instance_of::<PyList>() || value.is_instance_of::<PyTuple>()
}

/// The result of an overridden `__getitem__`; `None` for a KeyError.
fn found<'py>(value: PyResult<Bound<'py, PyAny>>) -> PyResult<Option<Bound<'py, PyAny>>> {
    match value {
        Ok(value) => Ok(Some(value)),
        Err(error) => {
            Python::attach(|py| if error.is_instance_of::<PyKeyError>(py) { Ok(None) } else { Err(error) })
        }
    }
}

/// KeyError for a header that exists already, ValueError for any other error.
pub(crate) fn header_error(error: HeaderError) -> PyErr {
    match error {
        HeaderError::Duplicate { name } => PyKeyError::new_err(format!(
            "header {name} is set already; headers[...] = ... replaces it, add_header() adds another"
        )),
        error => PyValueError::new_err(error.to_string()),
    }
}
