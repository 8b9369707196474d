//! `Set-Cookie` (RFC 6265, section 4.1), written as PoorWSGI writes it.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

use super::cookie::is_cookie_name;
use super::date::time_to_http;
use crate::clock;

/// When a cookie is sent with a request that another site caused (RFC 6265bis, section 5.6.7).
///
/// ```
/// use poorwsgi::headers::SameSite;
/// use poorwsgi::session::SessionConfig;
///
/// let config = SessionConfig { same_site: Some(SameSite::Strict), ..SessionConfig::default() };
/// assert_eq!(config.set_cookie("abc")?, "SESSID=abc; HttpOnly; Path=/; SameSite=Strict");
/// # Ok::<(), poorwsgi::session::SessionError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// Never.
    Strict,
    /// Only when the user follows a link. Browsers assume this without the attribute.
    Lax,
    /// Always; such a cookie must be [`secure`](SetCookie::secure).
    None,
}

impl SameSite {
    /// The attribute's value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            SameSite::Strict => "Strict",
            SameSite::Lax => "Lax",
            SameSite::None => "None",
        }
    }

    /// The variant whose attribute has exactly this value.
    #[must_use]
    pub fn named(value: &str) -> Option<Self> {
        [SameSite::Strict, SameSite::Lax, SameSite::None].into_iter().find(|site| site.as_str() == value)
    }
}

/// Builds the value of a `Set-Cookie` field, attribute by attribute.
///
/// ```
/// use poorwsgi::headers::{SameSite, SetCookie};
///
/// let cookie = SetCookie::new("SESSID", "abc").path("/").http_only(true).same_site(SameSite::Lax);
/// assert_eq!(cookie.render()?, "SESSID=abc; HttpOnly; Path=/; SameSite=Lax");
/// # Ok::<(), poorwsgi::headers::CookieError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct SetCookie<'c> {
    name: &'c str,
    value: &'c str,
    domain: Option<&'c str>,
    expires: Option<Expires>,
    http_only: bool,
    max_age: Option<i64>,
    path: Option<&'c str>,
    same_site: Option<SameSite>,
    secure: bool,
}

/// When a cookie expires, in seconds.
#[derive(Clone, Copy, Debug)]
enum Expires {
    /// Since 1970.
    At(i64),
    /// After the field is rendered.
    In(i64),
}

/// An attribute of a cookie (RFC 6265, section 4.1.2), for a door that renders the field itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attribute<'c> {
    /// `Domain`.
    Domain(&'c str),
    /// `Expires`, in seconds since 1970.
    Expires(i64),
    /// `Expires`, in seconds after the field is rendered.
    ExpiresIn(i64),
    /// `HttpOnly`, which has no value.
    HttpOnly,
    /// `Max-Age`, in seconds.
    MaxAge(i64),
    /// `Path`.
    Path(&'c str),
    /// `SameSite`.
    SameSite(SameSite),
    /// `Secure`, which has no value.
    Secure,
}

impl<'c> Attribute<'c> {
    /// The attributes of a cookie in the order of their names, as PoorWSGI writes them.
    pub fn of(cookie: &SetCookie<'c>) -> impl Iterator<Item = Self> + use<'c> {
        let expires = cookie.expires.map(|expires| match expires {
            Expires::At(seconds) => Attribute::Expires(seconds),
            Expires::In(seconds) => Attribute::ExpiresIn(seconds),
        });
        let attributes = [
            cookie.domain.map(Attribute::Domain),
            expires,
            cookie.http_only.then_some(Attribute::HttpOnly),
            cookie.max_age.map(Attribute::MaxAge),
            cookie.path.map(Attribute::Path),
            cookie.same_site.map(Attribute::SameSite),
            cookie.secure.then_some(Attribute::Secure),
        ];
        attributes.into_iter().flatten()
    }

    /// The name as PoorWSGI, and so Python, spells it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Attribute::Domain(_) => "Domain",
            Attribute::Expires(_) | Attribute::ExpiresIn(_) => "expires",
            Attribute::HttpOnly => "HttpOnly",
            Attribute::MaxAge(_) => "Max-Age",
            Attribute::Path(_) => "Path",
            Attribute::SameSite(_) => "SameSite",
            Attribute::Secure => "Secure",
        }
    }

    /// The value, rendered now; `None` if the attribute has no value.
    ///
    /// # Errors
    /// [`CookieError::Expires`].
    pub fn value(self) -> Result<Option<Cow<'c, str>>, CookieError> {
        let date = |seconds| time_to_http(seconds).ok_or(CookieError::Expires(seconds));
        Ok(Some(match self {
            Attribute::Domain(text) | Attribute::Path(text) => Cow::Borrowed(text),
            Attribute::SameSite(same_site) => Cow::Borrowed(same_site.as_str()),
            Attribute::Expires(seconds) => Cow::Owned(date(seconds)?),
            Attribute::ExpiresIn(seconds) => Cow::Owned(date(now().saturating_add(seconds))?),
            Attribute::MaxAge(seconds) => Cow::Owned(seconds.to_string()),
            Attribute::HttpOnly | Attribute::Secure => return Ok(None),
        }))
    }
}

