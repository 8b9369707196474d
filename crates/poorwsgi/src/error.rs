//! The error of Rust handlers: any error that `?` converts, a status, or a response.

use std::error::Error as StdError;
use std::fmt;
use std::panic::Location;
use std::sync::Mutex;

use poorwsgi_core::error::{BoxError, HttpError};
use poorwsgi_core::response::Response;

/// The result of a handler.
///
/// ```
/// use std::num::ParseIntError;
///
/// use poorwsgi::{Request, Result};
///
/// /// With an error type given, it is the `Result` of the standard library.
/// fn parse_year(text: &str) -> Result<u16, ParseIntError> {
///     text.trim().parse()
/// }
///
/// fn archive(req: Request) -> Result<String> {
///     let year = parse_year(req.args()?.get("year").unwrap_or("2000"))?;
///     Ok(format!("the articles of {year}"))
/// }
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.route("/archive", poorwsgi::state::METHOD_GET, archive).unwrap();
/// # assert_eq!(parse_year(" 1999 "), Ok(1999));
/// ```
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Any error of a handler, made by `?`.
///
/// `?` converts every type that implements `std::error::Error` and is `Send + Sync + 'static`. A [`BoxError`]
/// and a text do not implement it: write `.map_err(Error::new)?`. Neither does an `http::StatusCode`: see
/// [`abort`].
///
/// An [`HttpError`] inside goes to the state handler, or else the built-in page, of its status. Any other
/// error goes to the first [error handler](crate::Application::error_handler) registered for its type. Where
/// there is none, it becomes a 500, except for two mistakes of the client: a file that does not exist
/// ([`ResponseError`](crate::response::ResponseError)) becomes a 404, a session cookie that does not open
/// ([`SessionError`](crate::session::SessionError)) a 400.
///
/// ```
/// use std::num::ParseIntError;
///
/// use poorwsgi::{Error, HttpError, Result};
///
/// fn pieces(text: &str) -> Result<u32> {
///     match text.parse()? {
///         0 => Err(HttpError::bad_request("order one piece at least").into()),
///         pieces @ 1..=10 => Ok(pieces),
///         pieces => Err(Error::new(format!("{pieces} pieces are more than there are"))),
///     }
/// }
///
/// assert!(pieces("x").unwrap_err().downcast_ref::<ParseIntError>().is_some());
/// assert_eq!(pieces("0").unwrap_err().downcast_ref().map(HttpError::status), Some(400));
/// assert_eq!(pieces("12").unwrap_err().to_string(), "12 pieces are more than there are");
/// ```
pub struct Error {
    repr: Repr,
    location: &'static Location<'static>,
}

enum Repr {
    Other(BoxError),
    // Behind a mutex only because a body is not `Sync` and errors must be.
    Response(Box<Mutex<Response>>),
}

/// The parts of an [`Error`].
pub(super) enum Parts {
    Response(Response),
    Other(BoxError, &'static Location<'static>),
}

impl Error {
    /// An error from anything that can be boxed: an error, a [`BoxError`], or a text. An error in a box is
    /// handled as if `?` had converted it: an [`HttpError`] is answered with its status.
    #[track_caller]
    pub fn new(error: impl Into<BoxError>) -> Self {
        match error.into().downcast::<Carried>() {
            Ok(carried) => carried.0,
            Err(error) => Error::at(error, Location::caller()),
        }
    }

    /// The error as an `E`, if it is of that type.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        match &self.repr {
            Repr::Other(error) => error.downcast_ref(),
            Repr::Response(_) => None,
        }
    }

    /// An error that ends the handler; the client gets this response.
    #[must_use]
    #[track_caller]
    pub fn response(response: Response) -> Self {
        Error { repr: Repr::Response(Box::new(Mutex::new(response))), location: Location::caller() }
    }

    pub(super) const fn at(error: BoxError, location: &'static Location<'static>) -> Self {
        Error { repr: Repr::Other(error), location }
    }

    pub(super) fn into_parts(self) -> Parts {
        match self.repr {
            Repr::Other(error) => Parts::Other(error, self.location),
            Repr::Response(response) => {
                Parts::Response((*response).into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
            }
        }
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    // The caller's location is that of the `?`.
    #[track_caller]
    fn from(error: E) -> Self {
        Error::at(Box::new(error), Location::caller())
    }
}

/// An error in a box, for those who ask for an error of the standard library. [`Error::new`] opens the box.
#[derive(Debug)]
struct Carried(Error);

impl fmt::Display for Carried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Carried {}

impl From<Error> for BoxError {
    fn from(error: Error) -> Self {
        Box::new(Carried(error))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Other(error) => error.fmt(f),
            Repr::Response(_) => f.write_str("a response, raised"),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.repr {
            Repr::Other(error) => error.fmt(f),
            Repr::Response(_) => f.write_str("Response"),
        }
    }
}

/// The argument of [`abort`]: a status code (a number or an `http::StatusCode`), an [`HttpError`], or a
/// [`Response`] that is sent as it is.
///
/// ```
/// use poorwsgi::{Abort, Error, HttpError, abort, state};
///
/// /// A refusal of the application's own.
/// struct OnlyFor(&'static str);
///
/// impl Abort for OnlyFor {
///     fn into_error(self) -> Error {
///         HttpError::new(state::HTTP_FORBIDDEN).with_detail(format!("only for {}", self.0)).into()
///     }
/// }
///
/// let refused = abort::<()>(OnlyFor("members")).unwrap_err();
/// assert_eq!(refused.to_string(), "403 Forbidden: only for members");
/// ```
pub trait Abort {
    /// Makes the error that ends the request.
    fn into_error(self) -> Error;
}

impl Abort for u16 {
    fn into_error(self) -> Error {
        HttpError::new(self).into()
    }
}

impl Abort for http::StatusCode {
    fn into_error(self) -> Error {
        HttpError::new(self).into()
    }
}

impl Abort for HttpError {
    fn into_error(self) -> Error {
        self.into()
    }
}

impl Abort for Response {
    fn into_error(self) -> Error {
        Error::response(self)
    }
}

/// Ends the request with a status or with a response.
///
/// ```
/// use poorwsgi::{Request, Response, Result, abort, state};
///
/// fn detail(req: Request) -> Result<Response> {
///     let age: i64 = req.path_arg("age")?;
///     if age < 0 {
///         return abort(state::HTTP_BAD_REQUEST);
///     }
///     Ok(Response::text(format!("{age} years")))
/// }
/// ```
///
/// # Errors
/// Always: that is its purpose.
pub fn abort<T>(what: impl Abort) -> Result<T> {
    Err(what.into_error())
}
