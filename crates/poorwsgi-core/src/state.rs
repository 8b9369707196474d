//! Status codes, their reasons, and sets of request methods.
//!
//! State that handlers share is another matter: see `poorwsgi::extract::State`.
//!
//! The constants of statuses are numbers, for `abort`, `HttpError::new`, `http_state` and the end of the tuple
//! `(data, content_type, headers, status)`. In front of a tuple, as in `(StatusCode::CREATED, value)`, a status
//! is an `http::StatusCode`.
//!
//! The names and numbers are those of PoorWSGI's `state` module; the reasons are those of the IANA registry
//! (RFC 9110, section 15), except for the codes that are not registered.
//!
//! ```
//! use poorwsgi::state::{self, Method, MethodSet};
//!
//! assert_eq!(state::reason(state::HTTP_NOT_FOUND), Some("Not Found"));
//! assert!(!state::METHOD_GET.contains(Method::Head));
//! assert!(state::METHOD_GET_POST.contains(Method::Head));
//! assert_eq!((state::METHOD_GET | state::METHOD_HEAD).bits(), 3);
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{BitOr, BitOrAssign};
use std::str::FromStr;
use std::sync::{PoisonError, RwLock};

/// Returned by a handler that leaves the request unanswered: the connection is closed without a response.
pub const DECLINED: u16 = 0;

macro_rules! status_codes {
    ($($name:ident = $code:literal, $reason:literal;)*) => {
        $(
            #[doc = concat!("`", stringify!($code), " ", $reason, "`")]
            pub const $name: u16 = $code;
        )*

        /// Every status code a response may have, with its reason phrase, in ascending order.
        pub const STATUS_CODES: &[(u16, &str)] = &[$(($code, $reason)),*];

        /// The names and values of the status code constants, for bindings to other languages.
        pub const STATUS_CONSTANTS: &[(&str, u16)] = &[$((stringify!($name), $code)),*];

        const fn built_in_reason(code: u16) -> Option<&'static str> {
            match code {
                $($code => Some($reason),)*
                _ => None,
            }
        }
    };
}

