//! Names in Python modules that are looked up once, and helpers for classes.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;

/// A name in a Python module. The module is imported, and the name looked up, at the first use.
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

/// A flag that is true once the object has been initialised.
///
/// Up to Python 3.11, an object with a `__dict__` is already tracked by the garbage collector while its
/// memory is still zeroed, and creating the dictionary may start a collection. So `__traverse__` checks this
/// flag first if it reads anything but `Option`s, which are `None` when zeroed.
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

/// Issues a DeprecationWarning that points at the caller.
pub(crate) fn deprecated(py: Python<'_>, text: &str) -> PyResult<()> {
    static WARN: Name = Name::new("warnings", "warn");
    static CATEGORY: Name = Name::new("builtins", "DeprecationWarning");
    WARN.get(py)?.call1((text, CATEGORY.get(py)?)).map(drop)
}

/// Whether class `kind` overrides one of these methods of its base class `ours`.
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
