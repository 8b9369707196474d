//! The attributes of a session's cookie, and the fields that set and remove it.

use http::header::VARY;

use super::{COOKIE_LIMIT, SessionError};
use crate::headers::Headers;
use crate::headers::list::{combined, has_token};
use crate::headers::set_cookie::{SameSite, SetCookie};

/// The name and attributes of a session's cookie. `HttpOnly` is always set, because scripts need no access to
/// the cookie.
///
/// ```
/// use poorwsgi::session::SessionConfig;
///
/// let config = SessionConfig { secure: true, max_age: Some(3600), ..SessionConfig::default() };
/// assert_eq!(config.set_cookie("abc")?, "SESSID=abc; HttpOnly; Max-Age=3600; Path=/; Secure");
/// # Ok::<(), poorwsgi::session::SessionError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// The cookie's name; `SESSID` by default. A name that begins with `__Host-` keeps other hosts of the
    /// domain from setting the cookie.
    pub sid: String,
    /// Seconds from now until the cookie expires. `None`, the default, makes it last until the browser is
    /// closed. A sealed session that is older does not open, whatever the browser does.
    pub expires: Option<i64>,
    /// The same as the attribute `Max-Age`, which takes precedence where both are sent (RFC 6265, section
    /// 4.1.2.2). `None` by default.
    pub max_age: Option<i64>,
    /// The domain to whose hosts the cookie is sent. `None`, the default, sends the cookie to this host only.
    pub domain: Option<String>,
    /// The path below which the cookie is sent; `/` by default.
    pub path: Option<String>,
    /// Sends the cookie over TLS only; `false` by default. Set it wherever the site has TLS.
    pub secure: bool,
    /// Whether requests from other sites carry the cookie. `None`, the default, leaves the decision to the
    /// browser, which takes `Lax`.
    pub same_site: Option<SameSite>,
}

impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            sid: "SESSID".to_owned(),
            expires: None,
            max_age: None,
            domain: None,
            path: Some("/".to_owned()),
            secure: false,
            same_site: None,
        }
    }
}

impl SessionConfig {
    /// The value of a `Set-Cookie` field that sets the cookie, its attributes in the order of PoorWSGI.
    ///
    /// # Errors
    /// [`SessionError::Cookie`] where the value or an attribute holds a character that it cannot, or where
    /// browsers would refuse the cookie, as with `SameSite=None` without `Secure`; [`SessionError::TooLarge`].
    pub fn set_cookie(&self, value: &str) -> Result<String, SessionError> {
        rendered(&setting(self, value))
    }

    /// How many seconds a sealed cookie is valid: `max_age`, else `expires`; `None` where neither is set.
    #[must_use]
    pub fn lifetime(&self) -> Option<u64> {
        self.max_age.or(self.expires).map(|seconds| u64::try_from(seconds).unwrap_or(0))
    }

    /// The value of a `Set-Cookie` field that removes the cookie: empty and expired, with the attributes that
    /// it was set with, because a browser identifies a cookie by name, domain and path.
    ///
    /// # Errors
    /// Those of [`set_cookie`](Self::set_cookie).
    pub fn remove_cookie(&self) -> Result<String, SessionError> {
        rendered(&removing(self))
    }

    /// The cookie with all attributes except those that limit its life.
    fn unlimited<'c>(&'c self, value: &'c str) -> SetCookie<'c> {
        let mut cookie = SetCookie::new(&self.sid, value).http_only(true).secure(self.secure);
        if let Some(domain) = &self.domain {
            cookie = cookie.domain(domain);
        }
        if let Some(path) = &self.path {
            cookie = cookie.path(path);
        }
        if let Some(same_site) = self.same_site {
            cookie = cookie.same_site(same_site);
        }
        cookie
    }
}

/// Whether a cookie can be set with this configuration.
///
/// # Errors
/// [`SessionError::Cookie`], as of [`SessionConfig::set_cookie`].
pub fn check(config: &SessionConfig) -> Result<(), SessionError> {
    config.set_cookie("").map(drop)
}

/// The cookie that [`SessionConfig::set_cookie`] renders, for a door that renders the field itself.
#[must_use]
pub fn setting<'c>(config: &'c SessionConfig, value: &'c str) -> SetCookie<'c> {
    let mut cookie = config.unlimited(value);
    if let Some(seconds) = config.expires {
        cookie = cookie.expires_in(seconds);
    }
    if let Some(seconds) = config.max_age {
        cookie = cookie.max_age(seconds);
    }
    cookie
}

/// The cookie that [`SessionConfig::remove_cookie`] renders, for a door that renders the field itself.
#[must_use]
pub fn removing(config: &SessionConfig) -> SetCookie<'_> {
    // 1970, since the clock of a browser may be slow.
    let cookie = config.unlimited("").expires(0);
    if config.max_age.is_some() { cookie.max_age(-1) } else { cookie }
}

fn rendered(cookie: &SetCookie<'_>) -> Result<String, SessionError> {
    let line = cookie.render()?;
    if line.len() > COOKIE_LIMIT { Err(SessionError::TooLarge { size: line.len() }) } else { Ok(line) }
}

/// Adds a `Set-Cookie` field for a session, and `Vary: Cookie`.
pub(super) fn add_to(headers: &mut Headers, set_cookie: &str) -> Result<(), SessionError> {
    headers.append("Set-Cookie", set_cookie)?;
    vary_on_cookie(headers)?;
    Ok(())
}

