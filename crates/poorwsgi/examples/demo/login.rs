//! Signing in: the visitor's name in a session cookie. The cookie is sealed, so that no visitor can forge
//! another one's name.

use poorwsgi::extract::FromRequestParts;
use poorwsgi::session::SealedSession;
use poorwsgi::{Form, HttpError, IntoResponse, Request, Response, Result, state};
use serde::Deserialize;

use crate::pages::{self, Login};

/// The visitor that a page is made for.
pub(crate) struct Visitor {
    /// The name of the visitor, if signed in.
    pub(crate) user: Option<String>,
}

impl FromRequestParts for Visitor {
    type Rejection = HttpError;

    async fn from_request_parts(req: &Request) -> Result<Self, HttpError> {
        let session = SealedSession::from_request_parts(req).await?;
        Ok(Visitor { user: session.data().get("user").and_then(|user| user.as_str()).map(str::to_owned) })
    }
}

#[derive(Deserialize)]
pub(crate) struct Credentials {
    name: String,
    password: String,
}

pub(crate) async fn form(visitor: Visitor) -> Result<Response> {
    pages::page(&Login { visitor, failed: false })
}

pub(crate) async fn sign_in(
    visitor: Visitor,
    mut session: SealedSession,
    Form(Credentials { name, password }): Form<Credentials>,
) -> Result<Response> {
    if (name.as_str(), password.as_str()) != ("ann", "drop") {
        let page = Login { visitor, failed: true };
        return Ok(pages::page(&page)?.with_status(state::HTTP_FORBIDDEN)?);
    }
    session.data_mut().insert("user".to_owned(), name.into());
    (session, Response::redirect("/", state::HTTP_SEE_OTHER)).into_response()
}

pub(crate) async fn sign_out(mut session: SealedSession) -> Result<Response> {
    session.destroy();
    (session, Response::redirect("/", state::HTTP_SEE_OTHER)).into_response()
}
