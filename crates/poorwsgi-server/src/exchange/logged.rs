//! What the access log says of the request of an exchange.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST, REFERER, USER_AGENT};
use http::{HeaderName, HeaderValue, Request, Version};
use poorwsgi_core::request::{Authorization, Connection};

use super::ids::{REQUEST_ID, TRACEPARENT};
use crate::access_log::{AccessEntry, FieldSet, LogField};
use crate::connection::client_name;

/// Taken from the request before the application gets it: only if the request is logged.
#[derive(Debug)]
pub(super) struct LoggedHead {
    pub(super) version: Version,
    /// The client that a trusted proxy has named.
    client: Option<String>,
    user: Option<String>,
    host: Option<HeaderValue>,
    referer: Option<HeaderValue>,
    user_agent: Option<HeaderValue>,
    request_id: Option<HeaderValue>,
    traceparent: Option<HeaderValue>,
}

impl LoggedHead {
    /// Takes these fields.
    pub(super) fn of<B>(request: &Request<B>, fields: FieldSet) -> Self {
        let value = |field, name: &HeaderName| {
            if fields.has(field) { request.headers().get(name) } else { None }
        };
        LoggedHead {
            version: request.version(),
            client: request.extensions().get::<Connection>().map(client_name),
            user: value(LogField::User, &AUTHORIZATION).and_then(user_of),
            host: value(LogField::Host, &HOST).cloned(),
            referer: value(LogField::Referer, &REFERER).cloned(),
            user_agent: value(LogField::UserAgent, &USER_AGENT).cloned(),
            request_id: value(LogField::RequestId, &REQUEST_ID).cloned(),
            traceparent: value(LogField::Traceparent, &TRACEPARENT).cloned(),
        }
    }

    /// This part of an entry; `peer` is the client where no proxy has named another one.
    pub(super) fn entry<'a>(&'a self, peer: &'a str) -> AccessEntry<'a> {
        let bytes = |value: &'a Option<HeaderValue>| value.as_ref().map(HeaderValue::as_bytes);
        AccessEntry {
            client: self.client.as_deref().unwrap_or(peer),
            user: self.user.as_deref().map(str::as_bytes),
            host: bytes(&self.host),
            referer: bytes(&self.referer),
            user_agent: bytes(&self.user_agent),
            request_id: bytes(&self.request_id),
            traceparent: bytes(&self.traceparent),
            ..AccessEntry::default()
        }
    }
}

/// The user that the credentials name, of the scheme Basic or Digest. Nothing is verified here.
fn user_of(authorization: &HeaderValue) -> Option<String> {
    let authorization = Authorization::parse(&String::from_utf8_lossy(authorization.as_bytes()));
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
            assert_eq!(user_of(&HeaderValue::from_static(credentials)).as_deref(), user, "{credentials}");
        }
    }
}
