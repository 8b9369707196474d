//! Sessions in cookies, from login to logout.

use std::sync::Arc;

use poorwsgi::session::{SealedKeys, SealedSession, SessionConfig};
use poorwsgi::state::METHOD_GET;
use poorwsgi::{Application, Request, Response, Result};

use crate::client::{Answer, get, get_with};

fn application(secrets: &[&str]) -> Application {
    let keys = Arc::new(SealedKeys::new(secrets).unwrap());
    let mut app = Application::new("sessions");
    let open = move |req: &Request| -> Result<SealedSession> {
        let mut session = SealedSession::new(Arc::clone(&keys), SessionConfig::default())?;
        // A cookie that cannot be opened counts as missing.
        let _ = session.load(req.cookies());
        Ok(session)
    };
    let login = open.clone();
    app.route("/login", METHOD_GET, move |req: Request| -> Result<_> {
        let mut session = login(&req)?;
        session.data_mut().insert("user".into(), "alice".into());
        let mut response = Response::text("welcome");
        session.write(response.headers_mut())?;
        Ok(response)
    })
    .unwrap();
    let whoami = open.clone();
    app.route("/whoami", METHOD_GET, move |req: Request| -> Result<_> {
        Ok(whoami(&req)?.data().get("user").map_or("nobody".to_owned(), ToString::to_string))
    })
    .unwrap();
    app.route("/logout", METHOD_GET, move |req: Request| -> Result<_> {
        let mut session = open(&req)?;
        session.destroy();
        let mut response = Response::text("bye");
        session.write(response.headers_mut())?;
        Ok(response)
    })
    .unwrap();
    app
}

fn cookie(answer: &Answer) -> String {
    let line = answer.header("set-cookie").unwrap();
    line.split(';').next().unwrap().to_owned()
}

async fn whoami(app: &Application, cookie: &str) -> String {
    get_with(app, "/whoami", &[("cookie", cookie)]).await.text().to_owned()
}

#[tokio::test]
async fn a_session_goes_out_and_comes_back() {
    let app = application(&["secret"]);
    let answer = get(&app, "/login").await;
    assert_eq!(answer.header("vary"), Some("Cookie"), "no cache may give it to another user");
    assert!(answer.header("set-cookie").unwrap().contains("HttpOnly"));
    let cookie = cookie(&answer);
    assert!(!cookie.contains("alice"));
    assert_eq!(whoami(&app, &cookie).await, "\"alice\"");
    assert_eq!(whoami(&app, &format!("other=1; {cookie}")).await, "\"alice\"");
    assert_eq!(whoami(&app, "").await, "nobody");
}

#[tokio::test]
async fn a_session_that_was_tampered_with_is_none() {
    let app = application(&["secret"]);
    let cookie = cookie(&get(&app, "/login").await);
    for at in (8..cookie.len()).step_by(7) {
        let mut tampered = cookie.clone().into_bytes();
        tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
        assert_eq!(whoami(&app, std::str::from_utf8(&tampered).unwrap()).await, "nobody");
    }
    for tampered in [format!("{cookie}A"), format!("{cookie}="), cookie[..cookie.len() - 1].to_owned()] {
        assert_eq!(whoami(&app, &tampered).await, "nobody", "{tampered}");
    }
}

#[tokio::test]
async fn old_keys_open_and_the_new_one_seals() {
    let old = cookie(&get(&application(&["old"]), "/login").await);
    let rotated = application(&["new", "old"]);
    assert_eq!(whoami(&rotated, &old).await, "\"alice\"");
    let new = cookie(&get(&rotated, "/login").await);
    assert_eq!(whoami(&application(&["new"]), &new).await, "\"alice\"");
    assert_eq!(whoami(&application(&["new"]), &old).await, "nobody");
}

/// A destroyed session sends an empty value; PoorWSGI 2.8.1 still sends its data.
#[tokio::test]
async fn a_destroyed_session_is_removed() {
    let app = application(&["secret"]);
    let login = cookie(&get(&app, "/login").await);
    let answer = get_with(&app, "/logout", &[("cookie", &login)]).await;
    let line = answer.header("set-cookie").unwrap();
    assert!(line.starts_with("SESSID=\"\"; ") && line.contains("expires=Thu, 01 Jan 1970"), "{line}");
    assert_eq!(answer.header("vary"), Some("Cookie"));
    assert_eq!(whoami(&app, &cookie(&answer)).await, "nobody");
}
