//! Digest login for a request, from the application's settings, the request's head and the table of nonces.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::time::Duration;

use http::header::{AUTHORIZATION, HOST, USER_AGENT};

use super::{Attempt, DigestAuth, DigestTarget, NonceTable, PasswordMap};
use crate::clock;
use crate::error::HttpError;
use crate::headers::HeaderError;
use crate::request::{Authorization, Head};
use crate::response::Response;
use crate::session::hex;
use crate::settings::{self, SecretKey, Settings};

/// The key of nonces where the application has no secret key. These nonces are valid until the process ends.
static PROCESS_KEY: LazyLock<Option<SecretKey>> = LazyLock::new(|| SecretKey::random().ok());

/// The values of the `WWW-Authenticate` fields of a 401 for this request.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::digest::challenges;
/// use poorwsgi::{Application, HttpError, Request, Response, Result, state};
///
/// /// A 401 page of the application's own, which has to add the challenges itself.
/// fn sign_in(req: Request, _error: HttpError) -> Result<Response> {
///     let mut response = Response::new("<h1>Please sign in</h1>").with_status(state::HTTP_UNAUTHORIZED)?;
///     for challenge in challenges(req.settings(), &*req, "Zone", false)? {
///         response.headers_mut().append("WWW-Authenticate", challenge)?;
///     }
///     Ok(response)
/// }
///
/// let mut app = Application::new("demo");
/// app.http_state(state::HTTP_UNAUTHORIZED, state::METHOD_ALL, sign_in);
/// # let closed = |_req: Request| poorwsgi::abort::<()>(HttpError::unauthorized("Zone", false));
/// # app.default(state::METHOD_ALL, closed);
/// # let answer = app.handle(http::Request::new(String::new())).await;
/// # assert!(answer.headers()["WWW-Authenticate"].to_str()?.starts_with("Digest realm=\"Zone\","));
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// 500 where the operating system gives no random bytes.
pub fn challenges(
    settings: &Settings,
    head: &dyn Head,
    realm: &str,
    stale: bool,
) -> Result<Vec<String>, HttpError> {
    let agent = head.header(&USER_AGENT);
    DigestAuth::for_request(settings, head)?
        .challenges(realm, &head.server_name(), agent.as_deref(), stale, clock::milliseconds())
        .map_err(|error| HttpError::new(crate::state::HTTP_INTERNAL_SERVER_ERROR).with_source(error))
}

/// Adds these [`challenges`] to the built-in page of a 401. As in PoorWSGI, a response with headers of its
/// own has no `X-Powered-By`.
///
/// # Errors
/// [`HeaderError::Value`] for a challenge that no header field can hold.
pub fn ask_for_login(
    response: &mut Response,
    challenges: impl IntoIterator<Item = String>,
) -> Result<(), HeaderError> {
    let headers = response.headers_mut();
    headers.remove("X-Powered-By");
    challenges.into_iter().try_for_each(|challenge| headers.append("WWW-Authenticate", challenge))
}

/// Checks the `Authorization` field of this request and returns the user's name.
///
/// # Errors
/// 401 for the realm where the field is missing or refused, 400 for a path that is not UTF-8, and 500 where
/// the operating system gives no random bytes for a key.
pub fn authenticate(
    settings: &Settings,
    head: &dyn Head,
    nonces: &NonceTable,
    passwords: &PasswordMap,
    realm: &str,
) -> Result<String, HttpError> {
    let Some(authorization) = head.header(&AUTHORIZATION) else {
        return Err(HttpError::unauthorized(realm, false));
    };
    let digest_of = |user: &str, _| passwords.find(realm, user).map(str::to_owned);
    let auth = DigestAuth::for_request(settings, head)?;
    Attempt::with_request(head, |attempt| {
        auth.verify(&Authorization::parse(&authorization), realm, attempt, nonces, digest_of)
    })?
    .map_err(|refusal| {
        tracing::debug!(target: "poorwsgi", %refusal, realm, "digest login refused");
        refusal.into_error(realm)
    })
}

impl DigestAuth {
    /// The settings of an application, with the key that its nonces for this request are made with.
    ///
    /// # Errors
    /// 500 where there is no key and the operating system gives no random bytes for one.
    pub fn for_request(settings: &Settings, head: &dyn Head) -> Result<Self, HttpError> {
        let auth = DigestAuth::with_key(settings::secret_key_for(settings, head))?;
        Ok(DigestAuth {
            algorithms: settings.auth_algorithms.clone(),
            qop_auth: settings.auth_qop,
            ..auth.timeout(settings.auth_timeout)
        })
    }

    /// The default settings with this key. `None`, and an empty key, with which anybody could make nonces,
    /// take a random key that is valid until the process ends.
    ///
    /// # Errors
    /// 500 where there is no key and the operating system gives no random bytes for one.
    pub fn with_key(key: Option<SecretKey>) -> Result<Self, HttpError> {
        let key = key.filter(|key| !key.as_bytes().is_empty());
        let key = key.or_else(|| PROCESS_KEY.clone()).ok_or_else(|| {
            HttpError::new(crate::state::HTTP_INTERNAL_SERVER_ERROR)
                .with_source("the operating system gave no random bytes for a key")
        })?;
        // PoorWSGI's keys are texts, so a key that is not a text need not be compatible with PoorWSGI: any
        // encoding of it will do.
        let text = std::str::from_utf8(key.as_bytes()).map_or_else(|_| hex(key.as_bytes()), str::to_owned);
        Ok(DigestAuth::new(text))
    }

    /// Sets how long a nonce is valid, rounded up to whole seconds; `None` and 0 set no limit.
    #[must_use]
    pub fn timeout(mut self, timeout: Option<Duration>) -> Self {
        self.timeout = timeout.and_then(|timeout| {
            NonZeroU64::new(timeout.as_secs().saturating_add(u64::from(timeout.subsec_nanos() > 0)))
        });
        self
    }
}

impl Attempt<'_> {
    /// Calls `check` with the [`Attempt`] of this request.
    ///
    /// # Errors
    /// 400 for a path that is not UTF-8.
    pub fn with_request<T>(head: &dyn Head, check: impl FnOnce(&Attempt<'_>) -> T) -> Result<T, HttpError> {
        let (path, query) = (head.client_path()?, head.query());
        let raw = head.raw_target();
        let target = match &raw {
            Some(raw) => DigestTarget::Raw(raw),
            None => DigestTarget::Path { path: &path, query: &query },
        };
        let agent = head.header(&USER_AGENT);
        let own_host = || format!("{}:{}", head.server_name(), head.server_port()).into();
        Ok(check(&Attempt {
            method: head.method(),
            targets: &[target],
            host: &head.header(&HOST).unwrap_or_else(own_host),
            server_name: &head.server_name(),
            user_agent: agent.as_deref(),
            now: clock::milliseconds(),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_key_is_no_key() {
        let secret = |key: Option<SecretKey>| DigestAuth::with_key(key).unwrap().secret;
        assert_eq!(secret(Some("".into())), secret(None));
        assert_eq!(secret(Some("key".into())), "key");
    }
}
