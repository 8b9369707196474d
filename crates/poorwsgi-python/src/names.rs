//! Names in Python modules that are looked up once, and helpers for classes.

use pyo3::exceptions::PyTypeError;
use pyo3::intern;
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
    static CATEGORY: Name = Name::new("builtins", "DeprecationWarning");
    warn(text, CATEGORY.get(py)?, 1)
}

/// Issues a UserWarning that points at the caller: for a mistake that PoorWSGI accepts in silence, so that
/// an existing application may contain it.
pub(crate) fn mistaken(py: Python<'_>, text: &str) -> PyResult<()> {
    user_warning(py, text, 1)
}

/// Like [`mistaken`], but for the value of a setting. It points at the caller of `poorwsgi._misspelt`, through which all
/// attributes of an application are set.
pub(crate) fn mistaken_setting(py: Python<'_>, text: &str) -> PyResult<()> {
    user_warning(py, text, 2)
}

fn user_warning(py: Python<'_>, text: &str, level: u8) -> PyResult<()> {
    static CATEGORY: Name = Name::new("builtins", "UserWarning");
    warn(text, CATEGORY.get(py)?, level)
}

/// Issues a warning; `level` 1 is the Python function that called us.
fn warn(text: &str, category: &Bound<'_, PyAny>, level: u8) -> PyResult<()> {
    static WARN: Name = Name::new("warnings", "warn");
    WARN.get(category.py())?.call1((text, category, level)).map(drop)
}

/// The type of an object with its article, for messages: "a str", "an int"; "None".
pub(crate) fn kind_of(object: &Bound<'_, PyAny>) -> String {
    if object.is_none() {
        return "None".to_owned();
    }
    let kind = object.get_type().name().map_or_else(|_| "object".to_owned(), |name| name.to_string());
    // HTTP begins with a vowel when it is read aloud.
    let is_vowel = kind.starts_with(['A', 'E', 'I', 'O', 'U', 'a', 'e', 'i', 'o', 'u']);
    let article = if is_vowel || kind.starts_with("HTTP") { "an" } else { "a" };
    format!("{article} {kind}")
}

/// The error of `wsgi.input`, whose `read` returned this.
pub(crate) fn no_bytes(read: &Bound<'_, PyAny>) -> PyErr {
    PyTypeError::new_err(format!("wsgi.input.read() returned {} instead of bytes", kind_of(read)))
}

/// The qualified name of a function, or the text of a callable without a name.
pub(crate) fn function_name(function: &Bound<'_, PyAny>) -> String {
    // Callable objects and partials have no name.
    let name = function
        .getattr(intern!(function.py(), "__qualname__"))
        .or_else(|_| function.repr().map(Bound::into_any));
    name.map_or_else(|_| String::from("?"), |name| name.to_string())
}

/// The name of a function or generator, and where its code begins: `"page" (/srv/app.py:12)`.
pub(crate) fn name_and_place(function: &Bound<'_, PyAny>) -> String {
    let code = |name| function.getattr_opt(name).ok().flatten();
    let place = code("__code__").or_else(|| code("gi_code")).and_then(|code| {
        let line: u32 = code.getattr("co_firstlineno").ok()?.extract().ok()?;
        Some(format!(" ({}:{line})", code.getattr("co_filename").ok()?))
    });
    format!("{:?}{}", function_name(function), place.unwrap_or_default())
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