fn now() -> i64 {
    i64::try_from(clock::seconds()).unwrap_or(i64::MAX)
}

impl<'c> SetCookie<'c> {
    /// A cookie without attributes: it lives until the browser is closed and is sent to this host alone.
    #[must_use]
    pub fn new(name: &'c str, value: &'c str) -> Self {
        SetCookie { name, value, ..SetCookie::default() }
    }

    /// `Domain`: sent to this host and to those below it.
    #[must_use]
    pub const fn domain(mut self, domain: &'c str) -> Self {
        self.domain = Some(domain);
        self
    }

    /// `Expires`: the end of the cookie's life, in seconds since 1970.
    #[must_use]
    pub const fn expires(mut self, seconds: i64) -> Self {
        self.expires = Some(Expires::At(seconds));
        self
    }

    /// `Expires`: the end of the cookie's life, in seconds after the field is rendered.
    #[must_use]
    pub const fn expires_in(mut self, seconds: i64) -> Self {
        self.expires = Some(Expires::In(seconds));
        self
    }

    /// `HttpOnly`: hidden from scripts.
    #[must_use]
    pub const fn http_only(mut self, http_only: bool) -> Self {
        self.http_only = http_only;
        self
    }

    /// `Max-Age`: the cookie's life in seconds from now; it takes precedence over `Expires`. Zero or less
    /// removes the cookie.
    #[must_use]
    pub const fn max_age(mut self, seconds: i64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// `Path`: sent for this path and those below it.
    #[must_use]
    pub const fn path(mut self, path: &'c str) -> Self {
        self.path = Some(path);
        self
    }

    /// `SameSite`.
    #[must_use]
    pub const fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// `Secure`: sent over TLS only.
    #[must_use]
    pub const fn secure(mut self, secure: bool) -> Self {
        self.secure = secure;
        self
    }

    /// The cookie's value, unquoted.
    #[must_use]
    pub const fn value(&self) -> &'c str {
        self.value
    }

    /// The field value, with the attributes in the order of their names, as PoorWSGI writes them. A value is
    /// quoted if it is empty, or holds anything but ASCII letters, digits, the marks of a token, and `:`.
    ///
    /// # Errors
    /// [`CookieError`] for a cookie that browsers would refuse or misunderstand.
    pub fn render(&self) -> Result<String, CookieError> {
        self.check()?;
        let mut line = format!("{}={}", self.name, quote(self.value));
        for attribute in Attribute::of(self) {
            line.push_str("; ");
            line.push_str(attribute.name());
            if let Some(value) = attribute.value()? {
                line.push('=');
                line.push_str(&value);
            }
        }
        Ok(line)
    }

