//! The ordered, case-insensitive map of header fields.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue, SET_COOKIE};

use super::names;
use super::parameters::render_parameter;

/// Header fields in the order in which they were set.
///
/// Names are compared without regard to case (RFC 9110, section 5.1) and keep the spelling they were given. Names and
/// values are checked when they are set, so that nothing in here can break a message apart: a name is a token, a value
/// is one line of visible characters, spaces and tabs. Values that are not ASCII are the bytes of their UTF-8 text.
///
/// ```
/// use poorwsgi::headers::Headers;
///
/// let mut headers = Headers::new();
/// headers.set("X-Powered-By", "PoorWSGI")?;
/// headers.add("Set-Cookie", "a=1")?;
/// headers.add("Set-Cookie", "b=2")?;
///
/// assert_eq!(headers.get_str("x-powered-by"), Some("PoorWSGI"));
/// assert_eq!(headers.get_all("set-cookie").count(), 2);
/// assert!(headers.set("X-Note", "one\r\nSet-Cookie: two").is_err());
/// # Ok::<(), poorwsgi::headers::HeaderError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<Field>,
}

#[derive(Clone)]
struct Field {
    name: HeaderName,
    spelling: Cow<'static, str>,
    value: HeaderValue,
}

impl Headers {
    /// No fields. Allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Headers { fields: Vec::new() }
    }

    /// The number of fields; two fields of one name are two.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no field at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The value of the first field of this name.
    #[must_use]
    pub fn get(&self, name: impl AsRef<str>) -> Option<&HeaderValue> {
        self.get_all(name).next()
    }

    /// The value of the first field of this name as text; `None` also when it is not UTF-8.
    #[must_use]
    pub fn get_str(&self, name: impl AsRef<str>) -> Option<&str> {
        std::str::from_utf8(self.get(name)?.as_bytes()).ok()
    }

    /// The values of all fields of this name, in order.
    pub fn get_all<N: AsRef<str>>(&self, name: N) -> impl Iterator<Item = &HeaderValue> + use<'_, N> {
        self.fields.iter().filter(move |field| field.is(name.as_ref())).map(|field| &field.value)
    }

    /// Whether a field of this name is there.
    #[must_use]
    pub fn contains(&self, name: impl AsRef<str>) -> bool {
        self.get(name).is_some()
    }

    /// All fields: the name as it was spelled, or in Title-Case where nobody spelled it, and the value.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &HeaderValue)> {
        self.fields.iter().map(|field| (&*field.spelling, &field.value))
    }

    /// Sets a field, in place of every field of that name. The new field is the last one.
    ///
    /// # Errors
    /// [`HeaderError::Name`] and [`HeaderError::Value`]; the fields are then as they were.
    pub fn set(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let field = Field::parse(name.as_ref(), value.as_ref())?;
        self.replace(field);
        Ok(())
    }

    /// Sets a field whose name and value are checked already, in place of every field of that name.
    pub fn put(&mut self, name: HeaderName, value: HeaderValue) {
        let spelling = names::title_case(&name);
        self.replace(Field { name, spelling, value });
    }

    /// Adds a field that is not there yet. Only `Set-Cookie` may be there already, because it is the one field that
    /// cannot be written as a list (RFC 9110, section 5.3).
    ///
    /// # Errors
    /// [`HeaderError::Duplicate`], [`HeaderError::Name`] and [`HeaderError::Value`].
    pub fn add(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let field = Field::parse(name.as_ref(), value.as_ref())?;
        if field.name != SET_COOKIE && self.contains(&field.name) {
            return Err(HeaderError::Duplicate { name: field.spelling.into_owned() });
        }
        self.fields.push(field);
        Ok(())
    }

    /// Adds a further field, whether one of that name is there or not.
    ///
    /// # Errors
    /// [`HeaderError::Name`] and [`HeaderError::Value`].
    pub fn append(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        self.fields.push(Field::parse(name.as_ref(), value.as_ref())?);
        Ok(())
    }

    /// Adds a further field of a value and its parameters, rendered by
    /// [`render_parameter`](super::parameters::render_parameter). With no value the parameters stand alone.
    ///
    /// ```
    /// # use poorwsgi::headers::Headers;
    /// let mut headers = Headers::new();
    /// headers.append_with("Content-Disposition", Some("attachment"), &[("filename", Some("a b.png"))])?;
    /// assert_eq!(headers.get_str("Content-Disposition"), Some("attachment; filename=\"a b.png\""));
    /// # Ok::<(), poorwsgi::headers::HeaderError>(())
    /// ```
    ///
    /// # Errors
    /// [`HeaderError::Empty`] where there is neither a value nor a parameter, [`HeaderError::Parameter`] for a parameter
    /// whose name is not a token, [`HeaderError::Name`] and [`HeaderError::Value`].
    pub fn append_with(
        &mut self,
        name: impl AsRef<str>,
        value: Option<&str>,
        parameters: &[(&str, Option<&str>)],
    ) -> Result<(), HeaderError> {
        let name = name.as_ref();
        let mut line = value.map(str::to_owned);
        for (parameter, value) in parameters {
            let line = match &mut line {
                Some(line) => {
                    line.push_str("; ");
                    line
                }
                None => line.insert(String::new()),
            };
            line.push_str(&render_parameter(parameter, *value)?);
        }
        match line {
            Some(line) => self.append(name, line),
            None => Err(HeaderError::Empty { name: name.to_owned() }),
        }
    }

    /// Adds a field unless one of that name is there.
    ///
    /// # Errors
    /// [`HeaderError::Name`] and [`HeaderError::Value`], also when the field is there.
    pub fn set_default(&mut self, name: impl AsRef<str>, value: impl AsRef<[u8]>) -> Result<(), HeaderError> {
        let field = Field::parse(name.as_ref(), value.as_ref())?;
        if !self.contains(&field.name) {
            self.fields.push(field);
        }
        Ok(())
    }

    /// Removes every field of this name and returns the value of the first.
    pub fn remove(&mut self, name: impl AsRef<str>) -> Option<HeaderValue> {
        let name = name.as_ref();
        let at = self.fields.iter().position(|field| field.is(name))?;
        let first = self.fields.remove(at);
        self.fields.retain(|field| !field.is(name));
        Some(first.value)
    }

    /// The same fields for hyper and tower, which write names in lower case.
    #[must_use]
    pub fn into_map(self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.len());
        self.extend_map(&mut map);
        map
    }

    /// Appends these fields to a map.
    pub fn extend_map(self, map: &mut HeaderMap) {
        for field in self.fields {
            map.append(field.name, field.value);
        }
    }

    fn replace(&mut self, field: Field) {
        self.fields.retain(|other| other.name != field.name);
        self.fields.push(field);
    }
}

