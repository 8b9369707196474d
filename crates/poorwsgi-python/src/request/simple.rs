//! `SimpleRequest`: the base class of `Request`, without content negotiation and body.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use http::{HeaderName, header};
use poorwsgi_core::request::{Head, full_path};
use poorwsgi_core::settings::overrides;
use poorwsgi_core::state::{METHOD_GET, Method, MethodSet};
use pyo3::IntoPyObjectExt;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedStr;
use pyo3::types::{PyDict, PyString, PyTuple};

use super::extras::{LazyExtras, Slot};
use super::source::Source;
use crate::application::Function;
use crate::environ::{self, EnvironHead};
use crate::exceptions::http_exception;
use crate::headers::bytes_to_native;
use crate::names::{Made, Name, deprecated};

/// A request without content negotiation, arguments and body.
///
/// The application creates requests; environ is a WSGI environ (PEP 3333).
#[pyclass(frozen, subclass, dict, weakref, module = "poorwsgi.request")]
pub(crate) struct SimpleRequest {
    /// The core of a request that the application created.
    made: Option<Core>,
    /// The core of a request that Python code created.
    core: OnceLock<Core>,
    mark: Made,
    route: OnceLock<Route>,
    /// The status of the error with which the request ended; 0 for none.
    status: AtomicU16,
    pub(super) extras: LazyExtras,
}

/// The data of a request.
struct Core {
    source: Source,
    app: Py<PyAny>,
    begun: CreationTime,
}

/// When a request object was created. The wall-clock time is computed from the monotonic clock at the first
/// access.
struct CreationTime {
    at: Instant,
    /// In seconds since 1970.
    time: OnceLock<f64>,
}

impl CreationTime {
    const fn at(at: Instant) -> Self {
        CreationTime { at, time: OnceLock::new() }
    }

    fn now() -> Self {
        CreationTime::at(Instant::now())
    }

    fn time(&self) -> f64 {
        *self.time.get_or_init(|| {
            let begun = SystemTime::now().checked_sub(self.at.elapsed());
            begun
                .and_then(|begun| begun.duration_since(UNIX_EPOCH).ok())
                .map_or(0.0, |since| since.as_secs_f64())
        })
    }
}

/// The route of a request.
struct Route {
    rule: Arc<str>,
    handler: Option<Function>,
    args: Vec<PathArg>,
}

/// A path argument; groups of regular routes may have no name.
pub(crate) struct PathArg {
    pub(crate) name: Option<Arc<str>>,
    pub(crate) value: Py<PyAny>,
}

impl SimpleRequest {
    pub(crate) fn made_of(source: Source, app: Py<PyAny>, begun: Instant) -> Self {
        SimpleRequest { made: Some(Core { source, app, begun: CreationTime::at(begun) }), ..Self::blank() }
    }

    pub(super) fn blank() -> Self {
        SimpleRequest {
            made: None,
            core: OnceLock::new(),
            mark: Made::default(),
            route: OnceLock::new(),
            status: AtomicU16::default(),
            extras: LazyExtras::default(),
        }
    }

    fn core(&self) -> &Core {
        if let Some(made) = &self.made {
            return made;
        }
        // A subclass that does not call our `__init__` has an empty request.
        self.core.get_or_init(|| {
            Python::attach(|py| Core {
                source: Source::Wsgi(EnvironHead::new(&PyDict::new(py))),
                app: py.None(),
                begun: CreationTime::now(),
            })
        })
    }

    pub(super) fn init(&self, environ: &Bound<'_, PyDict>, app: &Bound<'_, PyAny>) {
        let source = Source::Wsgi(EnvironHead::new(environ));
        let _ = self.core.set(Core { source, app: app.clone().unbind(), begun: CreationTime::now() });
    }

    pub(crate) fn source(&self) -> &Source {
        &self.core().source
    }

    pub(crate) fn head(&self) -> &dyn Head {
        self.source().head()
    }

