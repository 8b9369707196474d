//! A session in a sealed cookie: login, a counter of visits, logout. The server stores nothing.
//!
//! `SealedSession` is the class to use in new applications: its cookie is encrypted and authenticated, so
//! that a client can neither read nor forge it, and it expires on the server, too. The client can read and
//! change the cookie of a plain `Session`; that class is for preferences.
//!
//!     cargo run -p poorwsgi --example sessions
//!     curl -i -c jar -d user=ann http://127.0.0.1:8080/login
//!     curl -b jar -c jar http://127.0.0.1:8080/
//!     curl -b jar -c jar http://127.0.0.1:8080/
//!     curl -b jar -c jar -X POST http://127.0.0.1:8080/logout
//!     curl -b jar http://127.0.0.1:8080/

use std::sync::Arc;

use http::StatusCode;
use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig};
use poorwsgi::settings::SecretKey;
use poorwsgi::state::{METHOD_GET, METHOD_HEAD, METHOD_POST};
use poorwsgi::{Application, BoxError, Form, IntoResponse, Response, Result};
use serde::Deserialize;

#[derive(Deserialize)]
struct Login {
    user: String,
}

/// A session that is returned beside a response writes its cookie into the response.
async fn login(mut session: SealedSession, Form(login): Form<Login>) -> (SealedSession, Response) {
    let welcome = Response::text(format!("welcome, {}\n", login.user));
    session.data_mut().insert("user".into(), login.user.into());
    session.data_mut().insert("visits".into(), 0.into());
    (session, welcome)
}

async fn count(mut session: SealedSession) -> Result<Response> {
    let Some(user) = session.data().get("user").and_then(|user| user.as_str()).map(str::to_owned) else {
        return (StatusCode::FORBIDDEN, "who are you? POST to /login\n").into_response();
    };
    let visits = session.data().get("visits").and_then(|visits| visits.as_u64()).unwrap_or(0) + 1;
    session.data_mut().insert("visits".into(), visits.into());
    (session, Response::text(format!("{user}, visit {visits}\n"))).into_response()
}

async fn logout(mut session: SealedSession) -> (SealedSession, &'static str) {
    session.destroy();
    (session, "bye\n")
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("sessions");
    // With a random key, all sessions end with the process; a real application reads its key from a file.
    app.with_state(Arc::new(SealedKeys::new([SecretKey::random()?.as_bytes()])?));
    app.with_state(SessionConfig { max_age: Some(24 * 3600), ..SessionConfig::default() });
    app.route("/login", METHOD_POST, login)?;
    app.route("/", METHOD_HEAD | METHOD_GET, count)?;
    app.route("/logout", METHOD_POST, logout)?;
    Ok(app.run("127.0.0.1:8080").await?)
}
