//! `Request`: what handlers get.

use std::sync::LazyLock;
use std::time::Instant;

use http::header;
use poorwsgi_core::dispatch::BodyPlan;
use poorwsgi_core::request::Head;
use poorwsgi_core::response::Body;
use poorwsgi_core::settings::Settings;
use poorwsgi_core::state::Method;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::body::{Loaded, Unread, load, next_piece};
use super::extras::Slot;
use super::simple::{PathArg, SimpleRequest};
use super::source::Source;
use crate::application::Application;
use crate::cookies;
use crate::exceptions::{Error, http_exception};
use crate::headers::Headers;
use crate::input::{self, Input, body_of, read_what_comes};
use crate::names::{Name, deprecated};

static ARGS: Name = Name::new("poorwsgi.request", "Args");
static EMPTY_FORM: Name = Name::new("poorwsgi.request", "EmptyForm");
static BYTES_IO: Name = Name::new("io", "BytesIO");

/// What read_chunk takes of a body that is read as a file.
const PIECE: usize = 64 << 10;

/// A request: what the client sent, and the route it took.
///
/// The application makes requests. Attributes of your own can be set on it.
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

    /// Reads the body as planned, once; without a plan, as the settings of the application mean it.
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
            // Nothing is read ahead as well.
            Loaded::Left(_) if length == Some(0) && settings.auto_data => Self::keep(slf, b"")?,
            Loaded::Left(body) => slf.get().body.leave(body),
            Loaded::Data(data) => Self::keep(slf, &data)?,
            Loaded::Json(data) => {
                Self::keep(slf, &data)?;
                let text = PyBytes::new(py, &data);
                let value = crate::json::parse(text.as_any(), &head.charset(), settings.json_limits())?;
                // null is a value, too
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

    /// The body, when nobody has read it yet. One that Python made reads wsgi.input.
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

    /// Loads the body for a property; a failure is raised as the exception it is.
    fn loaded(slf: &Bound<'_, Self>) -> PyResult<()> {
        Self::load(slf, None).map_err(|error| error.into_exception(slf.py()))
    }

    /// Calls with all arguments of the path, in order.
    pub(crate) fn route_args<'a>(slf: &'a Bound<'_, Self>) -> &'a [PathArg] {
        slf.as_super().get().route_args()
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

/// The settings where some other object stands for an application.
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

    /// The media type of the Content-Type header, without parameters; "" where there is none.
    #[getter]
    fn mime_type(slf: &Bound<'_, Self>) -> String {
        Self::head(slf).mime_type()
    }

    /// The charset of the Content-Type header, "utf-8" by default. It is what the client says, cut behind 64
    /// characters: parse_json_request knows what to do with it, bytes.decode may take very long with some
    /// (idna).
    #[getter]
    fn charset(slf: &Bound<'_, Self>) -> String {
        Self::head(slf).charset()
    }

    /// The length of the body in bytes as announced, -1 where it is not. What is no number ends the request
    /// with 400.
    #[getter]
    fn content_length(slf: &Bound<'_, Self>) -> PyResult<i128> {
        let length = Self::head(slf).content_length().map_err(|error| http_exception(slf.py(), error))?;
        Ok(length.map_or(-1, i128::from))
    }

    /// The headers.
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

    /// The Authorization header as a dict: its parameters, and "type", such as "Digest"; "" where there is
    /// none.
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

    /// Whether a body of some length is announced.
    #[getter]
    fn is_body_request(slf: &Bound<'_, Self>) -> PyResult<bool> {
        let length = Self::head(slf).content_length().map_err(|error| http_exception(slf.py(), error))?;
        Ok(length.is_some_and(|length| length > 0))
    }

    /// Whether the body comes in chunks.
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

    /// The arguments of the path by their names. They can be set once, which the application does.
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

    /// The arguments of the query: an Args; an EmptyForm where Application.auto_args is off. It can be set
    /// once.
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

    /// The form in the body: a FieldStorage; an EmptyForm where there is none, or Application.auto_form is
    /// off. It can be set once.
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

    /// The JSON in the body: a JsonDict, a JsonList, or the value itself; an EmptyForm where there is none,
    /// or Application.auto_json is off.
    #[getter]
    fn json(slf: &Bound<'_, Self>) -> PyResult<Py<PyAny>> {
        Self::loaded(slf)?;
        Self::value(slf, |extras| &mut extras.json, || Ok(EMPTY_FORM.get(slf.py())?.call0()?.unbind()))
    }

    /// The cookies as a SimpleCookie; None where there are none, or Application.auto_cookies is off.
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
                    // A name that SimpleCookie has no room for, such as "path", is left out.
                    if cookies.set_item(name, value).is_ok() && is_plain {
                        cookies.get_item(name)?.call_method1("set", (name, value, value))?;
                    }
                }
                Ok(cookies.unbind())
            },
        )
    }

    /// The body as bytes, where it was read ahead (Application.auto_data and data_size); else None.
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

    /// The body as a file: a BytesIO of what was read ahead, else what reads from the client.
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

    /// Something for the user who is logged in, None to begin with: digest.check_digest puts the name there.
    #[getter]
    fn user(slf: &Bound<'_, Self>) -> Py<PyAny> {
        own(slf, |extras| &mut extras.user)
    }

    #[setter]
    fn set_user(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        let _old = slf.as_super().get().extras.set(|extras| &mut extras.user, value);
    }

    /// Something for the application's API, None to begin with: an OpenAPIRequest for example.
    #[getter]
    fn api(slf: &Bound<'_, Self>) -> Py<PyAny> {
        own(slf, |extras| &mut extras.api)
    }

    #[setter]
    fn set_api(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        let _old = slf.as_super().get().extras.set(|extras| &mut extras.api, value);
    }

    /// Something for a database connection, None to begin with.
    #[getter]
    fn db(slf: &Bound<'_, Self>) -> Py<PyAny> {
        own(slf, |extras| &mut extras.db)
    }

    #[setter]
    fn set_db(slf: &Bound<'_, Self>, value: Py<PyAny>) {
        let _old = slf.as_super().get().extras.set(|extras| &mut extras.db, value);
    }

    /// Reads so many bytes of the body, or all that is left; b"" at its end and where no length is announced.
    ///
    /// Where the client has left, it gives what has come, and then b"": compare with content_length.
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

    /// Reads the next chunk of a body that comes in chunks; b"" at its end.
    ///
    /// Under a WSGI server, whose wsgi.input has to give the chunks as they came; a size that is no number is
    /// a ValueError. The built-in server has taken the chunks apart.
    fn read_chunk<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        let base = slf.as_super().get();
        if let Source::Native(_) = base.source() {
            return Self::next_native_piece(slf);
        }
        let input = Self::input(slf)?.into_bound(py);
        let line: Vec<u8> = input.call_method0("readline")?.extract()?;
        let text = std::str::from_utf8(&line).ok();
        let size = text.and_then(|text| text.split(';').next()).map(str::trim);
        let digits =
            size.filter(|size| !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let size = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok());
        let size = size.ok_or_else(|| PyValueError::new_err(format!("{line:?} is no size of a chunk")))?;
        let chunk = input.call_method1("read", (size,))?;
        input.call_method0("readline")?;
        chunk.cast_into().map_err(|_| PyTypeError::new_err("wsgi.input gave no bytes"))
    }
}

