//! Signing in: the visitor's name in a sealed session cookie.

use std::sync::Arc;

use poorwsgi::headers::SameSite;
use poorwsgi::session::{SealedSession, SessionConfig, SessionError};
use poorwsgi::{Request, Response, Result, state};

use crate::Demo;
use crate::pages::{self, Login, Visitor};

/// The session of a request. A cookie that cannot be opened counts as missing.
fn session(demo: &Demo, req: &Request) -> Result<SealedSession, SessionError> {
    let config =
        SessionConfig { max_age: Some(3600), same_site: Some(SameSite::Lax), ..SessionConfig::default() };
    let mut session = SealedSession::new(Arc::clone(&demo.keys), config)?;
    if let Err(error) = session.load(req.cookies()) {
        tracing::info!(%error, "a session cookie was not accepted");
    }
    Ok(session)
}

/// The name of the visitor, if signed in.
pub(crate) fn user(demo: &Demo, req: &Request) -> Option<String> {
    session(demo, req).ok()?.data().get("user")?.as_str().map(str::to_owned)
}

pub(crate) async fn form(demo: Arc<Demo>, req: Request) -> Result<Response> {
    pages::page(&Login { visitor: Visitor::of(&demo, &req), failed: false })
}

pub(crate) async fn sign_in(demo: Arc<Demo>, req: Request) -> Result<Response> {
    let field = |name| req.form().and_then(|form| form.get(name)).unwrap_or_default();
    let (name, password) = (field("name"), field("password"));
    if (name, password) != ("ann", "drop") {
        let page = Login { visitor: Visitor::of(&demo, &req), failed: true };
        return Ok(pages::page(&page)?.with_status(state::HTTP_FORBIDDEN)?);
    }
    let mut session = session(&demo, &req)?;
    session.data_mut().insert("user".to_owned(), name.into());
    let mut response = Response::redirect("/", state::HTTP_SEE_OTHER)?;
    session.write(response.headers_mut())?;
    Ok(response)
}

pub(crate) async fn sign_out(demo: Arc<Demo>, req: Request) -> Result<Response> {
    let mut session = session(&demo, &req)?;
    session.destroy();
    let mut response = Response::redirect("/", state::HTTP_SEE_OTHER)?;
    session.write(response.headers_mut())?;
    Ok(response)
}
