//! `Request`: the request object that handlers get.

use std::sync::LazyLock;
use std::time::Instant;

use http::header;
use poorwsgi_core::dispatch::BodyPlan;
use poorwsgi_core::headers::framing::chunk_size;
use poorwsgi_core::request::Head;
use poorwsgi_core::response::Body;
use poorwsgi_core::settings::{Settings, json_limits};
use poorwsgi_core::state::Method;
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::body::{Loaded, Unread, load, next_piece};
use super::extras::Slot;
use super::simple::{PathArg, SimpleRequest};
use super::source::Source;
use crate::application::Application;
use crate::cookies;
use crate::environ::{self, EnvironHead};
use crate::exceptions::{Error, http_exception};
use crate::headers::Headers;
use crate::input::{self, Input, body_of, read_what_comes};
use crate::names::{Name, deprecated, no_bytes};
use crate::octets;

static ARGS: Name = Name::new("poorwsgi.request", "Args");
static EMPTY_FORM: Name = Name::new("poorwsgi.request", "EmptyForm");
static BYTES_IO: Name = Name::new("io", "BytesIO");

/// How many bytes read_chunk reads at most if the body is read as a file.
const PIECE: usize = 64 << 10;

/// A request: what the client sent, and the route that was found for it.
///
/// The application creates requests. Handlers may set further attributes.
#[pyclass(frozen, subclass, extends = SimpleRequest, module = "poorwsgi.request")]
pub(crate) struct Request {
    body: Unread,
}

