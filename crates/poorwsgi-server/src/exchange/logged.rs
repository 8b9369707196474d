//! What the access log says of the request of an exchange.

use std::borrow::Cow;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST, REFERER, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Version};
use poorwsgi_core::request::{Authorization, Connection};

use super::ids::{REQUEST_ID, TRACEPARENT};
use crate::access_log::AccessEntry;

/// Taken from the request before the application gets it: only if there is an access log.
#[derive(Debug)]
pub(super) struct LoggedHead {
    pub(super) version: Version,
    client: Option<IpAddr>,
    host: Option<HeaderValue>,
    authorization: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
}

impl LoggedHead {
    /// `connection` is that of the socket; a trusted proxy may have named another client.
    pub(super) fn of<B>(request: &Request<B>, connection: &Connection) -> Self {
        let connection = request.extensions().get().unwrap_or(connection);
        let field = |name: &HeaderName| request.headers().get(name).cloned();
        LoggedHead {
            version: request.version(),
            client: connection.remote.map(|remote| remote.ip().to_canonical()),
            host: field(&HOST),
            authorization: field(&AUTHORIZATION),
            referer: field(&REFERER),
            user_agent: field(&USER_AGENT),
            request_id: field(&REQUEST_ID),
            traceparent: field(&TRACEPARENT),
        }
    }

    /// Calls a function with this part of an entry.
    pub(super) fn with_entry<R>(&self, then: impl FnOnce(AccessEntry<'_>) -> R) -> R {
        let client = self.client.map(|client| client.to_string());
        let authorization = self.authorization.as_ref().map(text);
        let user = authorization.as_deref().and_then(user_of);
        let [host, referer, user_agent, request_id, traceparent] =
            [&self.host, &self.referer, &self.user_agent, &self.request_id, &self.traceparent]
                .map(|value| value.as_ref().map(text));
        then(AccessEntry {
            client: client.as_deref().unwrap_or("unix"),
            user: user.as_deref(),
            host: host.as_deref(),
            referer: referer.as_deref(),
            user_agent: user_agent.as_deref(),
            request_id: request_id.as_deref(),
            traceparent: traceparent.as_deref(),
            ..AccessEntry::default()
        })
    }
}

/// A value as text. Bytes that are not UTF-8 are replaced.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// The user that the credentials name, of the scheme Basic or Digest. Nothing is verified here.
fn user_of(authorization: &str) -> Option<String> {
    let authorization = Authorization::parse(authorization);
    match authorization.scheme() {
        "Digest" => authorization.get("username").map(str::to_owned),
        "Basic" => {
            let decoded = STANDARD.decode(authorization.credentials()).ok()?;
            let user = decoded.split(|byte| *byte == b':').next().unwrap_or_default();
            Some(String::from_utf8_lossy(user).into_owned())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_name_a_user() {
        for (credentials, user) in [
            ("Basic YW5uOnNlY3JldA==", Some("ann")),
            ("basic YW5u", Some("ann")),
            ("Basic !", None),
            (r#"Digest realm="a", username="ben \"b\"""#, Some("ben \"b\"")),
            ("Bearer YW5uOnNlY3JldA==", None),
            ("", None),
        ] {
            assert_eq!(user_of(credentials).as_deref(), user, "{credentials}");
        }
    }
}