status_codes! {
    HTTP_CONTINUE = 100, "Continue";
    HTTP_SWITCHING_PROTOCOLS = 101, "Switching Protocols";
    HTTP_PROCESSING = 102, "Processing";
    HTTP_EARLY_HINTS = 103, "Early Hints";
    HTTP_OK = 200, "OK";
    HTTP_CREATED = 201, "Created";
    HTTP_ACCEPTED = 202, "Accepted";
    HTTP_NON_AUTHORITATIVE = 203, "Non-Authoritative Information";
    HTTP_NO_CONTENT = 204, "No Content";
    HTTP_RESET_CONTENT = 205, "Reset Content";
    HTTP_PARTIAL_CONTENT = 206, "Partial Content";
    HTTP_MULTI_STATUS = 207, "Multi-Status";
    HTTP_ALREADY_REPORTED = 208, "Already Reported";
    HTTP_IM_USED = 226, "IM Used";
    HTTP_MULTIPLE_CHOICES = 300, "Multiple Choices";
    HTTP_MOVED_PERMANENTLY = 301, "Moved Permanently";
    HTTP_MOVED_TEMPORARILY = 302, "Found";
    HTTP_SEE_OTHER = 303, "See Other";
    HTTP_NOT_MODIFIED = 304, "Not Modified";
    HTTP_USE_PROXY = 305, "Use Proxy";
    HTTP_TEMPORARY_REDIRECT = 307, "Temporary Redirect";
    HTTP_PERMANENT_REDIRECT = 308, "Permanent Redirect";
    HTTP_BAD_REQUEST = 400, "Bad Request";
    HTTP_UNAUTHORIZED = 401, "Unauthorized";
    HTTP_PAYMENT_REQUIRED = 402, "Payment Required";
    HTTP_FORBIDDEN = 403, "Forbidden";
    HTTP_NOT_FOUND = 404, "Not Found";
    HTTP_METHOD_NOT_ALLOWED = 405, "Method Not Allowed";
    HTTP_NOT_ACCEPTABLE = 406, "Not Acceptable";
    HTTP_PROXY_AUTHENTICATION_REQUIRED = 407, "Proxy Authentication Required";
    HTTP_REQUEST_TIME_OUT = 408, "Request Timeout";
    HTTP_CONFLICT = 409, "Conflict";
    HTTP_GONE = 410, "Gone";
    HTTP_LENGTH_REQUIRED = 411, "Length Required";
    HTTP_PRECONDITION_FAILED = 412, "Precondition Failed";
    HTTP_REQUEST_ENTITY_TOO_LARGE = 413, "Content Too Large";
    HTTP_REQUEST_URI_TOO_LARGE = 414, "URI Too Long";
    HTTP_UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type";
    HTTP_RANGE_NOT_SATISFIABLE = 416, "Range Not Satisfiable";
    HTTP_EXPECTATION_FAILED = 417, "Expectation Failed";
    HTTP_I_AM_A_TEAPOT = 418, "I'm a teapot";
    HTTP_MISDIRECTED_REQUEST = 421, "Misdirected Request";
    HTTP_UNPROCESSABLE_ENTITY = 422, "Unprocessable Content";
    HTTP_LOCKED = 423, "Locked";
    HTTP_FAILED_DEPENDENCY = 424, "Failed Dependency";
    HTTP_TOO_EARLY = 425, "Too Early";
    HTTP_UPGRADE_REQUIRED = 426, "Upgrade Required";
    HTTP_PRECONDITION_REQUIRED = 428, "Precondition Required";
    HTTP_TOO_MANY_REQUESTS = 429, "Too Many Requests";
    HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE = 431, "Request Header Fields Too Large";
    HTTP_CONNECTION_CLOSED_WITHOUT_RESPONSE = 444, "Connection Closed Without Response";
    HTTP_UNAVAILABLE_FOR_LEGAL_REASONS = 451, "Unavailable For Legal Reasons";
    HTTP_CLIENT_CLOSED_REQUEST = 499, "Client Closed Request";
    HTTP_INTERNAL_SERVER_ERROR = 500, "Internal Server Error";
    HTTP_NOT_IMPLEMENTED = 501, "Not Implemented";
    HTTP_BAD_GATEWAY = 502, "Bad Gateway";
    HTTP_SERVICE_UNAVAILABLE = 503, "Service Unavailable";
    HTTP_GATEWAY_TIME_OUT = 504, "Gateway Timeout";
    HTTP_VERSION_NOT_SUPPORTED = 505, "HTTP Version Not Supported";
    HTTP_VARIANT_ALSO_VARIES = 506, "Variant Also Negotiates";
    HTTP_INSUFFICIENT_STORAGE = 507, "Insufficient Storage";
    HTTP_LOOP_DETECTED = 508, "Loop Detected";
    HTTP_NOT_EXTENDED = 510, "Not Extended";
    HTTP_NETWORK_AUTHENTICATION_REQUIRED = 511, "Network Authentication Required";
    HTTP_NETWORK_CONNECT_TIMEOUT_ERROR = 599, "Network Connect Timeout Error";
}

/// Status codes that an application has added to [`STATUS_CODES`].
static ADDED: RwLock<BTreeMap<u16, &'static str>> = RwLock::new(BTreeMap::new());

/// The reason phrase of a status code, or `None` for a code that no response may have.
#[must_use]
pub fn reason(code: u16) -> Option<&'static str> {
    let added = || ADDED.read().unwrap_or_else(PoisonError::into_inner).get(&code).copied();
    built_in_reason(code).or_else(added)
}

