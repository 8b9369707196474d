//! `FieldStorageInterface`: the base class of all forms.

use pyo3::exceptions::{PyNotImplementedError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};

use crate::exceptions::{cannot_be_converted, not_convertible};
use crate::names::deprecated;

/// The base class of all forms. Its methods read values through ``in`` and ``[]``, which a subclass defines.
///
/// The value of a key that occurs several times is a list; the value of a key that occurs once is a single
/// value.
///
/// A value that func does not take raises the exception of func: ValueError, say, or LookupError. If nobody
/// catches it, the client gets a 400, because the mistake is the client's; so it is with a missing key.
// It has no fields, so that a class can inherit from it and from dict.
#[pyclass(frozen, subclass, module = "poorwsgi.fieldstorage")]
pub(crate) struct FieldStorageInterface;

#[pymethods]
impl FieldStorageInterface {
    #[new]
    #[classmethod]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "()")]
    fn new(
        cls: &Bound<'_, PyType>,
        _args: &Bound<'_, PyTuple>,
        _kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Self> {
        if cls.is(cls.py().get_type::<Self>()) {
            return Err(PyTypeError::new_err(
                "FieldStorageInterface is abstract; define a subclass with __contains__ and __getitem__",
            ));
        }
        Ok(FieldStorageInterface)
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Err(not_defined("__contains__", key))
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Err(not_defined("__getitem__", key))
    }

    /// func applied to the value of a key; default if there is none.
    #[pyo3(signature = (key, default = None, func = None))]
    fn getvalue<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        func: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        match value(slf, key)? {
            Some(value) => ValueFunction(func).apply(key, value).map(Some),
            None => Ok(default),
        }
    }

    /// func applied to the first value of a key; default if there is none. fce is a deprecated name of func.
    #[pyo3(signature = (key, default = None, func = None, fce = None))]
    fn getfirst<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        func: Option<Bound<'py, PyAny>>,
        fce: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let func = ValueFunction::new(slf.py(), func, fce)?;
        let first = match value(slf, key)? {
            Some(value) => match value.cast_into::<PyList>() {
                Ok(values) => values.iter().next(),
                Err(error) => Some(error.into_inner()),
            },
            None => None,
        };
        first.map_or(Ok(default), |value| func.apply(key, value).map(Some))
    }

    /// func applied to each value of a key, as a list; if there is none, default, or an empty list. fce is a
    /// deprecated name of func.
    #[pyo3(signature = (key, default = None, func = None, fce = None))]
    fn getlist<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        func: Option<Bound<'py, PyAny>>,
        fce: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let func = ValueFunction::new(py, func, fce)?;
        let Some(value) = value(slf, key)? else { return list_or_default(py, default) };
        let values = PyList::empty(py);
        match value.cast_into::<PyList>() {
            Ok(several) => several.iter().try_for_each(|value| values.append(func.apply(key, value)?))?,
            Err(error) => values.append(func.apply(key, error.into_inner())?)?,
        }
        Ok(values.into_any())
    }
}

fn not_defined(method: &str, key: &Bound<'_, PyAny>) -> PyErr {
    PyNotImplementedError::new_err(format!(
        "the subclass of FieldStorageInterface does not define {method}, which was called for {key}"
    ))
}

fn value<'py>(
    form: &Bound<'py, FieldStorageInterface>,
    key: &Bound<'py, PyAny>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    // Checked first, because [] may return a value for a missing key, as a defaultdict does.
    if form.contains(key)? { form.get_item(key).map(Some) } else { Ok(None) }
}

pub(super) fn list_or_default<'py>(
    py: Python<'py>,
    default: Option<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match default {
        Some(default) if default.is_truthy()? => Ok(default),
        _ => Ok(PyList::empty(py).into_any()),
    }
}

/// The function that is applied to values; `None` leaves them unchanged.
pub(super) struct ValueFunction<'py>(pub(super) Option<Bound<'py, PyAny>>);

impl<'py> ValueFunction<'py> {
    pub(super) fn new(
        py: Python<'py>,
        func: Option<Bound<'py, PyAny>>,
        fce: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Self> {
        if fce.is_some() {
            deprecated(py, "the argument fce is deprecated: use func")?;
        }
        Ok(ValueFunction(fce.or(func)))
    }

    /// Applies the function to the value of a key. Where it refuses the value, its exception is the client's
    /// mistake; so is a TypeError for the list of a key that the client sent more than once.
    pub(super) fn apply(
        &self,
        key: &Bound<'py, PyAny>,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let Some(func) = &self.0 else { return Ok(value) };
        let py = func.py();
        func.call1((&value,)).map_err(|error| {
            let is_of_client = cannot_be_converted(py, &error)
                || value.is_instance_of::<PyList>() && error.is_instance_of::<PyTypeError>(py);
            if is_of_client { not_convertible(py, error, key) } else { error }
        })
    }
}
