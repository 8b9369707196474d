//! A form as a dictionary of its fields.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyIterator, PyList, PyString};

use super::field::FieldStorage;
use super::interface::{ValueFunction, list_or_default};
use crate::exceptions::missing_value;

#[pymethods]
impl FieldStorage {
    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyIterator>> {
        Self::keys(slf)?.try_iter()
    }

    fn __len__(slf: &Bound<'_, Self>) -> PyResult<usize> {
        Ok(Self::names(slf)?.len())
    }

    fn __contains__(slf: &Bound<'_, Self>, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match Self::texts_of(slf, key, 1)? {
            Some(texts) => Ok(!texts.is_empty()),
            None => Self::first(slf, key).map(|field| field.is_some()),
        }
    }

    fn __getitem__<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        let fields = Self::fields(slf, key)?;
        match fields.as_slice() {
            [] => Err(missing_value(key)),
            [field] => Ok(field.clone()),
            _ => Ok(PyList::new(slf.py(), fields)?.into_any()),
        }
    }

    /// The different names of the fields, in the order of their first occurrence.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::names(slf)?.call_method0(intern!(slf.py(), "keys"))
    }

    /// The value of the field with this name; a list of values if there are several; default if there is
    /// none.
    #[pyo3(signature = (key, default = None))]
    fn get<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Self::getvalue(slf, key, default, None)
    }

    /// The same as get, with func applied to each value.
    #[pyo3(signature = (key, default = None, func = None))]
    fn getvalue<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        func: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let values = Self::values(slf, key)?;
        let func = ValueFunction(func);
        match values.as_slice() {
            [] => Ok(default),
            [value] => func.apply(key, value.get()?).map(Some),
            _ => Ok(Some(list_of(key, &values, &func)?.into_any())),
        }
    }

    /// func applied to the value of the first field with this name; default if there is none. fce is a
    /// deprecated name of func.
    #[pyo3(signature = (key, default = None, func = None, fce = None))]
    fn getfirst<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        func: Option<Bound<'py, PyAny>>,
        fce: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        let func = ValueFunction::new(slf.py(), func, fce)?;
        if let Some(texts) = Self::texts_of(slf, key, 1)? {
            return texts.into_iter().next().map_or(Ok(default), |text| func.apply(key, text).map(Some));
        }
        match Self::first(slf, key)? {
            Some(field) => func.apply(key, value_of(&field)?).map(Some),
            None => Ok(default),
        }
    }

    /// func applied to the value of each field with this name, as a list; if there is none, default, or an
    /// empty list. fce is a deprecated name of func.
    #[pyo3(signature = (key, default = None, func = None, fce = None))]
    fn getlist<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
        func: Option<Bound<'py, PyAny>>,
        fce: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let func = ValueFunction::new(slf.py(), func, fce)?;
        let values = Self::values(slf, key)?;
        if values.is_empty() {
            return list_or_default(slf.py(), default);
        }
        Ok(list_of(key, &values, &func)?.into_any())
    }
}

impl FieldStorage {
    /// The different names as the keys of a dict.
    fn names<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let names = PyDict::new(slf.py());
        for field in Self::list(slf)?.try_iter()? {
            names.set_item(name_of(&field?)?, slf.py().None())?;
        }
        Ok(names)
    }

    fn first<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        for field in Self::list(slf)?.try_iter()? {
            let field = field?;
            if name_of(&field)?.eq(key)? {
                return Ok(Some(field));
            }
        }
        Ok(None)
    }

    fn fields<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut fields = Vec::new();
        for field in Self::list(slf)?.try_iter()? {
            let field = field?;
            if name_of(&field)?.eq(key)? {
                fields.push(field);
            }
        }
        Ok(fields)
    }

    /// Up to `most` texts with this name, as long as no field objects exist. `None` if the field objects must
    /// be asked instead.
    fn texts_of<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        most: usize,
    ) -> PyResult<Option<Vec<Bound<'py, PyAny>>>> {
        let field = slf.try_borrow()?;
        let key = match key.cast_exact::<PyString>().map(|key| key.to_str()) {
            Ok(Ok(key)) if field.list.is_none() && !field.texts.is_empty() => key,
            _ => return Ok(None),
        };
        let named = field.texts.iter().filter(|text| text.name() == Some(key)).take(most);
        Ok(named.map(|named| Some(PyString::new(slf.py(), named.text()?).into_any())).collect())
    }

    /// The values of all fields of this name.
    fn values<'py>(slf: &Bound<'py, Self>, key: &Bound<'py, PyAny>) -> PyResult<Vec<FieldValue<'py>>> {
        Ok(match Self::texts_of(slf, key, usize::MAX)? {
            Some(texts) => texts.into_iter().map(FieldValue::Text).collect(),
            None => Self::fields(slf, key)?.into_iter().map(FieldValue::OfField).collect(),
        })
    }
}

fn name_of<'py>(field: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match field.cast_exact::<FieldStorage>() {
        Ok(field) => Ok(FieldStorage::present(field, |field| &field.name)?
            .unwrap_or_else(|| field.py().None().into_bound(field.py()))),
        Err(_) => field.getattr(intern!(field.py(), "name")),
    }
}

fn value_of<'py>(field: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    match field.cast_exact::<FieldStorage>() {
        Ok(exact) => {
            Ok(FieldStorage::value(exact)?.unwrap_or_else(|| field.py().None().into_bound(field.py())))
        }
        Err(_) => field.getattr(intern!(field.py(), "value")),
    }
}

/// A value of a field. That of a field object may have to be read from a file.
enum FieldValue<'py> {
    Text(Bound<'py, PyAny>),
    OfField(Bound<'py, PyAny>),
}

impl<'py> FieldValue<'py> {
    fn get(&self) -> PyResult<Bound<'py, PyAny>> {
        match self {
            FieldValue::Text(text) => Ok(text.clone()),
            FieldValue::OfField(field) => value_of(field),
        }
    }
}

fn list_of<'py>(
    key: &Bound<'py, PyAny>,
    values: &[FieldValue<'py>],
    func: &ValueFunction<'py>,
) -> PyResult<Bound<'py, PyList>> {
    let list = PyList::empty(key.py());
    for value in values {
        list.append(func.apply(key, value.get()?)?)?;
    }
    Ok(list)
}