/// Adds a status code of the application's own, for the whole process. Returns whether responses may have
/// this code from now on.
///
/// The code must be between 100 and 999, and the phrase must be without control characters; otherwise nothing
/// is added. A code that is already known keeps its phrase.
///
/// ```
/// use poorwsgi::{response::Response, state};
///
/// assert!(state::add_status(591, "Out of Paper"));
/// assert_eq!(Response::empty(591)?.reason(), "Out of Paper");
/// # Ok::<(), poorwsgi::response::ResponseError>(())
/// ```
pub fn add_status(code: u16, reason: &str) -> bool {
    if built_in_reason(code).is_some() {
        return true;
    }
    if !(100..1000).contains(&code) || reason.chars().any(char::is_control) {
        return false;
    }
    // Leaks at most one phrase for each code.
    ADDED
        .write()
        .unwrap_or_else(PoisonError::into_inner)
        .entry(code)
        .or_insert_with(|| Box::leak(reason.to_owned().into_boxed_str()));
    true
}

/// A status, as a number or as an `http::StatusCode`. No other type implements it.
///
/// ```
/// use http::StatusCode;
/// use poorwsgi::{HttpError, state};
///
/// for error in [HttpError::new(StatusCode::GONE), HttpError::new(state::HTTP_GONE), HttpError::new(410)] {
///     assert_eq!(error.to_string(), "410 Gone");
/// }
/// ```
// `u16` is the only integer that implements it, so that a literal such as `404` is a `u16`.
pub trait IntoStatus: sealed::Sealed {
    /// The number of the status.
    fn into_status(self) -> u16;
}

mod sealed {
    /// Keeps other crates from implementing [`IntoStatus`](super::IntoStatus).
    pub trait Sealed {}

    impl Sealed for u16 {}
    impl Sealed for http::StatusCode {}
}

impl IntoStatus for u16 {
    fn into_status(self) -> u16 {
        self
    }
}

impl IntoStatus for http::StatusCode {
    fn into_status(self) -> u16 {
        self.as_u16()
    }
}

macro_rules! methods {
    ($($variant:ident $constant:ident $name:literal = $bit:literal;)*) => {
        /// A request method that the framework knows (RFC 9110, section 9; PATCH by RFC 5789).
        ///
        /// A method outside this list is answered with 501 before any table is looked at.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum Method {
            $(#[doc = concat!("`", $name, "`")] $variant = $bit,)*
        }

        $(
            #[doc = concat!("The set of `", $name, "` alone.")]
            pub const $constant: MethodSet = MethodSet($bit);
        )*

        impl Method {
            /// All methods, in the order of their bits.
            pub const ALL: &[Method] = &[$(Method::$variant),*];

            /// The method's name as it stands in a request line.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Method::$variant => $name,)* }
            }
        }

        impl FromStr for Method {
            type Err = UnknownMethod;

            /// Methods are case-sensitive (RFC 9110, section 9.1).
            fn from_str(name: &str) -> Result<Self, UnknownMethod> {
                match name { $($name => Ok(Method::$variant),)* _ => Err(UnknownMethod) }
            }
        }
    };
}

methods! {
    Head METHOD_HEAD "HEAD" = 1;
    Get METHOD_GET "GET" = 2;
    Post METHOD_POST "POST" = 4;
    Put METHOD_PUT "PUT" = 8;
    Delete METHOD_DELETE "DELETE" = 16;
    Trace METHOD_TRACE "TRACE" = 32;
    Options METHOD_OPTIONS "OPTIONS" = 64;
    Connect METHOD_CONNECT "CONNECT" = 128;
    Patch METHOD_PATCH "PATCH" = 256;
}

/// `HEAD`, `GET` and `POST`.
pub const METHOD_GET_POST: MethodSet = MethodSet(7);
/// Every known method.
pub const METHOD_ALL: MethodSet = MethodSet(511);

impl Method {
    /// Whether a request with this method usually carries content that is parsed: `POST`, `PUT` and `PATCH`.
    #[must_use]
    pub const fn has_body(self) -> bool {
        matches!(self, Method::Post | Method::Put | Method::Patch)
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The error of parsing a [`Method`] that the framework does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMethod;

impl fmt::Display for UnknownMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("unknown request method")
    }
}