    pub(crate) fn application<'py>(&self, py: Python<'py>) -> &Bound<'py, PyAny> {
        self.core().app.bind(py)
    }

    pub(crate) fn set_route(&self, rule: Arc<str>, handler: Option<Function>, args: Vec<PathArg>) {
        let _ = self.route.set(Route { rule, handler, args });
    }

    /// Sets the built-in page that answers in place of a handler.
    pub(crate) fn set_page(&self, page: Py<PyAny>) {
        self.extras.set_once(|extras| &mut extras.uri_handler, page);
    }

    /// Sets the status of the response, so that `error_handler` can return the built-in page of this status.
    pub(crate) fn set_status(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    /// The form, the arguments and the JSON, as far as the request has them by now.
    pub(crate) fn values(&self, py: Python<'_>) -> Vec<Py<PyAny>> {
        let slots: [Slot; 3] =
            [|extras| &mut extras.form, |extras| &mut extras.args, |extras| &mut extras.json];
        slots.into_iter().filter_map(|slot| self.extras.get(py, slot)).collect()
    }

    /// The rule of the route, once it is known.
    pub(crate) fn rule(&self) -> Option<&Arc<str>> {
        self.route.get().map(|route| &route.rule)
    }

    /// The handler of the route, once it is known, if a handler of the application answers.
    pub(crate) fn route_handler(&self) -> Option<&Function> {
        self.route.get()?.handler.as_ref()
    }

    pub(crate) fn route_args(&self) -> &[PathArg] {
        self.route.get().map_or(&[], |route| &route.args)
    }

    pub(crate) fn set_error_handler(&self, handler: Py<PyAny>) {
        self.extras.set_once(|extras| &mut extras.error_handler, handler);
    }

    /// Whether the nonce of the request's digest login was already counted as used.
    pub(crate) fn has_used_nonce(&self) -> bool {
        self.extras.with(|extras| extras.has_used_nonce)
    }

    pub(crate) fn note_used_nonce(&self) {
        self.extras.with(|extras| extras.has_used_nonce = true);
    }

    fn native_header<'py>(&self, py: Python<'py>, name: &HeaderName) -> Option<Bound<'py, PyAny>> {
        self.source().header(py, name)
    }

    /// The value that overrides a setting of the application; the setting if there is none.
    fn setting<'py>(
        &self,
        py: Python<'py>,
        overriding: Option<impl IntoPyObjectExt<'py>>,
        setting: &str,
    ) -> PyResult<Bound<'py, PyAny>> {
        match overriding {
            Some(value) => value.into_bound_py_any(py),
            None => self.application(py).getattr(setting),
        }
    }
}

#[pymethods]
impl SimpleRequest {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(environ, app)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Self {
        Self::blank()
    }

    fn __init__(&self, environ: &Bound<'_, PyDict>, app: &Bound<'_, PyAny>) {
        self.init(environ, app);
    }