    fn check(&self) -> Result<(), CookieError> {
        if !is_cookie_name(self.name) {
            return Err(CookieError::Name(self.name.to_owned()));
        }
        if self.value.contains(char::is_control) {
            return Err(CookieError::Value(self.name.to_owned()));
        }
        let domain_char = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if let Some(domain) =
            self.domain.filter(|domain| domain.is_empty() || !domain.bytes().all(domain_char))
        {
            return Err(CookieError::Domain(domain.to_owned()));
        }
        let bad_path =
            |path: &&str| path.contains(|character: char| character == ';' || character.is_control());
        if let Some(path) = self.path.filter(bad_path) {
            return Err(CookieError::Path(path.to_owned()));
        }
        if self.same_site == Some(SameSite::None) && !self.secure {
            return Err(CookieError::NeedsSecure("SameSite=None"));
        }
        if self.has_prefix("__Secure-") && !self.secure {
            return Err(CookieError::NeedsSecure("__Secure-"));
        }
        let host_only = self.secure && self.domain.is_none() && self.path == Some("/");
        if self.has_prefix("__Host-") && !host_only {
            return Err(CookieError::NotHostOnly);
        }
        Ok(())
    }

    /// Browsers compare the prefix without regard to case (RFC 6265bis, section 5.4).
    fn has_prefix(&self, prefix: &str) -> bool {
        self.name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    }
}

/// Quotes a value where necessary. Within quotes, `"` and `\` get a backslash, and other characters up to
/// code point 255 that are not safe in a cookie are written in octal.
fn quote(value: &str) -> Cow<'_, str> {
    let bare = |character: char| character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~:".contains(character);
    if !value.is_empty() && value.chars().all(bare) {
        return Cow::Borrowed(value);
    }
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('"');
    for character in value.chars() {
        match u32::from(character) {
            _ if bare(character) || " ()/<=>?@[]{}".contains(character) => quoted.push(character),
            _ if matches!(character, '"' | '\\') => quoted.extend(['\\', character]),
            code @ 0..=255 => quoted.push_str(&format!("\\{code:03o}")),
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// Why a cookie was not written.
///
/// ```
/// use poorwsgi::headers::{CookieError, SameSite, SetCookie};
///
/// let embedded = SetCookie::new("SESSID", "abc").same_site(SameSite::None);
/// assert_eq!(embedded.render(), Err(CookieError::NeedsSecure("SameSite=None")));
/// assert!(embedded.secure(true).render().is_ok());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is not a token, or is reserved.
    Name(String),
    /// The value of the cookie of this name holds a control character.
    Value(String),
    /// The domain is not a host name.
    Domain(String),
    /// The path holds a `;` or a control character.
    Path(String),
    /// The time lies outside the years 1 to 9999.
    Expires(i64),
    /// Browsers refuse a cookie with this attribute or name prefix, unless it is secure.
    NeedsSecure(&'static str),
    /// A `__Host-` cookie must be secure, with the path `/` and without a domain.
    NotHostOnly,
}

impl fmt::Display for CookieError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CookieError::Name(name) => write!(
                f,
                "cookie name {name:?}: use ASCII letters, digits and marks like - or _; no leading $, no attribute's name"
            ),
            CookieError::Value(name) => {
                write!(f, "cookie {name}: control character in the value; encode it, for example as base64")
            }
            CookieError::Domain(domain) => write!(f, "cookie domain {domain:?} is not a host name"),
            CookieError::Path(path) => {
                write!(f, "cookie path {path:?}: use a path without ; and control characters")
            }
            CookieError::Expires(seconds) => {
                write!(f, "cookie expires {seconds}: use seconds since 1970, within the years 1 to 9999")
            }
            CookieError::NeedsSecure(what) => {
                write!(f, "cookie with {what}: browsers refuse it unless it is Secure")
            }
            CookieError::NotHostOnly => f.write_str(
                "cookie with __Host-: browsers refuse it unless it is Secure, has Path=/ and no Domain",
            ),
        }
    }
}