impl Request {
    pub(crate) fn made_of(
        py: Python<'_>,
        source: Source,
        app: Py<PyAny>,
        body: Body,
        begun: Instant,
    ) -> PyResult<Bound<'_, Self>> {
        let base = SimpleRequest::made_of(source, app, begun);
        let request = Request { body: Unread::new(body) };
        Bound::new(py, PyClassInitializer::from(base).add_subclass(request))
    }

    /// Reads the body as planned, once. Without a plan, the application's settings decide.
    pub(crate) fn load(slf: &Bound<'_, Self>, plan: Option<BodyPlan>) -> Result<(), Error> {
        let Some(body) = slf.get().fresh(slf)? else { return Ok(()) };
        Self::read_as_planned(slf, plan, body).inspect_err(|error| slf.get().body.fail(slf.py(), error))
    }

    fn read_as_planned(slf: &Bound<'_, Self>, plan: Option<BodyPlan>, body: Body) -> Result<(), Error> {
        let py = slf.py();
        let base = slf.as_super().get();
        let tables = base.application(py).cast::<Application>().ok().map(|app| app.get().tables());
        let settings = tables.as_ref().map_or(&*STAND_IN, |tables| &tables.settings);
        let head = base.head();
        let plan = match (plan, head.method().parse::<Method>()) {
            (Some(plan), _) => plan,
            (None, Ok(method)) => BodyPlan::of(head, method, settings)?,
            (None, Err(_)) => BodyPlan::Leave,
        };
        let length = head.content_length()?;
        match load(py, plan, length, settings, body)? {
            // An empty body counts as read: `data` is b"".
            Loaded::Left(_) if length == Some(0) && settings.auto_data => Self::keep(slf, b"")?,
            Loaded::Left(body) => slf.get().body.leave(body),
            Loaded::Data(data) => Self::keep(slf, &data)?,
            Loaded::Json(data) => {
                Self::keep(slf, &data)?;
                let text = PyBytes::new(py, &data);
                let value = crate::json::parse(text.as_any(), &head.charset(), json_limits(settings))?;
                // JSON null is None, which `set_once` would ignore.
                drop(base.extras.set(|extras| &mut extras.json, value.unbind()));
            }
            Loaded::Form(data) => {
                Self::keep(slf, &data)?;
                let mut pieces = Some(data);
                let form = crate::fieldstorage::parse(
                    py,
                    head,
                    settings,
                    file_callback(base.application(py))?,
                    || Ok(pieces.take()),
                )?;
                base.extras.set_once(|extras| &mut extras.form, form.unbind());
            }
            Loaded::FormStream(mut body) => {
                let form = crate::fieldstorage::parse(
                    py,
                    head,
                    settings,
                    file_callback(base.application(py))?,
                    || next_piece(py, &mut body),
                )?;
                base.extras.set_once(|extras| &mut extras.form, form.unbind());
            }
        }
        Ok(())
    }

    /// The body, if it was not read yet. That of a request with an environ reads wsgi.input.
    fn fresh(&self, slf: &Bound<'_, Self>) -> Result<Option<Body>, Error> {
        let Some(body) = self.body.take_fresh()? else { return Ok(None) };
        match slf.as_super().get().source() {
            Source::Wsgi(environ) => Ok(Some(body_of(slf.py(), environ)?)),
            Source::Native(_) => Ok(Some(body)),
        }
    }

    fn keep(slf: &Bound<'_, Self>, data: &[u8]) -> PyResult<()> {
        let data = PyBytes::new(slf.py(), data);
        slf.as_super().get().extras.set_once(|extras| &mut extras.data, data.into_any().unbind());
        Ok(())
    }

    /// Reads the body for a property, and raises the exception if that fails.
    fn loaded(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::load(slf, None).map_err(|error| error.into_exception(slf.py()))
    }

    /// All arguments of the path, in order.
    pub(crate) fn route_args<'a>(slf: &'a Bound<'_, Self>) -> &'a [PathArg] {
        slf.as_super().get().route_args()
    }

    /// The source and the body of this request for one of our applications that is mounted below a prefix of
    /// the path.
    pub(crate) fn below(slf: &Bound<'_, Self>, prefix: &str) -> Result<(Source, Body), Error> {
        let py = slf.py();
        match slf.as_super().get().source() {
            Source::Native(head) => Ok((Source::Native(Box::new(head.below(prefix)?)), Self::rest(slf)?)),
            Source::Wsgi(environ) => {
                let head = EnvironHead::new(&Self::copy_below(slf, environ, prefix)?);
                let body = body_of(py, &head)?;
                Ok((Source::Wsgi(head), body))
            }
        }
    }

    /// The environ, with `wsgi.input`, for a WSGI callable that is mounted below a prefix of the path.
    pub(crate) fn environ_below<'py>(
        slf: &Bound<'py, Self>,
        prefix: &str,
    ) -> Result<Bound<'py, PyDict>, Error> {
        let py = slf.py();
        let environ = match slf.as_super().get().source() {
            Source::Native(head) => {
                let head = head.below(prefix)?;
                let environ = environ::of_http(py, &head)?;
                let input = Bound::new(py, Input::new(Self::rest(slf)?))?;
                environ.set_item(intern!(py, "wsgi.input"), input)?;
                environ
            }
            Source::Wsgi(environ) => Self::copy_below(slf, environ, prefix)?,
        };
        environ::join_mounts(&environ)?;
        Ok(environ)
    }

    /// The environ of a WSGI server for what is mounted, with what a hook has read into `data` as
    /// `wsgi.input`.
    fn copy_below<'py>(
        slf: &Bound<'py, Self>,
        environ: &EnvironHead,
        prefix: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let py = slf.py();
        let copy = environ::below(environ.dict(py), prefix)?;
        if let Some(data) = slf.as_super().get().extras.get(py, |extras| &mut extras.data) {
            copy.set_item(intern!(py, "wsgi.input"), BYTES_IO.get(py)?.call1((data,))?)?;
        }
        Ok(copy)
    }

    /// The body of a native request as far as nobody has read it, and what a hook has read into `data`.
    fn rest(slf: &Bound<'_, Self>) -> PyResult<Body> {
        match slf.as_super().get().extras.get(slf.py(), |extras| &mut extras.data) {
            Some(data) => Ok(octets::of_bytes(data.bind(slf.py()).cast::<PyBytes>()?).into()),
            None => Ok(slf.get().body.take()),
        }
    }

    fn value(
        slf: &Bound<'_, Self>,
        slot: Slot,
        make: impl FnOnce() -> PyResult<Py<PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        slf.as_super().get().extras.get_or_make(slf.py(), slot, make)
    }

    fn head<'a>(slf: &'a Bound<'_, Self>) -> &'a dyn Head {
        slf.as_super().get().head()
    }

    fn of_application<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        slf.as_super().get().application(slf.py()).getattr(name)
    }
}

