//! A session whose cookie holds a plain value.

use std::fmt;

use super::config::{add_to, check};
use super::{SessionConfig, SessionError};
use crate::headers::Headers;
use crate::headers::cookie::Cookies;

/// A session with one text as its value, which the client can read and change: the id of a session that the
/// server keeps, or a token that carries its own signature.
///
/// ```
/// use poorwsgi::headers::{Cookies, Headers};
/// use poorwsgi::session::{Session, SessionConfig};
///
/// let mut session = Session::new(SessionConfig::default())?;
/// session.load(&Cookies::parse("SESSID=6f1a"));
/// assert_eq!(session.value(), "6f1a");
///
/// session.set_value("77b0");
/// let mut headers = Headers::new();
/// session.write(&mut headers)?;
/// assert_eq!(headers.get_str("Set-Cookie"), Some("SESSID=77b0; HttpOnly; Path=/"));
/// # Ok::<(), poorwsgi::session::SessionError>(())
/// ```
#[derive(Clone)]
pub struct Session {
    config: SessionConfig,
    value: String,
    destroyed: bool,
}

impl Session {
    /// A session without a value.
    ///
    /// # Errors
    /// [`SessionError::Cookie`], as of [`SessionConfig::set_cookie`].
    pub fn new(config: SessionConfig) -> Result<Self, SessionError> {
        check(&config)?;
        Ok(Session { config, value: String::new(), destroyed: false })
    }

    /// Reads the value from the request's cookies. Without a cookie, the value stays as it is.
    pub fn load(&mut self, cookies: &Cookies) {
        if let Some(value) = cookies.get(&self.config.sid) {
            value.clone_into(&mut self.value);
        }
    }

    /// The value; empty in a new session.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// Changes the value.
    pub fn set_value(&mut self, value: impl Into<String>) {
        self.value = value.into();
    }

    /// Ends the session: [`write`](Self::write) then removes the cookie, whatever the value is.
    pub fn destroy(&mut self) {
        self.destroyed = true;
    }

    /// The value of the `Set-Cookie` field.
    ///
    /// # Errors
    /// Those of [`SessionConfig::set_cookie`].
    pub fn cookie(&self) -> Result<String, SessionError> {
        if self.destroyed { self.config.remove_cookie() } else { self.config.set_cookie(&self.value) }
    }

    /// Adds the `Set-Cookie` field to the headers of a response, and `Vary: Cookie`.
    ///
    /// # Errors
    /// Those of [`cookie`](Self::cookie), and [`SessionError::Header`].
    pub fn write(&self, headers: &mut Headers) -> Result<(), SessionError> {
        add_to(headers, &self.cookie()?)
    }
}

impl fmt::Debug for Session {
    /// Without the value: whoever knows a session's id can take over the session.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("sid", &self.config.sid)
            .field("destroyed", &self.destroyed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> Session {
        Session::new(SessionConfig::default()).unwrap()
    }

    /// As in PoorWSGI, `Session` is a plain cookie.
    #[test]
    fn any_text_survives_the_browser() {
        for value in ["", "abc", "a b;c,d\"\\é€", "eyJhbGciOi.J9.x-_"] {
            let mut written = session();
            written.set_value(value);
            let line = written.cookie().unwrap();
            let mut read = session();
            read.load(&Cookies::parse(line.split("; ").next().unwrap()));
            assert_eq!(read.value(), value);
        }
        let mut broken = session();
        broken.set_value("a\r\nSet-Cookie: b=c");
        assert!(broken.write(&mut Headers::new()).is_err());
    }

    #[test]
    fn the_value_stays_out_of_logs() {
        let mut session = session();
        session.set_value("6f1a");
        assert_eq!(format!("{session:?}"), r#"Session { sid: "SESSID", destroyed: false, .. }"#);
    }

    #[test]
    fn another_cookie_is_not_ours() {
        let mut read = session();
        read.load(&Cookies::parse("OTHER=x"));
        assert_eq!(read.value(), "");
    }

    /// A destroyed session of PoorWSGI still sends its data.
    #[test]
    fn a_destroyed_session_sends_nothing_of_it() {
        let mut session = session();
        session.destroy();
        session.set_value("secret");
        let line = session.cookie().unwrap();
        assert_eq!(line, "SESSID=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Path=/");
    }
}
