//! Typed path arguments.

use std::any::Any;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use poorwsgi_core::error::BoxError;

/// The value that a custom filter's converter made.
pub(crate) type Converted = Arc<dyn Any + Send + Sync>;

/// The function of a custom filter.
pub(super) type Convert = dyn Fn(&str) -> Result<Converted, BoxError> + Send + Sync;

/// Converts the text that a custom filter matched: the function that
/// [`set_filter`](crate::Application::set_filter) was given.
///
/// ```
/// use poorwsgi::Application;
/// use poorwsgi::routing::{Conversion, Converter};
///
/// let mut app = Application::new("demo");
/// app.set_filter("year", r"\d{4}", str::parse::<u16>);
/// let filter = app.router().filters().get(":year").expect("it is registered");
/// assert!(matches!(filter.conversion(), Conversion::Custom(converter) if converter.type_name() == "u16"));
/// ```
#[derive(Clone)]
pub struct Converter {
    pub(super) convert: Arc<Convert>,
    pub(super) type_name: &'static str,
}

impl Converter {
    /// The name of the type that texts are converted to.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        self.type_name
    }
}

/// The path arguments of a request, in the order of the pattern. Their texts share one allocation.
#[derive(Clone, Debug, Default)]
pub(super) struct PathArgs {
    args: Vec<PathArg>,
    texts: String,
}

#[derive(Clone, Debug)]
struct PathArg {
    name: Option<Arc<str>>,
    text: Range<usize>,
    converted: Option<Converted>,
}

impl PathArgs {
    /// With room for `args` arguments from a path of `path` bytes.
    pub(super) fn with_capacity(args: usize, path: usize) -> Self {
        PathArgs { args: Vec::with_capacity(args), texts: String::with_capacity(path) }
    }

    pub(super) fn push(&mut self, name: Option<Arc<str>>, text: &str, converted: Option<Converted>) {
        let start = self.texts.len();
        self.texts.push_str(text);
        self.args.push(PathArg { name, text: start..self.texts.len(), converted });
    }

    /// The name, the text and the converted value of each argument.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Option<&str>, &str, Option<&Converted>)> {
        self.args.iter().map(|arg| {
            let text = self.texts.get(arg.text.clone()).unwrap_or_default();
            (arg.name.as_deref(), text, arg.converted.as_ref())
        })
    }
}

/// A type that [`Request::path_arg`](crate::Request::path_arg) can return.
///
/// These are `&str` and `String`, every integer and float type, `uuid::Uuid`, `bool` and `char`; for the
/// value of a custom filter, `Arc<T>`.
///
/// ```
/// use std::any::Any;
/// use std::sync::Arc;
///
/// use poorwsgi::{ConvertError, FromPathArg, Request, Result};
///
/// /// The number of a user, which cannot be mistaken for that of an article.
/// struct UserId(u64);
///
/// impl FromPathArg<'_> for UserId {
///     fn from_path_arg(
///         text: &str,
///         converted: Option<&Arc<dyn Any + Send + Sync>>,
///     ) -> Result<Self, ConvertError> {
///         u64::from_path_arg(text, converted).map(UserId)
///     }
/// }
///
/// fn user(req: Request) -> Result<String> {
///     let UserId(number) = req.path_arg("user")?;
///     Ok(format!("user {number}"))
/// }
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.route("/user/<user:int>", poorwsgi::state::METHOD_GET, user).unwrap();
/// # assert_eq!(UserId::from_path_arg("7", None).map(|user| user.0), Ok(7));
/// ```
pub trait FromPathArg<'r>: Sized {
    /// Makes the value from the text and, for a custom filter, from the converted value.
    ///
    /// # Errors
    /// Where the text is not such a value. The request is then answered with 404.
    fn from_path_arg(
        text: &'r str,
        converted: Option<&Arc<dyn Any + Send + Sync>>,
    ) -> Result<Self, ConvertError>;
}

/// The error of a path argument that is not of the requested type.
///
/// ```
/// use poorwsgi::FromPathArg;
///
/// let error = u8::from_path_arg("300", None).unwrap_err();
/// assert_eq!(error.to_string(), "not a value of type u8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvertError(&'static str);

impl ConvertError {
    /// The error of a text that is not a value of the type with this name.
    ///
    /// ```
    /// use poorwsgi::ConvertError;
    ///
    /// assert_eq!(ConvertError::new("weekday").to_string(), "not a value of type weekday");
    /// ```
    #[must_use]
    pub const fn new(type_name: &'static str) -> Self {
        ConvertError(type_name)
    }
}

impl fmt::Display for ConvertError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not a value of type {}", self.0)
    }
}

impl std::error::Error for ConvertError {}

impl<'r> FromPathArg<'r> for &'r str {
    fn from_path_arg(text: &'r str, _: Option<&Converted>) -> Result<Self, ConvertError> {
        Ok(text)
    }
}

impl<T: Any + Send + Sync> FromPathArg<'_> for Arc<T> {
    fn from_path_arg(_: &str, converted: Option<&Converted>) -> Result<Self, ConvertError> {
        converted
            .and_then(|value| Arc::clone(value).downcast().ok())
            .ok_or(ConvertError(std::any::type_name::<T>()))
    }
}

macro_rules! from_str {
    ($($type:ty)*) => {$(
        impl FromPathArg<'_> for $type {
            fn from_path_arg(text: &str, _: Option<&Converted>) -> Result<Self, ConvertError> {
                <$type>::from_str(text).map_err(|_| ConvertError(stringify!($type)))
            }
        }
    )*};
}

from_str! { String bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 uuid::Uuid }