/// The settings if `app` is not an `Application`.
static STAND_IN: LazyLock<Settings> = LazyLock::new(|| Settings::new(""));

fn file_callback<'py>(app: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    Ok(app.getattr_opt("file_callback")?.filter(|callback| !callback.is_none()))
}

fn choices(py: Python<'_>, choices: Vec<(String, f64)>) -> PyResult<Bound<'_, PyTuple>> {
    PyTuple::new(py, choices)
}

#[pymethods]
impl Request {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs), text_signature = "(environ, app)")]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        let request = Request { body: Unread::new(Body::empty()) };
        PyClassInitializer::from(SimpleRequest::blank()).add_subclass(request)
    }

    fn __init__(slf: &Bound<'_, Self>, environ: &Bound<'_, PyDict>, app: &Bound<'_, PyAny>) {
        slf.as_super().get().init(environ, app);
    }

    /// The media type of the Content-Type header, without parameters; "" if there is no such header.
    #[getter]
    fn mime_type(slf: &Bound<'_, Self>) -> String {
        Self::head(slf).mime_type()
    }

    /// The charset parameter of the Content-Type header, as the client sent it, cut to 64 characters; "utf-8"
    /// if there is none. parse_json_request takes it safely; bytes.decode may take very long with some
    /// charsets (idna).
    #[getter]
    fn charset(slf: &Bound<'_, Self>) -> String {
        Self::head(slf).charset()
    }

    /// The length of the body in bytes (Content-Length); -1 if it is not announced. Raises HTTPException(400)
    /// if the header is no number.
    #[getter]
    fn content_length(slf: &Bound<'_, Self>) -> PyResult<i128> {
        let length = Self::head(slf).content_length().map_err(|error| http_exception(slf.py(), error))?;
        Ok(length.map_or(-1, i128::from))
    }

    /// The headers of the request.
    #[getter]
    fn headers(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::value(
            slf,
            |extras| &mut extras.headers,
            || {
                let headers = slf.as_super().get().source().headers(slf.py());
                Ok(Py::new(slf.py(), Headers::from_engine(headers))?.into_any())
            },
        )
    }

    /// The media types that the client accepts, with their quality: (("text/html", 1.0), …).
    #[getter]
    fn accept<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        choices(slf.py(), Self::head(slf).accept())
    }

    /// The charsets that the client accepts, with their quality.
    #[getter]
    fn accept_charset<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        choices(slf.py(), Self::head(slf).accept_charset())
    }

    /// The content codings that the client accepts, with their quality.
    #[getter]
    fn accept_encoding<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        choices(slf.py(), Self::head(slf).accept_encoding())
    }

    /// The languages that the client accepts, with their quality.
    #[getter]
    fn accept_language<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyTuple>> {
        choices(slf.py(), Self::head(slf).accept_language())
    }

    /// Whether the Accept header names text/html.
    #[getter]
    fn accept_html(slf: &Bound<'_, Self>) -> bool {
        Self::head(slf).accept_html()
    }

    /// Whether the Accept header names text/xhtml.
    #[getter]
    fn accept_xhtml(slf: &Bound<'_, Self>) -> bool {
        Self::head(slf).accept_xhtml()
    }

    /// Whether the Accept header names application/json.
    #[getter]
    fn accept_json(slf: &Bound<'_, Self>) -> bool {
        Self::head(slf).accept_json()
    }

    /// The Authorization header as a dict of its parameters, and "type": the scheme, such as "Digest"; "" if
    /// there is no such header.
    #[getter]
    fn authorization<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyDict>> {
        let authorization = Self::head(slf).authorization();
        let values = PyDict::new(slf.py());
        for (name, value) in authorization.iter() {
            values.set_item(name, value)?;
        }
        values.set_item("type", authorization.scheme())?;
        Ok(values)
    }

    /// Whether X-Requested-With is XMLHttpRequest.
    #[getter]
    fn is_xhr(slf: &Bound<'_, Self>) -> bool {
        Self::head(slf).is_xhr()
    }

    /// Whether Content-Length announces a body of at least one byte.
    #[getter]
    fn is_body_request(slf: &Bound<'_, Self>) -> PyResult<bool> {
        Self::head(slf).is_body_request().map_err(|error| http_exception(slf.py(), error))
    }

    /// Whether the body is sent in chunks (Transfer-Encoding: chunked).
    #[getter]
    fn is_chunked(slf: &Bound<'_, Self>) -> bool {
        Self::head(slf).is_chunked()
    }

    /// Deprecated: use is_chunked.
    #[getter]
    fn is_chunked_request(slf: &Bound<'_, Self>) -> PyResult<bool> {
        deprecated(slf.py(), "is_chunked_request is deprecated: use is_chunked")?;
        Ok(Self::is_chunked(slf))
    }

    /// The arguments of the path by name. Can be set only once; the application does that.
    #[getter]
    fn path_args(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::value(
            slf,
            |extras| &mut extras.path_args,
            || {
                let args = PyDict::new(py);
                for arg in Self::route_args(slf) {
                    if let Some(name) = &arg.name {
                        args.set_item(&**name, &arg.value)?;
                    }
                }
                Ok(args.into_any().unbind())
            },
        )
    }

    #[setter]
    fn set_path_args(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        slf.as_super().get().extras.set_once(|extras| &mut extras.path_args, value);
    }

    /// The arguments of the query: an Args, or an EmptyForm if Application.auto_args is off. An EmptyForm can
    /// be replaced, once.
    #[getter]
    fn args(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::value(
            slf,
            |extras| &mut extras.args,
            || {
                if !Self::of_application(slf, "auto_args")?.is_truthy()? {
                    return Ok(EMPTY_FORM.get(py)?.call0()?.unbind());
                }
                let keep = Self::of_application(slf, "keep_blank_values")?;
                let strict = Self::of_application(slf, "strict_parsing")?;
                Ok(ARGS.get(py)?.call1((slf, keep, strict))?.unbind())
            },
        )
    }

    #[setter]
    fn set_args(slf: &Bound<'_, Self>, value: Py<PyAny>) -> PyResult<()> {
        Self::args(slf)?;
        fill(slf, |extras| &mut extras.args, value)
    }

    /// The form in the body: a FieldStorage, or an EmptyForm if there is no form or Application.auto_form is
    /// off. An EmptyForm can be replaced, once.
    #[getter]
    fn form(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::loaded(slf)?;
        Self::value(slf, |extras| &mut extras.form, || Ok(EMPTY_FORM.get(slf.py())?.call0()?.unbind()))
    }

    #[setter]
    fn set_form(slf: &Bound<'_, Self>, value: Py<PyAny>) -> PyResult<()> {
        Self::form(slf)?;
        fill(slf, |extras| &mut extras.form, value)
    }

    /// The JSON in the body: a JsonDict, a JsonList, or another value; an EmptyForm if there is no JSON or
    /// Application.auto_json is off.
    #[getter]
    fn json(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::loaded(slf)?;
        Self::value(slf, |extras| &mut extras.json, || Ok(EMPTY_FORM.get(slf.py())?.call0()?.unbind()))
    }

    /// The cookies as a SimpleCookie; None if there are none or Application.auto_cookies is off.
    #[getter]
    fn cookies(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::value(
            slf,
            |extras| &mut extras.cookies,
            || {
                let head = Self::head(slf);
                if head.header(&header::COOKIE).is_none()
                    || !Self::of_application(slf, "auto_cookies")?.is_truthy()?
                {
                    return Ok(py.None());
                }
                let cookies = cookies::SIMPLE_COOKIE.get(py)?.call0()?;
                for (name, value) in head.cookies().iter() {
                    let is_plain = value.bytes().all(is_sent_as_it_is);
                    if is_plain && cookies::put(&cookies, name, value, value)? {
                        continue;
                    }
                    // A name that SimpleCookie refuses, such as "path", is left out.
                    if cookies.set_item(name, value).is_ok() && is_plain {
                        cookies.get_item(name)?.call_method1("set", (name, value, value))?;
                    }
                }
                Ok(cookies.unbind())
            },
        )
    }

    /// The body as bytes if it was read before the handler was called (see Application.auto_data and
    /// data_size); otherwise None.
    #[getter]
    fn data(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::loaded(slf)?;
        if let Some(data) = slf.as_super().get().extras.get(py, |extras| &mut extras.data) {
            return Ok(data);
        }
        let input = Self::input(slf)?;
        if input.bind(py).is_instance(BYTES_IO.get(py)?)? {
            return Ok(input.bind(py).call_method0("getvalue")?.unbind());
        }
        Ok(py.None())
    }

    /// The body as a file: a BytesIO if the body was read before the handler was called, otherwise an object
    /// that reads from the client.
    #[getter]
    fn input(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        Self::loaded(slf)?;
        Self::value(
            slf,
            |extras| &mut extras.input,
            || {
                let base = slf.as_super().get();
                if let Some(data) = base.extras.get(py, |extras| &mut extras.data) {
                    return Ok(BYTES_IO.get(py)?.call1((data,))?.unbind());
                }
                match base.source() {
                    Source::Wsgi(environ) => {
                        let Some(input) = environ.dict(py).get_item(intern!(py, "wsgi.input"))? else {
                            return Ok(BYTES_IO.get(py)?.call0()?.unbind());
                        };
                        Self::cached(slf, input).map(Bound::unbind)
                    }
                    Source::Native(head) => {
                        let head: &dyn Head = &**head;
                        let length = head.content_length().ok().flatten();
                        input::of_body(py, slf.get().body.take(), length)
                    }
                }
            },
        )
    }

    /// The user who is logged in; None at first. digest.check_digest sets the user's name; any other value
    /// may be set.
    #[getter]
    fn user(slf: &Bound<'_, Self>) -> Py<PyAny> {
        own(slf, |extras| &mut extras.user)
    }

    #[setter]
    fn set_user(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        let _old = slf.as_super().get().extras.set(|extras| &mut extras.user, value);
    }

    /// For the application to set, for example to an OpenAPIRequest; None at first.
    #[getter]
    fn api(slf: &Bound<'_, Self>) -> Py<PyAny> {
        own(slf, |extras| &mut extras.api)
    }

    #[setter]
    fn set_api(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        let _old = slf.as_super().get().extras.set(|extras| &mut extras.api, value);
    }

    /// For the application to set, for example to a database connection; None at first.
    #[getter]
    fn db(slf: &Bound<'_, Self>) -> Py<PyAny> {
        own(slf, |extras| &mut extras.db)
    }

    #[setter]
    fn set_db(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        let _old = slf.as_super().get().extras.set(|extras| &mut extras.db, value);
    }

    /// Reads length bytes of the body, or the rest of it if length is negative. Returns b"" at the end of the
    /// body, and if no length is announced.
    ///
    /// If the client has disconnected, returns what has arrived, and then b"": compare the total with
    /// content_length.
    #[pyo3(signature = (length = -1), text_signature = "($self, length=-1)")]
    fn read<'py>(slf: &Bound<'py, Self>, length: i64) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let announced = Self::content_length(slf)?;
        let input = Self::input(slf)?.into_bound(py);
        let extras = &slf.as_super().get().extras;
        let announced = u64::try_from(announced).unwrap_or(0);
        let left = extras.with(|extras| *extras.left.get_or_insert(announced));
        let asked = u64::try_from(length).map_or(left, |length| length.min(left));
        if asked == 0 {
            return Ok(PyBytes::new(py, b"").into_any());
        }
        let data = read_what_comes(&input, asked)?;
        let got = data.len()? as u64;
        extras.with(|extras| extras.left = Some(left.saturating_sub(got)));
        Ok(data)
    }

    /// Reads the next chunk of a body that is sent in chunks; b"" at its end.
    ///
    /// Under another WSGI server, wsgi.input has to return the body with its chunk sizes; a size that is no
    /// hexadecimal number raises ValueError. Under the built-in server, which decodes the chunks itself,
    /// returns the next piece of the body.
    fn read_chunk<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        let base = slf.as_super().get();
        if let Source::Native(_) = base.source() {
            return Self::next_native_piece(slf);
        }
        let input = Self::input(slf)?.into_bound(py);
        let line: Vec<u8> = input.call_method0("readline")?.extract()?;
        let size = chunk_size(&line);
        let size = size.ok_or_else(|| {
            PyValueError::new_err(format!(
                "the line {line:?} is not the size of a chunk; expected hexadecimal digits"
            ))
        })?;
        let chunk = input.call_method1("read", (size,))?;
        input.call_method0("readline")?;
        chunk.cast_into().map_err(|error| no_bytes(&error.into_inner()))
    }
}

