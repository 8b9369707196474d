//! `PoorSession`: a dict in a sealed cookie.

use poorwsgi_core::session::{self as engine, SealedKeys, Sealer};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict, PyTuple};

use super::cookie::{Attributes, Seconds, Site, Truth};
use super::{Session, SessionError, sealed, session_error};
use crate::log;
use crate::names::{Made, Name};

/// A session that keeps a dict in its cookie, encrypted and authenticated: nobody without the key reads or
/// changes it.
///
///     session = PoorSession(app.secret_key, same_site="Lax")
///     session.load(req.cookies)
///     session.data["user"] = "alice"
///     session.header(response)
///
/// secret_key is str or bytes, best 32 random bytes; or a list of them to rotate keys: the first one seals,
/// all of them open. compress is a module or object with compress(data, level) and decompress(data); None for
/// no compression. The other arguments are those of Session. data must be what JSON can hold, and fit into
/// the 4096 bytes that browsers store.
///
/// legacy=True reads the cookies of PoorWSGI up to 2.8, too. Their cipher tells much about the data to
/// whoever sees many of them, so leave it on only for as long as such cookies live; what is written is always
/// of the new kind.
///
/// The time is sealed in with the data: a cookie that was written more than max_age seconds ago, or expires
/// where there is no max_age, is a SessionError in load(), whatever the browser does. What is not written
/// again keeps its time. Clocks may differ by a minute: a cookie from later than that is refused, too.
/// Without max_age and expires any time will do, as for the cookies of legacy=True, which have none.
///
/// A cookie that was not made with one of the keys is a SessionError in load(); so is a missing key. A copy
/// of a cookie stays good as long as that, also after destroy().
#[pyclass(subclass, extends = Session, module = "poorwsgi.session")]
pub(crate) struct PoorSession {
    keys: Option<SealedKeys>,
    compress: Compress,
    /// The secrets that old cookies are read with; empty where they are not.
    legacy: Vec<Vec<u8>>,
    made: Made,
}

/// What data are compressed with.
enum Compress {
    Bz2,
    None,
    With(Py<PyAny>),
}

impl FromPyObject<'_, '_> for Compress {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, '_, PyAny>) -> PyResult<Self> {
        Ok(if value.is_none() { Compress::None } else { Compress::With(value.to_owned().unbind()) })
    }
}

static BZ2: PyOnceLock<Py<PyModule>> = PyOnceLock::new();

impl Compress {
    fn object<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(match self {
            Compress::Bz2 => Some(
                BZ2.get_or_try_init(py, || py.import("bz2").map(Bound::unbind))?.bind(py).clone().into_any(),
            ),
            Compress::None => None,
            Compress::With(object) => Some(object.bind(py).clone()),
        })
    }
}

