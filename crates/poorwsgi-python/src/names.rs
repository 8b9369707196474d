//! Python names that are looked up once, and those that are looked up each time because applications replace
//! them.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// A name of a module that is imported when it is first needed.
pub(crate) struct Name {
    module: &'static str,
    name: &'static str,
    found: PyOnceLock<Py<PyAny>>,
}

impl Name {
    pub(crate) const fn new(module: &'static str, name: &'static str) -> Self {
        Name { module, name, found: PyOnceLock::new() }
    }

    pub(crate) fn get<'py>(&self, py: Python<'py>) -> PyResult<&Bound<'py, PyAny>> {
        let found = self
            .found
            .get_or_try_init(py, || PyResult::Ok(py.import(self.module)?.getattr(self.name)?.unbind()))?;
        Ok(found.bind(py))
    }
}

/// A mark of objects that are made.
///
/// Up to Python 3.11 an object that gets a `__dict__` is known to the garbage collector while all of it is
/// still zero, and the making of the dictionary may start a collection: `__traverse__` looks at this first
/// wherever it reads more than `Option`s, of which zeros are `None`.
pub(crate) struct Made(bool);

impl Default for Made {
    fn default() -> Self {
        Made(true)
    }
}

impl Made {
    pub(crate) const fn is_made(&self) -> bool {
        self.0
    }
}

/// A DeprecationWarning that points at the caller.
pub(crate) fn deprecated(py: Python<'_>, text: &str) -> PyResult<()> {
    static WARN: Name = Name::new("warnings", "warn");
    static CATEGORY: Name = Name::new("builtins", "DeprecationWarning");
    WARN.get(py)?.call1((text, CATEGORY.get(py)?)).map(drop)
}

/// Whether a method of an object is another than that of the class of ours which it comes from.
pub(crate) fn overrides(
    kind: &Bound<'_, PyType>,
    ours: &Bound<'_, PyType>,
    names: &[&str],
) -> PyResult<bool> {
    for name in names {
        if !kind.getattr(*name)?.is(&ours.getattr(*name)?) {
            return Ok(true);
        }
    }
    Ok(false)
}