    /// Whether error pages show tracebacks: poor_Debug, or Application.debug if that is not set.
    #[getter]
    fn debug<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.setting(py, overrides::debug(self.head()), "debug")
    }

    /// The application.
    #[getter]
    fn app<'py>(&self, py: Python<'py>) -> Bound<'py, PyAny> {
        self.application(py).clone()
    }

    /// A copy of the WSGI environ. Under the built-in server it is created at each access.
    #[getter]
    fn environ<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match self.source() {
            Source::Wsgi(environ) => environ.dict(py).copy(),
            native @ Source::Native(_) => native.environ(py),
        }
    }

    /// A copy of the mapping in which the poor_ and app_ variables are looked up: os.environ under the
    /// built-in server, under uWSGI, and if os.environ contains poor.Version; otherwise the environ.
    #[getter]
    fn poor_environ<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        match self.source() {
            Source::Wsgi(environ) if !environ.asks_process(py) => environ.dict(py).copy(),
            _ => environ::of_process(py),
        }
    }

    /// The rule of the route, as it was registered; "/*" for files, directories and default handlers,
    /// "/debug-info" for the debug page; None if there is no route. Can be set only once; the application
    /// does that.
    #[getter]
    fn uri_rule(&self, py: Python<'_>) -> Py<PyAny> {
        match self.route.get() {
            Some(route) => PyString::new(py, &route.rule).into_any().unbind(),
            None => self.extras.get(py, |extras| &mut extras.uri_rule).unwrap_or_else(|| py.None()),
        }
    }

    #[setter]
    fn set_uri_rule(&self, value: Py<PyAny>) {
        self.extras.set_once(|extras| &mut extras.uri_rule, value);
    }

    /// The handler of the route, or the function of a built-in page; None if there is none, as for a file. It
    /// is set before the before hooks run. Can be set only once.
    #[getter]
    fn uri_handler(&self, py: Python<'_>) -> Py<PyAny> {
        match self.route.get().map(|route| &route.handler) {
            Some(Some(handler)) => handler.clone_ref(py),
            _ => self.extras.get(py, |extras| &mut extras.uri_handler).unwrap_or_else(|| py.None()),
        }
    }

    #[setter]
    fn set_uri_handler(&self, value: Py<PyAny>) {
        self.extras.set_once(|extras| &mut extras.uri_handler, value);
    }

    /// The error or state handler that was called, or the function of the built-in error page; None if there
    /// was no error. Can be set only once.
    #[getter]
    fn error_handler(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        static PAGES: Name = Name::new("poorwsgi.results", "default_states");
        if let Some(handler) = self.extras.get(py, |extras| &mut extras.error_handler) {
            return Ok(handler);
        }
        match PAGES.get(py)?.get_item(self.status.load(Ordering::Relaxed)) {
            Ok(methods) => Ok(methods.get_item(METHOD_GET.bits())?.unbind()),
            Err(_) => Ok(py.None()),
        }
    }

    #[setter(error_handler)]
    fn replace_error_handler(&self, value: Py<PyAny>) {
        self.set_error_handler(value);
    }

    /// The host of the Host header, without port; the name of the server if there is no such header.
    #[getter]
    fn hostname(&self) -> String {
        self.head().hostname()
    }

    /// The port of the Host header, or the default port of the scheme. Raises HTTPException(400) if the port
    /// is no number.
    #[getter]
    fn host_port(&self, py: Python<'_>) -> PyResult<u16> {
        self.head().host_port().map_err(|error| http_exception(py, error))
    }

    /// The method, such as "GET".
    #[getter]
    fn method<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        PyString::intern(py, self.head().method())
    }

    /// The METHOD_ constant of the method, as in poorwsgi.state; METHOD_GET for an unknown method.
    #[getter]
    fn method_number(&self) -> u16 {
        self.head().method().parse::<Method>().map_or(METHOD_GET, MethodSet::from).bits()
    }

    /// The same as path, which should be used instead.
    #[getter]
    fn uri<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr(intern!(slf.py(), "path"))
    }

    /// The path of the target, percent-decoded. Raises HTTPException(400) if the bytes are not UTF-8.
    #[getter]
    fn path(&self, py: Python<'_>) -> PyResult<Py<PyString>> {
        let path = self.head().path().map_err(|error| http_exception(py, error))?;
        Ok(PyString::new(py, &path).unbind())
    }

    /// The query of the target as it was sent, without the "?"; "" if there is none.
    #[getter]
    fn query<'py>(&self, py: Python<'py>) -> Bound<'py, PyString> {
        bytes_to_native(py, self.head().query().as_bytes())
    }

    /// The path, followed by "?" and the query if there is one.
    #[getter]
    fn full_path(slf: &Bound<'_, Self>) -> PyResult<String> {
        // Subclasses may override both.
        let path: PyBackedStr = slf.getattr("path")?.extract()?;
        let query: PyBackedStr = slf.getattr("query")?.extract()?;
        Ok(full_path(&path, &query))
    }

    /// The host name of the client, if the server looks it up; otherwise "".
    #[getter]
    fn remote_host(&self) -> String {
        self.head().remote_host().into_owned()
    }

    /// The IP address of the connected client, which may be a proxy; or None.
    #[getter]
    fn remote_addr(&self) -> Option<String> {
        self.head().remote_addr().map(Into::into)
    }

    /// The Referer header, or None.
    #[getter]
    fn referer<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.native_header(py, &header::REFERER)
    }

    /// The User-Agent header, or None.
    #[getter]
    fn user_agent<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.native_header(py, &header::USER_AGENT)
    }

    /// The id of the request, which lines of several logs and the response have (X-Request-ID): from our server, or
    /// from a proxy; or None. Under any other server it is what the client sends.
    #[getter]
    fn request_id<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.native_header(py, &HeaderName::from_static("x-request-id"))
    }

    /// "http" or "https", as the server sees the connection.
    #[getter]
    fn server_scheme(&self) -> String {
        self.head().scheme().into_owned()
    }

    /// The same as server_scheme.
    #[getter]
    fn scheme<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr("server_scheme")
    }

    /// The name of the server software; "Unknown" if the server gives none.
    #[getter]
    fn server_software(&self, py: Python<'_>) -> String {
        match self.source() {
            Source::Wsgi(environ) if environ.is_uwsgi(py) => "uWsgi".to_owned(),
            source => source.head().server_software().into_owned(),
        }
    }

    /// The email address of the administrator: SERVER_ADMIN, or webmaster@ and the host name.
    #[getter]
    fn server_admin(&self) -> String {
        self.head().server_admin()
    }

    /// The name of the server, as it is configured.
    #[getter]
    fn server_hostname(&self) -> String {
        self.head().server_name().into_owned()
    }

    /// The port on which the request came in.
    #[getter]
    fn server_port(&self) -> u16 {
        self.head().server_port()
    }

    /// The same as server_port.
    #[getter]
    fn port<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr("server_port")
    }

    /// The protocol, such as "HTTP/1.1".
    #[getter]
    fn server_protocol(&self) -> String {
        self.head().protocol().into_owned()
    }

    /// The same as server_protocol.
    #[getter]
    fn protocol<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.getattr("server_protocol")
    }

    /// The X-Forwarded-For header, or None. Trust it only behind a proxy that sets it.
    #[getter]
    fn forwarded_for(&self) -> Option<String> {
        self.head().forwarded_for()
    }

    /// The host of X-Forwarded-Host without port, or None.
    #[getter]
    fn forwarded_host(&self) -> Option<String> {
        self.head().forwarded_host()
    }

    /// The port of X-Forwarded-Host, or the default port of X-Forwarded-Proto, or None.
    #[getter]
    fn forwarded_port(&self, py: Python<'_>) -> PyResult<Option<u16>> {
        self.head().forwarded_port().map_err(|error| http_exception(py, error))
    }

    /// The scheme of X-Forwarded-Proto, or None.
    #[getter]
    fn forwarded_proto(&self) -> Option<String> {
        self.head().forwarded_proto()
    }

    /// The secret key: poor_SecretKey, or Application.secret_key if that is not set.
    #[getter]
    fn secret_key<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.setting(py, overrides::secret_key(self.head()), "secret_key")
    }

    /// Whether directories are listed: poor_DocumentIndex, or Application.document_index if that is not set.
    #[getter]
    fn document_index<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.setting(py, overrides::document_index(self.head()), "document_index")
    }

    /// The directory whose files are served: poor_DocumentRoot, or Application.document_root if that is not
    /// set.
    #[getter]
    fn document_root<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.setting(py, overrides::document_root(self.head()), "document_root")
    }

    /// When the request began, in seconds since 1970: REQUEST_STARTTIME of the environ if the server sets it,
    /// otherwise the time when this object was created.
    #[getter]
    fn start_time<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        if let Source::Wsgi(environ) = self.source()
            && let Some(time) = environ.dict(py).get_item(intern!(py, "REQUEST_STARTTIME"))?
        {
            return Ok(time);
        }
        Ok(self.core().begun.time().into_pyobject(py)?.into_any())
    }

    /// When this object was created, in seconds since 1970.
    #[getter]
    fn end_time(&self) -> f64 {
        self.core().begun.time()
    }

    /// Deprecated: use Application.get_options. A dict of the app_ variables; the keys are the names in lower
    /// case without app_.
    fn get_options<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        deprecated(py, "Request.get_options is deprecated: use Application.get_options")?;
        let options = PyDict::new(py);
        for (name, value) in self.head().options() {
            options.set_item(name, value)?;
        }
        Ok(options)
    }

    /// The absolute URL of a path of this server, with scheme, host and port as the client sees them (behind
    /// a proxy, from the X-Forwarded headers); for "", the URL without a path. An absolute http or https URL
    /// is returned unchanged.
    fn construct_url(&self, py: Python<'_>, uri: &str) -> PyResult<String> {
        self.head().construct_url(uri).map_err(|error| http_exception(py, error))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.mark.is_made() {
            return Ok(());
        }
        if let Some(core) = self.made.as_ref().or_else(|| self.core.get()) {
            visit.call(&core.app)?;
            if let Source::Wsgi(environ) = &core.source {
                environ.traverse(&visit)?;
            }
        }
        if let Some(route) = self.route.get() {
            route.args.iter().try_for_each(|arg| visit.call(&arg.value))?;
        }
        self.extras.traverse(&visit)
    }

    fn __clear__(&self) {
        self.extras.clear();
    }
}