impl StdError for CookieError {}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::headers::cookie::Cookies;
    use proptest::prelude::*;

    /// The lines are what PoorWSGI's `Session.header` gives for the same settings.
    #[test]
    fn cookies_as_poorwsgi_writes_them() {
        let full = SetCookie::new("SESSID", "hé\"l;l,o w")
            .domain("a.b")
            .expires(1_795_375_240)
            .http_only(true)
            .max_age(5)
            .path("/x")
            .same_site(SameSite::Lax)
            .secure(true);
        assert_eq!(
            full.render().unwrap(),
            "SESSID=\"h\\351\\\"l\\073l\\054o w\"; Domain=a.b; expires=Sun, 22 Nov 2026 19:20:40 GMT; HttpOnly; \
             Max-Age=5; Path=/x; SameSite=Lax; Secure"
        );
        for (value, written) in [
            ("abc", "abc"),
            ("", "\"\""),
            ("a:b/c=d@e<f>{}[]()?", "\"a:b/c=d@e<f>{}[]()?\""),
            ("back\\", "\"back\\\\\""),
            ("€", "\"€\""),
        ] {
            assert_eq!(
                SetCookie::new("a", value).max_age(-1).render().unwrap(),
                format!("a={written}; Max-Age=-1")
            );
        }
    }

    /// Control characters are refused.
    #[test]
    fn what_would_break_the_field_is_refused() {
        for value in ["a\nb", "a\rb", "a\0b", "a\x7fb", "\u{85}"] {
            assert_eq!(
                SetCookie::new("a", value).render(),
                Err(CookieError::Value("a".to_owned())),
                "{value:?}"
            );
        }
        for name in ["", "a b", "a;b", "a=b", "a\n", "$a", "é", "Path", "max-age", "a,b"] {
            assert_eq!(
                SetCookie::new(name, "").render(),
                Err(CookieError::Name(name.to_owned())),
                "{name:?}"
            );
        }
        for domain in ["", "a;b", "a b", "a\r\n", "a,b", "é.cz"] {
            let refused = Err(CookieError::Domain(domain.to_owned()));
            assert_eq!(SetCookie::new("a", "").domain(domain).render(), refused, "{domain:?}");
        }
        for path in ["/;x", "/\n", "/\0"] {
            let refused = Err(CookieError::Path(path.to_owned()));
            assert_eq!(SetCookie::new("a", "").path(path).render(), refused, "{path:?}");
        }
        let late = Err(CookieError::Expires(i64::MAX));
        assert_eq!(SetCookie::new("a", "").expires(i64::MAX).render(), late);
        assert_eq!(SetCookie::new("a", "").expires_in(i64::MAX).render(), late);
    }

    #[test]
    fn a_life_counts_from_when_the_field_is_written() {
        let cookie = SetCookie::new("a", "b").expires_in(60);
        let (earliest, line, latest) = (now() + 60, cookie.render().unwrap(), now() + 60);
        let date = httpdate::parse_http_date(line.strip_prefix("a=b; expires=").unwrap()).unwrap();
        let seconds = i64::try_from(date.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
        assert!((earliest..=latest).contains(&seconds), "{line}");
        assert_eq!(Attribute::of(&cookie).collect::<Vec<_>>(), [Attribute::ExpiresIn(60)]);
    }

    #[test]
    fn same_site_is_known_by_its_exact_name() {
        for site in [SameSite::Strict, SameSite::Lax, SameSite::None] {
            assert_eq!(SameSite::named(site.as_str()), Some(site));
            assert_eq!(SameSite::named(&site.as_str().to_lowercase()), None);
        }
    }

    /// RFC 6265bis, sections 4.1.3 and 5.6.7.
    #[test]
    fn what_browsers_refuse_is_refused() {
        let cross = SetCookie::new("a", "").same_site(SameSite::None);
        assert_eq!(cross.render(), Err(CookieError::NeedsSecure("SameSite=None")));
        assert_eq!(cross.secure(true).render().unwrap(), "a=\"\"; SameSite=None; Secure");
        assert!(SetCookie::new("__secure-a", "").render().is_err());
        assert!(SetCookie::new("__Secure-a", "").secure(true).render().is_ok());
        let host = SetCookie::new("__Host-a", "").path("/").secure(true);
        assert!(host.render().is_ok());
        assert_eq!(host.clone().domain("a").render(), Err(CookieError::NotHostOnly));
        assert_eq!(host.clone().path("/x").render(), Err(CookieError::NotHostOnly));
        assert_eq!(host.secure(false).render(), Err(CookieError::NotHostOnly));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read_back(value in "\\PC*") {
            let line = SetCookie::new("a", &value).render().unwrap();
            let cookies = Cookies::parse(&line);
            prop_assert_eq!(cookies.get("a"), Some(&*value));
            prop_assert!(!line.contains(['\r', '\n', '\0', ';', ',']));
        }
    }
}
