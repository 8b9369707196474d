//! A session whose cookie holds its data, encrypted and authenticated.

use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::config::{add_to, check};
use super::{AesKeys, SealedKeys, Sealer, SessionConfig, SessionError};
use crate::headers::Headers;
use crate::headers::cookie::Cookies;

/// A session in a cookie that nobody without the key can read or change. New applications should use it.
///
/// It is an argument of a handler, made of the application's state `Arc<SealedKeys>` and, where there is one,
/// of its state `SessionConfig`. Without a cookie, or with one that does not open, the session is empty. The
/// pair `(session, value)` is the response of the value with the session in its cookie:
///
/// ```
/// use poorwsgi::session::SealedSession;
///
/// async fn count(mut session: SealedSession) -> (SealedSession, String) {
///     let visits = session.data().get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
///     session.data_mut().insert("visits".into(), visits.into());
///     (session, format!("visit {visits}"))
/// }
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.with_state(std::sync::Arc::new(poorwsgi::session::SealedKeys::new(["secret"]).unwrap()));
/// # app.route("/", poorwsgi::state::METHOD_GET, count).unwrap();
/// ```
///
/// The [`lifetime`](SessionConfig::lifetime) counts from when the session was last written; to read the
/// session does not renew it. To renew, return the session again, changed or not. Without a lifetime a cookie
/// opens for as long as its key is in use.
///
/// A response with the session has `Vary: Cookie`. A page that only reads the session has not: set the field
/// with `Response::with_header("Vary", "Cookie")`, or `Cache-Control: no-store`, so that no cache gives the
/// page of one user to another.
///
/// The same without an argument:
///
/// ```
/// use std::sync::Arc;
///
/// use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig};
/// use poorwsgi::{Request, Response, Result};
///
/// fn visits(req: &Request, keys: &Arc<SealedKeys>) -> Result<Response> {
///     let mut session = SealedSession::new(keys.clone(), SessionConfig::default())?;
///     if let Err(error) = session.load(req.cookies()) {
///         eprintln!("a new session: {error}");
///     }
///     let visits = session.data().get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
///     session.data_mut().insert("visits".into(), visits.into());
///     let mut response = Response::text(format!("visit {visits}"));
///     session.write(response.headers_mut())?;
///     Ok(response)
/// }
/// # let keys = Arc::new(SealedKeys::new(["secret"]).unwrap());
/// # let mut app = poorwsgi::Application::new("demo");
/// # app.route("/", poorwsgi::state::METHOD_GET, move |req: Request| visits(&req, &keys)).unwrap();
/// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
/// # let answer = runtime.block_on(app.handle(http::Request::new(String::new())));
/// # assert!(answer.headers()["Set-Cookie"].to_str().unwrap().starts_with("SESSID=v2."));
/// ```
pub type SealedSession = DataSession<SealedKeys>;

/// A session in the format of PoorWSGI's `AESSession`, to share cookies with it.
pub type AesSession = DataSession<AesKeys>;

/// A session that keeps a JSON object in its cookie. It needs no store on the server, and has room for some
/// 2900 bytes.
///
/// The server does not know which sessions exist. [`destroy`](Self::destroy) only removes the cookie from the
/// browser; a copy of the cookie stays valid. The copy of a [`SealedSession`] is valid for the
/// [`lifetime`](SessionConfig::lifetime), counted from when the session was written. Without a lifetime, and
/// with an [`AesSession`], whose format has no time, the copy is valid for as long as the key is in use.
/// Where that matters, keep the session on the server and its id in a [`Session`](super::Session).
///
/// ```
/// use std::sync::Arc;
/// use poorwsgi::headers::{Cookies, Headers};
/// use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig};
///
/// let keys = Arc::new(SealedKeys::new(["secret"])?);      // once for the application
/// let mut session = SealedSession::new(keys.clone(), SessionConfig::default())?;
/// session.load(&Cookies::parse(""))?;
/// session.data_mut().insert("user".into(), "alice".into());
///
/// let mut headers = Headers::new();
/// session.write(&mut headers)?;
/// # let cookie = headers.get_str("Set-Cookie").unwrap_or_default().split(';').next().unwrap_or_default();
/// # let mut session = SealedSession::new(keys, SessionConfig::default())?;
/// # session.load(&Cookies::parse(cookie))?;
/// assert_eq!(session.data()["user"], "alice");
/// # Ok::<(), poorwsgi::session::SessionError>(())
/// ```
pub struct DataSession<S> {
    sealer: Arc<S>,
    config: SessionConfig,
    data: Map<String, Value>,
    destroyed: bool,
}

