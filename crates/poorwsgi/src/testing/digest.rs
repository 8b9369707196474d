//! Digest login of a client (RFC 7616, section 3.4).

use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue};
use poorwsgi_core::digest::{Algorithm, ResponseInput, hexdigest};
use poorwsgi_core::request::Authorization;

use super::message::Message;
use super::response::TestResponse;

/// The nonce count (each nonce is used for one request), and the nonce of the client.
const COUNT: &str = "00000001";
const CNONCE: &str = "0a4f113b";

/// The user of a login, and the password.
pub(super) struct Login {
    user: String,
    password: String,
}

impl Login {
    pub(super) fn new(user: &str, password: &str) -> Self {
        Login { user: user.to_owned(), password: password.to_owned() }
    }

    /// The credentials for the first digest challenge of a 401 whose algorithm is known; `None` where there is
    /// none.
    pub(super) fn answer(&self, message: &Message, response: &TestResponse) -> Option<HeaderMap> {
        let challenges = response.headers().get_all(WWW_AUTHENTICATE).iter();
        let challenges = challenges.filter_map(|field| Some(Authorization::parse(field.to_str().ok()?)));
        let (challenge, algorithm) = challenges.into_iter().find_map(|challenge| {
            let algorithm: Algorithm = challenge.get("algorithm").unwrap_or("MD5").parse().ok()?;
            (challenge.scheme() == "Digest").then_some((challenge, algorithm))
        })?;
        let (realm, nonce) = (challenge.get("realm")?, challenge.get("nonce")?);
        let uri = message.target.path_and_query().map_or("/", |target| target.as_str());
        let protection = challenge.get("qop").map(|_| (COUNT, "auth"));
        let proof = ResponseInput { method: message.method.as_str(), uri, nonce, cnonce: CNONCE, protection };
        let proof = proof.response(algorithm, &hexdigest(&self.user, realm, &self.password, algorithm));
        let (user, realm) = (escape(&self.user), escape(realm));
        let mut field = format!(
            "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
             algorithm={algorithm}, response=\"{proof}\", cnonce=\"{CNONCE}\""
        );
        if protection.is_some() {
            field.push_str(&format!(", qop=auth, nc={COUNT}"));
        }
        if let Some(opaque) = challenge.get("opaque") {
            field.push_str(&format!(", opaque=\"{opaque}\""));
        }
        Some(HeaderMap::from_iter([(AUTHORIZATION, HeaderValue::try_from(field).ok()?)]))
    }
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}