/// The field that a response has which depends on a session, if it has no other `Vary`. [`vary_on_cookie`] adds
/// its value to a `Vary` that is there.
pub const VARY_ON_COOKIE: (&str, &str) = ("Vary", "Cookie");

/// Adds `Cookie` to the `Vary` field, so that no cache gives one user's page to another (RFC 9110, section
/// 12.5.5). A session does this when it is written. Call it for a response that depends on a session which is
/// only read.
///
/// # Errors
/// [`SessionError::Header`], where another `Vary` field of the headers is not text.
pub fn vary_on_cookie(headers: &mut Headers) -> Result<(), SessionError> {
    let all = combined(&VARY, headers.get_all(VARY)).unwrap_or_default();
    let (_, name) = VARY_ON_COOKIE;
    if has_token(&all, name) || has_token(&all, "*") {
        return Ok(());
    }
    let before = if all.trim_ascii().is_empty() { &[][..] } else { &[&all, &b", "[..]].concat() };
    let value = [before, name.as_bytes()].concat();
    headers.set("Vary", value)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;
    use crate::headers::set_cookie::CookieError;

    /// The lines are those of PoorWSGI's `Session.header` for the same settings.
    #[test]
    fn cookies_are_those_of_poorwsgi() {
        let config = SessionConfig::default();
        assert_eq!(config.set_cookie("abc").unwrap(), "SESSID=abc; HttpOnly; Path=/");
        assert_eq!(config.set_cookie("a b").unwrap(), "SESSID=\"a b\"; HttpOnly; Path=/");
        let full = SessionConfig {
            sid: "X".to_owned(),
            expires: Some(3600),
            max_age: Some(10),
            domain: Some("example.net".to_owned()),
            path: Some("/a".to_owned()),
            secure: true,
            same_site: Some(SameSite::Strict),
        };
        let line = full.set_cookie("abc").unwrap();
        let (start, rest) = line.split_once("; expires=").unwrap();
        let (date, end) = rest.split_once("; ").unwrap();
        assert_eq!(start, "X=abc; Domain=example.net");
        assert!(httpdate::parse_http_date(date).unwrap() > SystemTime::now());
        assert_eq!(end, "HttpOnly; Max-Age=10; Path=/a; SameSite=Strict; Secure");
        assert_eq!(SessionConfig { path: None, ..config }.set_cookie("").unwrap(), "SESSID=\"\"; HttpOnly");
    }

    /// A browser identifies a cookie by its name, domain and path (RFC 6265, section 5.3, step 11).
    #[test]
    fn removing_keeps_what_identifies_the_cookie() {
        let config = SessionConfig { max_age: Some(5), domain: Some("a.b".to_owned()), ..Default::default() };
        assert_eq!(
            config.remove_cookie().unwrap(),
            "SESSID=\"\"; Domain=a.b; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Max-Age=-1; Path=/"
        );
        assert!(!SessionConfig::default().remove_cookie().unwrap().contains("Max-Age"));
    }

    #[test]
    fn what_browsers_refuse_is_refused() {
        let cross_site = SessionConfig { same_site: Some(SameSite::None), ..Default::default() };
        assert!(matches!(check(&cross_site), Err(SessionError::Cookie(CookieError::NeedsSecure(_)))));
        assert!(check(&SessionConfig { secure: true, ..cross_site }).is_ok());
        for sid in ["", "a b", "a;b", "é"] {
            assert!(check(&SessionConfig { sid: sid.to_owned(), ..Default::default() }).is_err(), "{sid}");
        }
        let injected = SessionConfig { path: Some("/; Domain=evil".to_owned()), ..Default::default() };
        assert!(check(&injected).is_err());
    }

    #[test]
    fn max_age_goes_before_expires() {
        let config = |expires, max_age| SessionConfig { expires, max_age, ..Default::default() };
        assert_eq!(config(None, None).lifetime(), None);
        assert_eq!(config(Some(5), None).lifetime(), Some(5));
        assert_eq!(config(Some(5), Some(7)).lifetime(), Some(7));
        assert_eq!(config(Some(5), Some(-1)).lifetime(), Some(0));
    }

    /// RFC 6265, section 6.1: browsers silently drop longer cookies.
    #[test]
    fn a_cookie_over_the_limit_is_an_error() {
        let config = SessionConfig::default();
        let room = COOKIE_LIMIT - config.set_cookie("a").unwrap().len() + 1;
        assert_eq!(config.set_cookie(&"a".repeat(room)).unwrap().len(), COOKIE_LIMIT);
        let error = config.set_cookie(&"a".repeat(room + 1));
        assert!(matches!(error, Err(SessionError::TooLarge { size: 4097 })));
    }

    /// `Vary: Cookie` is added when the session cookie is written.
    #[test]
    fn vary_names_cookie_once() {
        for (before, after) in [
            (&[][..], "Cookie"),
            (&["Accept"], "Accept, Cookie"),
            (&["Accept", "Origin"], "Accept, Origin, Cookie"),
            (&["Accept, cookie"], "Accept, cookie"),
            (&["*"], "*"),
        ] {
            let mut headers = Headers::new();
            before.iter().for_each(|value| headers.append("Vary", value).unwrap());
            add_to(&mut headers, "a=b").unwrap();
            add_to(&mut headers, "c=d").unwrap();
            assert_eq!(headers.get_str("Vary"), Some(after));
            assert_eq!(headers.get_all("Vary").count(), 1);
            assert_eq!(headers.get_all("Set-Cookie").count(), 2);
        }
    }
}
