//! Path arguments.

use std::ops::Deref;

use poorwsgi_core::error::HttpError;
use poorwsgi_core::state;
use serde::de::value::SeqDeserializer;
use serde::de::{DeserializeOwned, Deserializer, Visitor};

use super::texts::{Named, TextError, Texts};
use super::{FromRequestParts, OptionalFromRequestParts};
use crate::request::Request;

/// The path arguments, read by serde: one value for a rule with one argument, a tuple in the order of the
/// rule, or a structure with the names of the arguments. A value that does not fit the type is answered with
/// 404.
///
/// The values are made of the texts of the path. For the value that a custom filter makes, use
/// [`Request::path_arg`](crate::Request::path_arg). Where the type has other arguments than the rule, the
/// request is answered with 500, because that is an error of the application.
///
/// ```
/// use poorwsgi::extract::Path;
/// use poorwsgi::{Application, state};
///
/// #[derive(serde::Deserialize)]
/// struct Day {
///     month: u8,
///     year: u16,
/// }
///
/// let mut app = Application::new("calendar");
/// let get = state::METHOD_HEAD | state::METHOD_GET;
/// app.route("/year/<year:int>", get, |Path(year): Path<u16>| format!("{year}"))?;
/// app.route("/<year:int>/<month:int>", get, |Path((year, month)): Path<(u16, u8)>| {
///     format!("{month} of {year}")
/// })?;
/// app.route("/since/<year:int>/<month:int>", get, |Path(day): Path<Day>| {
///     format!("since {} of {}", day.month, day.year)
/// })?;
/// # Ok::<(), poorwsgi::routing::RouteError>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts for Path<T> {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Self, HttpError> {
        T::deserialize(PathValues(request)).map(Path).map_err(|error| {
            if error.is_of_shape {
                let rule = request.rule().unwrap_or("none");
                return HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR)
                    .with_source(format!("the arguments of the rule {rule} do not fit: {error}"));
            }
            HttpError::new(state::HTTP_NOT_FOUND).with_source(format!("path argument {error}"))
        })
    }
}

impl<T: DeserializeOwned> OptionalFromRequestParts for Path<T> {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    /// `None` where the rule has no arguments.
    async fn from_request_parts(request: &Request) -> Result<Option<Self>, HttpError> {
        if request.path_args().next().is_none() {
            return Ok(None);
        }
        <Self as FromRequestParts>::from_request_parts(request).await.map(Some)
    }
}

impl<T> Deref for Path<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// All path arguments of a request: one value where there is one argument, otherwise a sequence or a map.
struct PathValues<'r>(&'r Request);

impl<'r> PathValues<'r> {
    fn each(&self) -> impl Iterator<Item = Texts<'r>> + use<'r> {
        self.0.path_args().map(|(name, text)| Texts::new(name.unwrap_or_default(), text))
    }

    fn one(&self) -> Result<Texts<'r>, TextError> {
        let mut all = self.each();
        match (all.next(), all.count()) {
            (Some(text), 0) => Ok(text),
            (found, more) => {
                Err(serde::de::Error::invalid_length(more + usize::from(found.is_some()), &"one"))
            }
        }
    }
}

macro_rules! of_one {
    ($($deserialize:ident)*) => {$(
        fn $deserialize<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, TextError> {
            self.one()?.$deserialize(visitor)
        }
    )*};
}

impl<'r> Deserializer<'r> for PathValues<'r> {
    type Error = TextError;

    of_one! {
        deserialize_bool deserialize_char deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
        deserialize_i128 deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
        deserialize_f32 deserialize_f64 deserialize_str deserialize_string deserialize_bytes
        deserialize_byte_buf deserialize_option deserialize_identifier
    }

    fn deserialize_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, TextError> {
        match self.one() {
            Ok(text) => text.deserialize_any(visitor),
            Err(_) => self.deserialize_map(visitor),
        }
    }

    fn deserialize_unit<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_ignored_any<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'r>>(self, _: &str, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'r>>(self, _: &str, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, TextError> {
        SeqDeserializer::new(self.each()).deserialize_seq(visitor)
    }

    fn deserialize_tuple<V: Visitor<'r>>(self, _: usize, visitor: V) -> Result<V::Value, TextError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'r>>(
        self,
        _: &str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, TextError> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'r>>(self, visitor: V) -> Result<V::Value, TextError> {
        visitor.visit_map(Named::new(self.each().collect()))
    }

    fn deserialize_struct<V: Visitor<'r>>(
        self,
        _: &str,
        _: &[&str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        self.deserialize_map(visitor)
    }

    fn deserialize_enum<V: Visitor<'r>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, TextError> {
        self.one()?.deserialize_enum(name, variants, visitor)
    }
}