impl<S: Sealer> DataSession<S> {
    /// A session without data.
    ///
    /// # Errors
    /// [`SessionError::Cookie`], as of [`SessionConfig::set_cookie`].
    pub fn new(sealer: Arc<S>, config: SessionConfig) -> Result<Self, SessionError> {
        check(&config)?;
        Ok(DataSession { sealer, config, data: Map::new(), destroyed: false })
    }

    /// Reads the data from the request's cookies. Without a cookie, or with an empty one, the data stay as
    /// they are.
    ///
    /// # Errors
    /// [`SessionError::BadCookie`], [`SessionError::NotAnObject`] or [`SessionError::Expired`]. An
    /// application should respond to each with a new session.
    pub fn load(&mut self, cookies: &Cookies) -> Result<(), SessionError> {
        let Some(value) = cookies.get(&self.config.sid).filter(|value| !value.is_empty()) else {
            return Ok(());
        };
        let bytes = self.sealer.open_within(&self.config.sid, value, self.config.lifetime())?;
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(data)) => self.data = data,
            Ok(_) => return Err(SessionError::NotAnObject),
            Err(_) => return Err(SessionError::BadCookie),
        }
        Ok(())
    }

    /// The data.
    #[must_use]
    pub const fn data(&self) -> &Map<String, Value> {
        &self.data
    }

    /// The data, to change it.
    pub const fn data_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.data
    }

    /// Ends the session: [`write`](Self::write) then removes the cookie, whatever the data are.
    pub fn destroy(&mut self) {
        self.destroyed = true;
    }

    /// The value of the `Set-Cookie` field, sealed anew with each call.
    ///
    /// # Errors
    /// Those of [`SessionConfig::set_cookie`], especially [`SessionError::TooLarge`], and those of
    /// [`Sealer::seal`].
    pub fn cookie(&self) -> Result<String, SessionError> {
        if self.destroyed {
            return self.config.remove_cookie();
        }
        // Cannot fail: a map with text for keys always has a JSON form.
        let json = serde_json::to_vec(&self.data).map_err(|_| SessionError::NotAnObject)?;
        self.config.set_cookie(&self.sealer.seal(&self.config.sid, &json)?)
    }

    /// Adds the `Set-Cookie` field to the headers of a response, and `Vary: Cookie`.
    ///
    /// # Errors
    /// Those of [`cookie`](Self::cookie), and [`SessionError::Header`].
    pub fn write(&self, headers: &mut Headers) -> Result<(), SessionError> {
        add_to(headers, &self.cookie()?)
    }
}

impl<S> fmt::Debug for DataSession<S> {
    /// Without the data, which are confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DataSession")
            .field("sid", &self.config.sid)
            .field("destroyed", &self.destroyed)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;
    use crate::session::COOKIE_LIMIT;
    use serde_json::json;

    fn sealed() -> SealedSession {
        DataSession::new(Arc::new(SealedKeys::new(["secret"]).unwrap()), SessionConfig::default()).unwrap()
    }

    fn aes() -> AesSession {
        DataSession::new(Arc::new(AesKeys::new(["secret"]).unwrap()), SessionConfig::default()).unwrap()
    }

    fn comes_back<S: Sealer>(mut written: DataSession<S>, mut read: DataSession<S>) {
        written.data_mut().insert("user".to_owned(), json!({ "name": "Jäsøn", "n": [1, 2.5, null] }));
        let line = written.cookie().unwrap();
        read.load(&Cookies::parse(line.split("; ").next().unwrap())).unwrap();
        assert_eq!(read.data(), written.data());
    }