impl Field {
    fn parse(name: &str, value: &[u8]) -> Result<Self, HeaderError> {
        Ok(Field {
            name: HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| HeaderError::Name { name: name.to_owned() })?,
            spelling: names::as_given(name),
            value: HeaderValue::from_bytes(value)
                .map_err(|_| HeaderError::Value { name: name.to_owned(), at: first_control(value) })?,
        })
    }

    fn is(&self, name: &str) -> bool {
        self.name.as_str().eq_ignore_ascii_case(name)
    }
}

/// Two fields are equal however they are spelled.
impl PartialEq for Field {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Eq for Field {}

impl From<&HeaderMap> for Headers {
    fn from(map: &HeaderMap) -> Self {
        let field = |(name, value): (&HeaderName, &HeaderValue)| Field {
            name: name.clone(),
            spelling: names::title_case(name),
            value: value.clone(),
        };
        Headers { fields: map.iter().map(field).collect() }
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// Why a header field was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderError {
    /// The name is not a token (RFC 9110, section 5.6.2).
    Name {
        /// The name as it was given.
        name: String,
    },
    /// The value holds a control character, which could end the field or the whole head (RFC 9110, section 5.5).
    Value {
        /// The field.
        name: String,
        /// The first bad byte, counted from 0.
        at: usize,
    },
    /// A parameter's name is not a token.
    Parameter {
        /// The parameter's name as it was given.
        name: String,
    },
    /// Neither a value nor a parameter was given.
    Empty {
        /// The field.
        name: String,
    },
    /// The field is there already and may be there only once.
    Duplicate {
        /// The field.
        name: String,
    },
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HeaderError::Name { name } => write!(
                f,
                "header name {name:?}: not a token; use ASCII letters, digits and any of !#$%&'*+-.^_`|~"
            ),
            HeaderError::Value { name, at } => write!(
                f,
                "header {name}: control character at byte {at} of the value; a value is one line without CR, LF and NUL"
            ),
            HeaderError::Parameter { name } => write!(
                f,
                "header parameter {name:?}: not a token; use ASCII letters, digits and any of !#$%&'*+-.^_`|~"
            ),
            HeaderError::Empty { name } => {
                write!(f, "header {name}: no value; give a value or at least one parameter")
            }
            HeaderError::Duplicate { name } => write!(
                f,
                "header {name}: set already; set() replaces it, append() adds a further field of that name"
            ),
        }
    }
}

impl StdError for HeaderError {}

fn first_control(value: &[u8]) -> usize {
    value.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t').unwrap_or_default()
}