#[pymethods]
impl PoorSession {
    #[new]
    #[pyo3(
        signature = (*_args, **_kwargs),
        text_signature = "(secret_key, expires=0, max_age=None, domain='', path='/', secure=False, same_site=False, compress=..., sid='SESSID', *, legacy=False)"
    )]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> PyClassInitializer<Self> {
        let blank =
            PoorSession { keys: None, compress: Compress::None, legacy: Vec::new(), made: Made::default() };
        PyClassInitializer::from(Session::blank(_args.py())).add_subclass(blank)
    }

    #[pyo3(
        signature = (
            secret_key, expires = Seconds(None), max_age = Seconds(None), domain = None, path = Some("/".to_owned()),
            secure = Truth(false), same_site = Site(None), compress = Compress::Bz2, sid = "SESSID".to_owned(), *,
            legacy = false
        )
    )]
    #[allow(clippy::too_many_arguments, reason = "the signature is PoorWSGI's")]
    fn __init__(
        slf: &Bound<'_, Self>,
        secret_key: &Bound<'_, PyAny>,
        expires: Seconds,
        max_age: Seconds,
        domain: Option<String>,
        path: Option<String>,
        secure: Truth,
        same_site: Site,
        compress: Compress,
        sid: String,
        legacy: bool,
    ) -> PyResult<()> {
        let py = slf.py();
        let given = sealed::secrets(secret_key)?;
        let is_request = given.is_none();
        let secrets = match given {
            Some(secrets) => secrets,
            None => secrets_of_request(secret_key)?,
        };
        let keys = SealedKeys::new(&secrets).map_err(session_error)?;
        let attributes = Attributes { expires, max_age, domain, path, secure, same_site, sid };
        Session::init(slf.as_super(), attributes, PyDict::new(py).into_any())?;
        {
            let mut session = slf.try_borrow_mut()?;
            session.keys = Some(keys);
            session.legacy = if legacy { secrets } else { Vec::new() };
            let old = std::mem::replace(&mut session.compress, compress);
            // What goes may run code of its own, which finds nothing borrowed.
            drop(session);
            drop(old);
        }
        if is_request {
            slf.call_method1("load", (secret_key.getattr("cookies")?,))?;
        }
        Ok(())
    }

    /// Takes the data from the cookies of a request; they stay as they are where there is no cookie, or an
    /// empty one.
    ///
    /// Raises SessionError for a cookie that was not made with one of the keys.
    fn load(slf: &Bound<'_, Self>, cookies: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        sealed::load(slf.as_super(), cookies, |sid, value| PoorSession::open(slf, sid, value))
    }

    /// Seals the data into the cookie, anew with each call, and returns its value; "" once the session is
    /// destroyed.
    ///
    /// Raises SessionError where the cookie would be larger than browsers store.
    fn write(slf: &Bound<'_, Self>) -> PyResult<String> {
        let (py, session) = (slf.py(), slf.as_super());
        let (sid, mut data) = (Session::sid_of(session)?, sealed::dumps(session)?);
        let compress = slf.try_borrow()?.compress.object(py)?;
        if let Some(compress) = compress {
            data = compress.call_method1("compress", (PyBytes::new(py, &data), 9))?.extract()?;
        }
        let value = slf.try_borrow()?.keys()?.seal(&sid, &data).map_err(session_error)?;
        Session::put(session, value)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.made.is_made() {
            return Ok(());
        }
        match &self.compress {
            Compress::With(object) => visit.call(object),
            _ => Ok(()),
        }
    }

    fn __clear__(&mut self) {
        self.compress = Compress::None;
    }
}

impl PoorSession {
    fn keys(&self) -> PyResult<&SealedKeys> {
        self.keys.as_ref().ok_or_else(|| SessionError::new_err("__init__ of the session was not called"))
    }

    /// The JSON text in the value of a cookie.
    fn open(slf: &Bound<'_, Self>, sid: &str, value: &str) -> PyResult<Vec<u8>> {
        static UNSEAL: Name = Name::new("poorwsgi._legacy_session", "unseal");
        let py = slf.py();
        let lifetime = Session::lifetime_of(slf.as_super())?;
        let (opened, compress, legacy) = {
            let session = slf.try_borrow()?;
            let opened = session.keys()?.open_within(sid, value, lifetime);
            (opened, session.compress.object(py)?, session.legacy.clone())
        };
        let data = match opened {
            Ok(data) => PyBytes::new(py, &data).into_any(),
            Err(error) if legacy.is_empty() || matches!(error, engine::SessionError::Expired) => {
                return Err(session_error(error));
            }
            Err(_) => {
                let secrets = legacy.iter().map(|secret| PyBytes::new(py, secret)).collect::<Vec<_>>();
                return UNSEAL.get(py)?.call1((value, secrets, compress))?.extract();
            }
        };
        match compress {
            Some(compress) => compress.call_method1("decompress", (data,))?.extract(),
            None => data.extract(),
        }
    }
}

/// The first arguments of old: a request, whose key and cookies are taken.
fn secrets_of_request(request: &Bound<'_, PyAny>) -> PyResult<Vec<Vec<u8>>> {
    let key = request.getattr("secret_key").map_err(|_| sealed::wrong_type(request))?;
    let message = "PoorSession(req) is deprecated: use PoorSession(secret_key), then load(req.cookies)";
    log::write(request.py(), "poorwsgi.session", "warning", message, ())?;
    sealed::secrets(&key)?.ok_or_else(|| sealed::wrong_type(&key))
}

/// Stands for a compression that does nothing: PoorSession(key, compress=NoCompress).
#[pyclass(subclass, module = "poorwsgi.session")]
pub(crate) struct NoCompress;

#[pymethods]
impl NoCompress {
    #[new]
    fn new() -> Self {
        NoCompress
    }

    /// The data as they are.
    #[staticmethod]
    #[pyo3(signature = (data, compresslevel=0))]
    fn compress<'py>(data: Bound<'py, PyAny>, compresslevel: i64) -> Bound<'py, PyAny> {
        let _ = compresslevel;
        data
    }

    /// The data as they are.
    #[staticmethod]
    fn decompress(data: Bound<'_, PyAny>) -> Bound<'_, PyAny> {
        data
    }
}