impl Request {
    /// The next piece of a body of the built-in server, whoever has read the ones before.
    fn next_native_piece<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyBytes>> {
        let py = slf.py();
        Self::loaded(slf)?;
        if let Some(input) = slf.as_super().get().extras.get(py, |extras| &mut extras.input) {
            if let Ok(input) = input.bind(py).cast::<Input>() {
                return input.get().piece(py, PIECE);
            }
            let piece = input.bind(py).call_method1(intern!(py, "read"), (PIECE,))?;
            return piece.cast_into().map_err(|_| PyTypeError::new_err("the input gave no bytes"));
        }
        let mut body = slf.get().body.take();
        match next_piece(py, &mut body) {
            Ok(piece) => {
                slf.get().body.leave(body);
                Ok(PyBytes::new(py, &piece.unwrap_or_default()))
            }
            Err(error) => {
                // For whoever reads on: what is broken has not come to its end.
                slf.get().body.fail(py, &error);
                Err(error.into_exception(py))
            }
        }
    }

    /// The input of a WSGI server behind a buffer, as the application wants it.
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

/// Sets what can be set once, and an EmptyForm, which only says that nothing is there, in its place.
fn fill(slf: &Bound<'_, Request>, slot: Slot, value: Py<PyAny>) -> PyResult<()> {
    let py = slf.py();
    let extras = &slf.as_super().get().extras;
    match extras.get(py, slot) {
        Some(there) if !there.bind(py).is_instance(EMPTY_FORM.get(py)?)? => {}
        _ => drop(extras.set(slot, value)),
    }
    Ok(())
}

/// Whether a cookie's value with this byte needs no quotes; SimpleCookie would quote more.
const fn is_sent_as_it_is(byte: u8) -> bool {
    matches!(byte, 0x21..=0x7E) && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

fn own(slf: &Bound<'_, Request>, slot: Slot) -> Py<PyAny> {
    slf.as_super().get().extras.get(slf.py(), slot).unwrap_or_else(|| slf.py().None())
}
