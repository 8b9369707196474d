//! The session in its sealed cookie.

use std::sync::Arc;

use poorwsgi_core::error::{BoxError, HttpError};
use poorwsgi_core::request::Head;
use poorwsgi_core::response::Response;
use poorwsgi_core::session::{SealedKeys, SealedSession, SessionConfig};
use poorwsgi_core::state;

use super::{FromRequestParts, RequiredStates};
use crate::error::Result;
use crate::into_response::IntoResponse;
use crate::request::Request;

/// The session of the request. Its keys are a state of the application, `Arc<SealedKeys>`; its configuration
/// is another, [`SessionConfig`], or the default one. A cookie that does not open, because it is too old or
/// was tampered with, counts as missing.
impl FromRequestParts for SealedSession {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Self, HttpError> {
        let failed = |error: BoxError| HttpError::new(state::HTTP_INTERNAL_SERVER_ERROR).with_source(error);
        let keys = request
            .state::<Arc<SealedKeys>>()
            .ok_or_else(|| failed("the application has no state Arc<SealedKeys>".into()))?;
        let config = request.state::<SessionConfig>().cloned().unwrap_or_default();
        let mut session =
            SealedSession::new(Arc::clone(keys), config).map_err(|error| failed(error.into()))?;
        let head: &dyn Head = request.head();
        if let Err(error) = session.load(&head.cookies()) {
            tracing::debug!(target: "poorwsgi", %error, "a session cookie was not accepted");
        }
        Ok(session)
    }

    fn required_states(required: &mut RequiredStates) {
        required.add::<Arc<SealedKeys>>();
    }
}

/// The response, with a cookie that holds the session.
impl<T: IntoResponse> IntoResponse for (SealedSession, T) {
    fn into_response(self) -> Result<Response> {
        let mut response = self.1.into_response()?;
        self.0.write(response.headers_mut())?;
        Ok(response)
    }
}
