//! A session in a sealed cookie: login, a counter of visits, logout. The server stores nothing.
//!
//!     cargo run -p poorwsgi --example sessions
//!     curl -i -c jar -d user=ann http://127.0.0.1:8080/login
//!     curl -b jar -c jar http://127.0.0.1:8080/
//!     curl -b jar -c jar http://127.0.0.1:8080/
//!     curl -b jar -c jar -X POST http://127.0.0.1:8080/logout
//!     curl -b jar http://127.0.0.1:8080/

use std::sync::Arc;

use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig, SessionError};
use poorwsgi::settings::SecretKey;
use poorwsgi::state::{METHOD_GET, METHOD_POST};
use poorwsgi::{Application, BoxError, HttpError, Request, Response, Result};

/// The session keys, which all handlers share; a clone is cheap.
#[derive(Clone)]
struct Sessions(Arc<SealedKeys>);

impl Sessions {
    /// The session of a request. A cookie that cannot be opened, because it is too old or was tampered with,
    /// counts as missing.
    fn of(&self, req: &Request) -> Result<SealedSession, SessionError> {
        let config = SessionConfig { max_age: Some(24 * 3600), ..SessionConfig::default() };
        let mut session = SealedSession::new(Arc::clone(&self.0), config)?;
        if let Err(error) = session.load(req.cookies()) {
            eprintln!("a new session: {error}");
        }
        Ok(session)
    }

    fn login(&self, req: &Request) -> Result<Response> {
        let user = req.form().and_then(|form| form.get("user"));
        let user = user.ok_or_else(|| HttpError::bad_request("the field user is wanted"))?;
        let mut session = self.of(req)?;
        session.data_mut().insert("user".into(), user.into());
        session.data_mut().insert("visits".into(), 0.into());
        with_session(format!("welcome, {user}\n"), &session)
    }

    fn count(&self, req: &Request) -> Result<Response> {
        let mut session = self.of(req)?;
        let Some(user) = session.data().get("user").and_then(|user| user.as_str()).map(str::to_owned) else {
            return Ok(Response::text("who are you? POST to /login\n").with_status(403)?);
        };
        let visits = session.data().get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
        session.data_mut().insert("visits".into(), visits.into());
        with_session(format!("{user}, visit {visits}\n"), &session)
    }

    fn logout(&self, req: &Request) -> Result<Response> {
        let mut session = self.of(req)?;
        session.destroy();
        with_session("bye\n".to_owned(), &session)
    }
}

fn with_session(text: String, session: &SealedSession) -> Result<Response> {
    let mut response = Response::text(text);
    session.write(response.headers_mut())?;
    Ok(response)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // With a random key, all sessions end with the process; a real application reads its key from a file.
    let key = SecretKey::random()?;
    let sessions = Sessions(Arc::new(SealedKeys::new([key.as_bytes()])?));
    let mut app = Application::new("sessions");
    let (login, count, logout) = (sessions.clone(), sessions.clone(), sessions);
    app.route("/login", METHOD_POST, move |req: Request| login.login(&req))?;
    app.route("/", METHOD_GET, move |req: Request| count.count(&req))?;
    app.route("/logout", METHOD_POST, move |req: Request| logout.logout(&req))?;
    Ok(app.run("127.0.0.1:8080").await?)
}