impl Request {
    /// The next piece of the body under the built-in server, no matter by which method the previous ones were
    /// read.
    fn next_native_piece<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        Self::loaded(slf)?;
        if let Some(input) = slf.as_super().get().extras.get(py, |extras| &mut extras.input) {
            if let Ok(input) = input.bind(py).cast::<Input>() {
                return input.get().piece(py, PIECE);
            }
            let piece = input.bind(py).call_method1(intern!(py, "read"), (PIECE,))?;
            return piece.cast_into().map_err(|error| no_bytes(&error.into_inner()));
        }
        let mut body = slf.get().body.take();
        match next_piece(py, &mut body) {
            Ok(piece) => {
                slf.get().body.leave(body);
                Ok(PyBytes::new(py, &piece.unwrap_or_default()))
            }
            Err(error) => {
                // A later read must raise an error, too, instead of reporting the end of the body.
                slf.get().body.fail(py, &error);
                Err(error.into_exception(py))
            }
        }
    }

    /// The wsgi.input of a WSGI server, buffered as Application.cached_size says.
    fn cached<'py>(slf: &Bound<'py, Self>, input: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        static CACHED_INPUT: Name = Name::new("poorwsgi.request", "CachedInput");
        let py = slf.py();
        let size = Self::of_application(slf, "cached_size")?;
        if !size.is_truthy()? || input.is_instance(BYTES_IO.get(py)?)? {
            return Ok(input);
        }
        let timeout = Self::of_application(slf, "read_timeout")?;
        CACHED_INPUT.get(py)?.call1((input, Self::content_length(slf)?, size, timeout))
    }
}

/// Sets a value that can be set only once. An EmptyForm, which means that there is no value, is replaced.
fn fill(slf: &Bound<'_, Request>, slot: Slot, value: Py<PyAny>) -> PyResult<()> {
    let py = slf.py();
    let extras = &slf.as_super().get().extras;
    match extras.get(py, slot) {
        Some(there) if !there.bind(py).is_instance(EMPTY_FORM.get(py)?)? => {}
        _ => drop(extras.set(slot, value)),
    }
    Ok(())
}

/// Whether a cookie's value may contain this byte without quotes. SimpleCookie would quote more values than
/// necessary.
const fn is_sent_as_it_is(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E) && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn own(slf: &Bound<'_, Request>, slot: Slot) -> Py<PyAny> {
    slf.as_super().get().extras.get(slf.py(), slot).unwrap_or_else(|| slf.py().None())
}