impl std::error::Error for UnknownMethod {}

/// A set of methods, as bits: the `METHOD_*` constants joined by `|`.
///
/// It prints as the value of an `Allow` field: `HEAD, GET`.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct MethodSet(u16);

impl MethodSet {
    /// The set of these bits; bits that stand for no method are dropped.
    #[must_use]
    pub const fn from_bits(bits: u16) -> Self {
        MethodSet(bits & METHOD_ALL.0)
    }

    /// The set as a number, one bit for each method.
    #[must_use]
    pub const fn bits(self) -> u16 {
        self.0
    }

    /// Whether no method is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether `method` is in the set.
    #[must_use]
    pub const fn contains(self, method: Method) -> bool {
        self.0 & method as u16 != 0
    }

    /// The methods of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: MethodSet) -> Self {
        MethodSet(self.0 & !other.0)
    }

    /// The methods in the set, in the order of their bits.
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.iter().copied().filter(move |method| self.contains(*method))
    }
}

impl From<Method> for MethodSet {
    fn from(method: Method) -> Self {
        MethodSet(method as u16)
    }
}

impl BitOr for MethodSet {
    type Output = MethodSet;

    fn bitor(self, other: MethodSet) -> MethodSet {
        MethodSet(self.0 | other.0)
    }
}

impl BitOrAssign for MethodSet {
    fn bitor_assign(&mut self, other: MethodSet) {
        self.0 |= other.0;
    }
}

impl fmt::Display for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, method) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            f.write_str(method.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for MethodSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MethodSet({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_ascend_and_each_has_a_reason() {
        assert!(STATUS_CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let named: Vec<u16> = STATUS_CONSTANTS.iter().map(|(_, code)| *code).collect();
        assert!(named.iter().eq(STATUS_CODES.iter().map(|(code, _)| code)));
        assert!(STATUS_CONSTANTS.contains(&("HTTP_NOT_FOUND", HTTP_NOT_FOUND)));
        for (code, text) in STATUS_CODES {
            assert_eq!(reason(*code), Some(*text));
            assert!(!text.is_empty());
        }
        for (code, text) in [(103, "Early Hints"), (421, "Misdirected Request"), (425, "Too Early")] {
            assert_eq!(reason(code), Some(text));
        }
        assert_eq!(reason(99), None);
        assert_eq!(reason(DECLINED), None);
    }

    #[test]
    fn a_status_of_the_application_is_added_once() {
        assert_eq!(reason(987), None);
        assert!(add_status(987, "Mine") && add_status(987, "Another") && add_status(404, "Gone astray"));
        assert_eq!((reason(987), reason(404)), (Some("Mine"), Some("Not Found")));
        for (code, text) in [(99, "x"), (1000, "x"), (DECLINED, "x"), (986, "a\r\nb")] {
            assert!(!add_status(code, text));
            assert_eq!(reason(code), None);
        }
    }

    #[test]
    fn method_bits_are_those_of_poorwsgi() {
        let bits: Vec<u16> = Method::ALL.iter().map(|method| *method as u16).collect();
        assert_eq!(bits, [1, 2, 4, 8, 16, 32, 64, 128, 256]);
        assert_eq!(METHOD_ALL.iter().count(), 9);
        assert_eq!(METHOD_GET_POST, METHOD_HEAD | METHOD_GET | METHOD_POST);
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!("GET".parse(), Ok(Method::Get));
        assert_eq!("get".parse::<Method>(), Err(UnknownMethod));
    }

    #[test]
    fn a_set_prints_as_an_allow_field() {
        assert_eq!((METHOD_GET | METHOD_HEAD | METHOD_PATCH).to_string(), "HEAD, GET, PATCH");
        assert_eq!(MethodSet::from_bits(0xFFFF), METHOD_ALL);
        assert_eq!(METHOD_ALL.without(METHOD_GET_POST).bits(), 504);
    }
}
