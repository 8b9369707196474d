//! The settings of an application, as attributes of `Application`.

use std::sync::PoisonError;
use std::time::Duration;

use poorwsgi_core::digest::Algorithm;
use poorwsgi_core::settings::SecretKey;
use poorwsgi_core::variables::option_name;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList, PyString};

use super::Application;
use super::own::{Own, Values};
use crate::environ;
use crate::names::{Name, kind_of, mistaken_setting};

/// A secret key of fewer bytes can be guessed; an empty one counts as none.
const SHORT_KEY: usize = 8;

impl Application {
    fn own<T>(&self, read: impl FnOnce(&mut Own) -> T) -> T {
        read(&mut self.own.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The Python object of a setting, or its default if it was not set.
    fn object<'py>(
        &self,
        py: Python<'py>,
        slot: fn(&mut Values) -> &mut Option<Py<PyAny>>,
        default: impl FnOnce(Python<'py>) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.own(|own| slot(&mut own.values).as_ref().map(|value| value.clone_ref(py))) {
            Some(value) => Ok(value.into_bound(py)),
            None => default(py),
        }
    }

    fn set_object(&self, slot: fn(&mut Values) -> &mut Option<Py<PyAny>>, value: &Bound<'_, PyAny>) {
        // The old object is dropped after the lock is released.
        let _old = self.own(|own| slot(&mut own.values).replace(value.clone().unbind()));
    }

    /// Copies the media types from the lists, which applications may change in place, into the tables.
    /// Returns whether the tables have changed.
    pub(crate) fn refresh_types(&self, py: Python<'_>) -> PyResult<bool> {
        let lists = self.own(|own| {
            let copy = |list: &Option<Py<PyList>>| list.as_ref().map(|list| list.clone_ref(py));
            (copy(&own.values.form_mime_types), copy(&own.values.json_mime_types))
        });
        let (Some(form), Some(json)) = lists else { return Ok(false) };
        let tables = self.tables();
        let (form, json) = (form.bind(py), json.bind(py));
        let settings = &tables.settings;
        if same(form, &settings.form_mime_types) && same(json, &settings.json_mime_types) {
            return Ok(false);
        }
        // An item that is no str matches no request.
        let texts = |list: &Bound<'_, PyList>| -> Vec<String> {
            list.iter().filter_map(|item| item.extract().ok()).collect()
        };
        let (form, json) = (texts(form), texts(json));
        self.change(py, |tables| {
            tables.settings.form_mime_types = form;
            tables.settings.json_mime_types = json;
        });
        Ok(true)
    }

    pub(crate) fn is_profiled(&self) -> bool {
        self.own(|own| own.profile.is_some())
    }

    pub(crate) fn profile<'py>(&self, py: Python<'py>) -> Option<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        self.own(|own| {
            let (runctx, dump) = own.profile.as_ref()?;
            Some((runctx.bind(py).clone(), dump.bind(py).clone()))
        })
    }
}

fn same(list: &Bound<'_, PyList>, types: &[String]) -> bool {
    list.len() == types.len()
        && list.iter().zip(types).all(|(item, kind)| {
            item.cast::<PyString>().is_ok_and(|item| item.to_str().is_ok_and(|item| item == kind))
        })
}

/// The result of int() for a value.
fn integer(value: &Bound<'_, PyAny>, name: &str) -> PyResult<i64> {
    static INT: Name = Name::new("builtins", "int");
    let wrong = |error: PyErr| {
        let text = format!("{name} is {}; expected a whole number", shown(value));
        match error.is_instance_of::<PyTypeError>(value.py()) {
            true => PyTypeError::new_err(text),
            false => PyValueError::new_err(text),
        }
    };
    INT.get(value.py())?.call1((value,)).and_then(|number| number.extract()).map_err(wrong)
}

/// The text of a value, for messages.
fn shown(value: &Bound<'_, PyAny>) -> String {
    value.repr().map_or_else(|_| kind_of(value), |text| text.to_string())
}