    #[test]
    fn data_come_back() {
        comes_back(sealed(), sealed());
        comes_back(aes(), aes());
    }

    /// PoorWSGI's `AESSession` is read as it is: PoorWSGI 2.8.1 made this cookie line, quotes included.
    #[test]
    fn a_cookie_of_poorwsgi_is_read() {
        let mut session = aes();
        let line = r#"SESSID="AQIDBAUGBwgJCgsMDQ4PEKu0wRIW6MWHKHaz6wCuAUhNF5LTTeMkl7w=.v9GhZ5xxpgIGMXHmh_fQYvcgkLTPkctbyrWqsvSjCqU=""#;
        session.load(&Cookies::parse(line)).unwrap();
        assert_eq!(Value::Object(session.data().clone()), json!({ "user": "alice", "n": 1 }));
    }

    #[test]
    fn no_cookie_is_a_new_session_and_a_bad_one_an_error() {
        let mut session = sealed();
        for none in ["", "SESSID=", "SESSID=\"\"", "OTHER=x"] {
            session.load(&Cookies::parse(none)).unwrap();
        }
        assert!(session.data().is_empty());
        let error = session.load(&Cookies::parse("SESSID=junk")).unwrap_err();
        assert_eq!(error.to_string(), "bad session data");
    }

    #[test]
    fn data_that_are_no_object_are_refused() {
        let keys = SealedKeys::new(["secret"]).unwrap();
        for (text, is_json) in [("[1]", true), ("\"a\"", true), ("null", true), ("{", false), ("", false)] {
            let line = format!("SESSID={}", keys.seal("SESSID", text.as_bytes()).unwrap());
            let error = sealed().load(&Cookies::parse(&line)).unwrap_err();
            assert_eq!(matches!(error, SessionError::NotAnObject), is_json, "{text}");
        }
    }

    #[test]
    fn a_session_that_has_outlived_its_cookie_is_an_error() {
        let keys = Arc::new(SealedKeys::new(["secret"]).unwrap());
        let load = |age: u64, expires, max_age| {
            let config = SessionConfig { expires, max_age, ..SessionConfig::default() };
            let value = keys.seal_at("SESSID", b"{}", clock::seconds() - age).unwrap();
            let mut session = DataSession::new(Arc::clone(&keys), config).unwrap();
            session.load(&Cookies::parse(&format!("SESSID={value}")))
        };
        for (expires, max_age) in [(None, Some(3600)), (Some(3600), None), (Some(1), Some(3600))] {
            assert!(load(3500, expires, max_age).is_ok());
            assert!(matches!(load(3700, expires, max_age), Err(SessionError::Expired)));
        }
        assert!(load(1_000_000, None, None).is_ok());
    }

    /// A destroyed session of PoorWSGI still sends its data.
    #[test]
    fn a_destroyed_session_sends_nothing_of_it() {
        let mut session = sealed();
        session.destroy();
        session.data_mut().insert("a".to_owned(), json!(1));
        assert!(session.cookie().unwrap().starts_with("SESSID=\"\"; expires=Thu, 01 Jan 1970"));
    }

    #[test]
    fn data_stay_out_of_logs() {
        let mut session = sealed();
        session.data_mut().insert("card".to_owned(), json!("4111"));
        assert_eq!(format!("{session:?}"), r#"DataSession { sid: "SESSID", destroyed: false, .. }"#);
    }

    /// RFC 6265, section 6.1.
    #[test]
    fn too_much_data_is_an_error_when_written() {
        let mut session = sealed();
        session.data_mut().insert("a".to_owned(), "x".repeat(2900).into());
        assert!(session.write(&mut Headers::new()).is_ok());
        session.data_mut().insert("a".to_owned(), "x".repeat(3100).into());
        let error = session.write(&mut Headers::new()).unwrap_err();
        assert!(matches!(error, SessionError::TooLarge { size } if size > COOKIE_LIMIT));
    }
}