fn size(value: &Bound<'_, PyAny>, name: &str) -> PyResult<u64> {
    u64::try_from(integer(value, name)?)
        .map_err(|_| PyValueError::new_err(format!("{name} is {value}; expected a number, 0 or more")))
}

/// A number of seconds; `None` for Python's None, which means no limit.
pub(crate) fn seconds(value: &Bound<'_, PyAny>, name: &str) -> PyResult<Option<Duration>> {
    if value.is_none() {
        return Ok(None);
    }
    let seconds: f64 = value.extract().map_err(|_| PyValueError::new_err(not_seconds(value, name)))?;
    Duration::try_from_secs_f64(seconds)
        .map(Some)
        .map_err(|_| PyValueError::new_err(not_seconds(value, name)))
}

fn not_seconds(value: &Bound<'_, PyAny>, name: &str) -> String {
    format!("{name} is {}; expected a number of seconds, 0 or more, or None", shown(value))
}

/// A setting that is on or off.
macro_rules! switches {
    ($($(#[$docs:meta])* $get:ident, $set:ident;)*) => {
        #[pymethods]
        impl Application {
            $(
                $(#[$docs])*
                #[getter]
                fn $get(&self) -> bool {
                    self.tables().settings.$get
                }

                #[setter]
                fn $set(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
                    let on = value.is_truthy()?;
                    self.change(value.py(), |tables| tables.settings.$get = on);
                    Ok(())
                }
            )*
        }
    };
}

switches! {
    /// Whether the query is parsed into Request.args. Default: on.
    auto_args, set_auto_args;
    /// Whether forms (see form_mime_types) in the body are parsed into Request.form. Default: on.
    auto_form, set_auto_form;
    /// Whether JSON (see json_mime_types) in the body is parsed into Request.json. Default: on.
    auto_json, set_auto_json;
    /// Whether bodies up to data_size are read into Request.data before the handler is called. Default: on.
    auto_data, set_auto_data;
    /// Whether the Cookie header is parsed into Request.cookies. Default: on.
    auto_cookies, set_auto_cookies;
    /// Whether error pages show tracebacks, and /debug-info is served. Default: off. The variable poor_Debug
    /// overrides it.
    debug, set_debug;
    /// Whether directories below document_root are listed. Default: off. The variable poor_DocumentIndex
    /// overrides it.
    document_index, set_document_index;
    /// Whether files and directories below document_root whose names begin with a dot are served. Default:
    /// off; .well-known is always served.
    dot_files, set_dot_files;
    /// Whether symbolic links that lead out of document_root are followed. Default: off; relative links that
    /// stay inside are always followed. If it is on, whoever can make a link below document_root can publish
    /// any file that this process may read.
    follow_links, set_follow_links;
}

#[pymethods]
impl Application {
    /// The name of the application, unique in the process.
    #[getter]
    fn name(&self) -> String {
        self.tables().settings.name.clone()
    }

    /// The size in bytes of the blocks in which wsgi.input is read; 0 reads it without a buffer. Default:
    /// 65365.
    #[getter]
    fn cached_size(&self) -> usize {
        self.tables().settings.cached_size
    }

    #[setter]
    fn set_cached_size(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let size = usize::try_from(size(value, "cached_size")?).unwrap_or(usize::MAX);
        self.change(value.py(), |tables| tables.settings.cached_size = size);
        Ok(())
    }

    /// The size in bytes up to which a body is read into Request.data before the handler is called. Default:
    /// 65365.
    #[getter]
    fn data_size(&self) -> u64 {
        self.tables().settings.data_size
    }

    #[setter]
    fn set_data_size(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let size = size(value, "data_size")?;
        self.change(value.py(), |tables| tables.settings.data_size = size);
        Ok(())
    }

    /// The largest JSON body in bytes; a larger one is answered with 413. Default: 16 MiB.
    #[getter]
    fn json_size(&self) -> u64 {
        self.tables().settings.json_size
    }

    #[setter]
    fn set_json_size(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let size = size(value, "json_size")?;
        self.change(value.py(), |tables| tables.settings.json_size = size);
        Ok(())
    }

    /// How many levels deep JSON may nest; JSON that nests deeper is answered with 400. Default: 100.
    #[getter]
    fn json_depth(&self) -> usize {
        self.tables().settings.json_depth
    }

    #[setter]
    fn set_json_depth(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let depth = usize::try_from(size(value, "json_depth")?).unwrap_or(usize::MAX);
        self.change(value.py(), |tables| tables.settings.json_depth = depth);
        Ok(())
    }

    /// How many values and names JSON may contain. Each of them takes up to some hundred bytes of memory;
    /// JSON with more of them is answered with 413. Default: 1,000,000.
    #[getter]
    fn json_values(&self) -> usize {
        self.tables().settings.json_values
    }

    #[setter]
    fn set_json_values(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let values = usize::try_from(size(value, "json_values")?).unwrap_or(usize::MAX);
        self.change(value.py(), |tables| tables.settings.json_values = values);
        Ok(())
    }

    /// The directory whose files are served for GET and HEAD if no route matches; "", the default, for none.
    /// The variable poor_DocumentRoot overrides it.
    #[getter]
    fn document_root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(py, |values| &mut values.document_root, |py| Ok(PyString::new(py, "").into_any()))
    }

    #[setter]
    fn set_document_root(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        static FSDECODE: Name = Name::new("os", "fsdecode");
        let py = value.py();
        let path: Option<std::path::PathBuf> = match value.is_truthy()? {
            true => Some(FSDECODE.get(py)?.call1((value,))?.extract()?),
            false => None,
        };
        if let Some(path) = path.as_deref().filter(|path| !path.is_dir()) {
            let what = if path.exists() { "is not a directory" } else { "does not exist" };
            let text = format!("document_root {path:?} {what}; its files are a 404 until it is a directory");
            mistaken_setting(py, &text)?;
        }
        self.change(py, |tables| tables.settings.document_root = path);
        self.set_object(|values| &mut values.document_root, value);
        Ok(())
    }

    /// The key of sessions, tokens and digest nonces: str or bytes. Default: None. The variable
    /// poor_SecretKey overrides it.
    ///
    /// Set it to a long random text, and do not change it later: a new key ends all sessions.
    #[getter]
    fn secret_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(py, |values| &mut values.secret_key, |py| Ok(py.None().into_bound(py)))
    }

    #[setter]
    fn set_secret_key(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let key = if let Ok(text) = value.cast::<PyString>() {
            Some(SecretKey::from(text.to_str()?))
        } else if let Ok(bytes) = value.cast::<PyBytes>() {
            Some(SecretKey::from(bytes.as_bytes()))
        } else if value.is_none() {
            None
        } else {
            return Err(PyTypeError::new_err(format!(
                "secret_key is {}; expected str, bytes or None",
                kind_of(value)
            )));
        };
        if let Some(length) =
            key.as_ref().map(|key| key.as_bytes().len()).filter(|length| (1..SHORT_KEY).contains(length))
        {
            let unit = if length == 1 { "byte" } else { "bytes" };
            mistaken_setting(
                value.py(),
                &format!(
                    "secret_key has {length} {unit}, which can be guessed; set a long random text, such as one that \
                     python -c \"import secrets; print(secrets.token_hex(32))\" prints"
                ),
            )?;
        }
        self.change(value.py(), |tables| tables.settings.secret_key = key);
        self.set_object(|values| &mut values.secret_key, value);
        Ok(())
    }

    /// Whether arguments and fields with an empty value are kept: 1, or 0, the default.
    #[getter]
    fn keep_blank_values(&self) -> i64 {
        self.tables().settings.keep_blank_values.into()
    }

    #[setter]
    fn set_keep_blank_values(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let on = integer(value, "keep_blank_values")? != 0;
        self.change(value.py(), |tables| tables.settings.keep_blank_values = on);
        Ok(())
    }

    /// Whether queries and forms with syntax errors are answered with 400: 1, or 0, the default.
    #[getter]
    fn strict_parsing(&self) -> i64 {
        self.tables().settings.strict_parsing.into()
    }

    #[setter]
    fn set_strict_parsing(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let on = integer(value, "strict_parsing")? != 0;
        self.change(value.py(), |tables| tables.settings.strict_parsing = on);
        Ok(())
    }

    /// A callable that supplies the file into which an upload is written. It is called with the upload's file
    /// name, and returns an object with write, read and seek. None, the default, keeps small uploads in
    /// memory and others in temporary files.
    #[getter]
    fn file_callback<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(py, |values| &mut values.file_callback, |py| Ok(py.None().into_bound(py)))
    }

    #[setter]
    fn set_file_callback(&self, value: &Bound<'_, PyAny>) {
        self.set_object(|values| &mut values.file_callback, value);
    }

    /// How many seconds a read of the body waits for the next bytes; None waits for ever. Default: 10.
    #[getter]
    fn read_timeout<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(py, |values| &mut values.read_timeout, |py| Ok(10_u64.into_pyobject(py)?.into_any()))
    }

    #[setter]
    fn set_read_timeout(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let timeout = seconds(value, "read_timeout")?.unwrap_or(Duration::MAX);
        self.change(value.py(), |tables| tables.settings.read_timeout = timeout);
        self.set_object(|values| &mut values.read_timeout, value);
        Ok(())
    }

    /// The media types that are parsed as forms: a list that may be changed in place.
    #[getter]
    fn form_mime_types(&self, py: Python<'_>) -> Option<Py<PyList>> {
        self.own(|own| own.values.form_mime_types.as_ref().map(|list| list.clone_ref(py)))
    }

    /// The media types that are parsed as JSON: a list that may be changed in place.
    #[getter]
    fn json_mime_types(&self, py: Python<'_>) -> Option<Py<PyList>> {
        self.own(|own| own.values.json_mime_types.as_ref().map(|list| list.clone_ref(py)))
    }

    /// The authentication scheme that a 401 asks for: "Digest", which needs a secret_key, or None, the
    /// default.
    #[getter]
    fn auth_type(&self) -> Option<&'static str> {
        self.tables().settings.auth_digest.then_some("Digest")
    }

    #[setter]
    fn set_auth_type(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let digest = match value.extract::<Option<&str>>()? {
            None => false,
            Some(name) if name.eq_ignore_ascii_case("digest") => true,
            Some(name) => {
                return Err(PyValueError::new_err(format!(
                    "auth_type {name:?} is not supported; expected \"Digest\" or None"
                )));
            }
        };
        if digest && !self.secret_key(value.py())?.is_truthy()? {
            return Err(PyValueError::new_err(
                "auth_type = \"Digest\" needs a secret key, with which nonces are made; set app.secret_key first",
            ));
        }
        self.change(value.py(), |tables| tables.settings.auth_digest = digest);
        Ok(())
    }

    /// The digest algorithm: "MD5", "MD5-sess" (the default), "SHA-256", "SHA-256-sess", "SHA-512-256" or
    /// "SHA-512-256-sess". Choose SHA-256 for new password files.
    ///
    /// A list offers several algorithms; put the strongest first.
    #[getter]
    fn auth_algorithm<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(
            py,
            |values| &mut values.auth_algorithm,
            |py| Ok(PyString::new(py, &Algorithm::Md5Sess.to_string()).into_any()),
        )
    }

    #[setter]
    fn set_auth_algorithm(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let names: Vec<String> = match value.cast::<PyString>() {
            Ok(name) => vec![name.to_str()?.to_owned()],
            Err(_) => value.extract().map_err(|_| {
                let text = format!("auth_algorithm is {}; expected a name or a list of names", shown(value));
                PyTypeError::new_err(text)
            })?,
        };
        let algorithms: Vec<Algorithm> = names
            .iter()
            .map(|name| {
                name.parse::<Algorithm>()
                    .map_err(|error| PyValueError::new_err(format!("auth_algorithm {error}")))
            })
            .collect::<PyResult<_>>()?;
        if algorithms.is_empty() {
            return Err(PyValueError::new_err(
                "auth_algorithm is empty; expected at least one algorithm, such as [\"SHA-256\"]",
            ));
        }
        self.change(value.py(), |tables| tables.settings.auth_algorithms = algorithms);
        self.set_object(|values| &mut values.auth_algorithm, value);
        Ok(())
    }

    /// The hashlib function of auth_algorithm, or of its first item.
    #[getter]
    fn auth_hash<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let hashlib = py.import("hashlib")?;
        match self.tables().settings.auth_algorithms.first() {
            Some(Algorithm::Sha256 | Algorithm::Sha256Sess) => hashlib.getattr("sha256"),
            Some(Algorithm::Sha512_256 | Algorithm::Sha512_256Sess) => {
                py.import("functools")?.getattr("partial")?.call1((hashlib.getattr("new")?, "sha512_256"))
            }
            _ => hashlib.getattr("md5"),
        }
    }

    /// The quality of protection of digest login: "auth", the default, which detects replayed requests; or
    /// None, for clients that do not support it.
    #[getter]
    fn auth_qop<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(py, |values| &mut values.auth_qop, |py| Ok(PyString::new(py, "auth").into_any()))
    }

    #[setter]
    fn set_auth_qop(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let qop = match value.extract::<Option<&str>>()? {
            Some("auth") => true,
            None | Some("") => false,
            Some(other) => {
                return Err(PyValueError::new_err(format!(
                    "auth_qop {other:?} is not supported; expected \"auth\" or None"
                )));
            }
        };
        self.change(value.py(), |tables| tables.settings.auth_qop = qop);
        self.set_object(|values| &mut values.auth_qop, value);
        Ok(())
    }

    /// How many seconds a digest nonce is valid; None or 0 means for ever. Default: 300.
    #[getter]
    fn auth_timeout<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.object(py, |values| &mut values.auth_timeout, |py| Ok(300_u64.into_pyobject(py)?.into_any()))
    }

    #[setter]
    fn set_auth_timeout(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let timeout = seconds(value, "auth_timeout")?.filter(|timeout| !timeout.is_zero());
        self.change(value.py(), |tables| tables.settings.auth_timeout = timeout);
        self.set_object(|values| &mut values.auth_timeout, value);
        Ok(())
    }

    /// Runs each request under a profiler. runctx is cProfile.runctx or a function with the same arguments;
    /// dump is the prefix of the paths of the profile files. While a profiler is set, the built-in server
    /// calls the application as a WSGI callable.
    fn set_profile(&self, runctx: &Bound<'_, PyAny>, dump: &Bound<'_, PyAny>) {
        let profile = (runctx.clone().unbind(), dump.clone().unbind());
        let _old = self.own(|own| own.profile.replace(profile));
    }

    /// Ends the profiling that set_profile began.
    fn del_profile(&self) {
        let _old = self.own(|own| own.profile.take());
    }

    /// The environment variables of the process whose names begin with app_: a dict of the names in lower
    /// case without app_, and the values without surrounding blanks.
    #[staticmethod]
    fn get_options(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
        let options = PyDict::new(py);
        for (name, value) in environ::of_process(py)? {
            if let Some(name) = option_name(&name.extract::<String>()?) {
                options.set_item(name, value.call_method0("strip")?)?;
            }
        }
        Ok(options)
    }
}
