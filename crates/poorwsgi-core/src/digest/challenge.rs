//! The challenges of a server: the `WWW-Authenticate` fields of its 401.

use std::num::NonZeroU64;

use super::Algorithm;
use super::nonce::{self, Purpose};

/// The settings of digest authentication.
///
/// ```
/// use poorwsgi_core::digest::{Algorithm, DigestAuth};
///
/// let auth = DigestAuth {
///     algorithms: vec![Algorithm::Sha256, Algorithm::Md5],
///     ..DigestAuth::new("secret")
/// };
/// let fields = auth.challenges("Admin Zone", "example.org", Some("curl/8"), false, 1_800_000_000_000)?;
/// assert_eq!(fields.len(), 2);
/// assert!(fields[0].starts_with(r#"Digest realm="Admin Zone",qop="auth",algorithm="SHA-256",nonce=""#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct DigestAuth {
    /// The secret that nonces are made with. Whoever knows it can make nonces, but still needs a password to
    /// log in.
    pub secret: String,
    /// The algorithms that are offered, in any order. [`Algorithm::Md5Sess`] by default, as in PoorWSGI.
    /// Every user needs a stored digest for each of them.
    pub algorithms: Vec<Algorithm>,
    /// Whether the quality of protection `auth` is asked for; true by default. Without it (RFC 2069, for very
    /// old clients) there are no request counts, so each nonce is good for one request.
    pub qop_auth: bool,
    /// For how many seconds a nonce is valid; 300 by default. With `None` it is valid as long as the secret
    /// stays the same.
    pub timeout: Option<NonZeroU64>,
}

impl DigestAuth {
    /// The default settings with this secret.
    #[must_use]
    pub fn new(secret: impl Into<String>) -> Self {
        DigestAuth {
            secret: secret.into(),
            algorithms: vec![Algorithm::Md5Sess],
            qop_auth: true,
            timeout: NonZeroU64::new(300),
        }
    }

    /// The values of the `WWW-Authenticate` fields for a realm, one for each algorithm, the strongest first
    /// (RFC 7616, section 3.7).
    ///
    /// `server_name` and `user_agent` are those of the request; `stale` tells the client that its credentials
    /// were right except for the nonce; `now` is in milliseconds since 1970. The realm is quoted, but control
    /// characters in it are left for [`Headers`](crate::headers::Headers) to refuse.
    ///
    /// # Errors
    /// Where the operating system gives no random bytes.
    pub fn challenges(
        &self,
        realm: &str,
        server_name: &str,
        user_agent: Option<&str>,
        stale: bool,
        now: u64,
    ) -> Result<Vec<String>, getrandom::Error> {
        let mut algorithms = self.algorithms.clone();
        algorithms.sort_unstable_by(|a, b| b.cmp(a));
        algorithms.dedup();
        let (realm, opaque) = (escape(realm), opaque(server_name));
        let qop = if self.qop_auth { "qop=\"auth\"," } else { "" };
        let stale = if stale { ",stale=true" } else { "" };
        let field = |algorithm| {
            let nonce = nonce::make(self.purpose(user_agent), now)?;
            Ok(format!(
                "Digest realm=\"{realm}\",{qop}algorithm=\"{algorithm}\",nonce=\"{nonce}\",opaque=\"{opaque}\",\
                 charset=UTF-8{stale}"
            ))
        };
        algorithms.into_iter().map(field).collect()
    }

    /// What nonces for this user agent are bound to.
    pub(super) fn purpose<'a>(&'a self, user_agent: Option<&'a str>) -> Purpose<'a> {
        Purpose { secret: &self.secret, user_agent, timeout: self.timeout }
    }
}

impl std::fmt::Debug for DigestAuth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestAuth")
            .field("algorithms", &self.algorithms)
            .field("qop_auth", &self.qop_auth)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// The `opaque` value: SHA-256 of the server's name, in hexadecimal, as PoorWSGI makes it.
#[must_use]
pub fn opaque(server_name: &str) -> String {
    Algorithm::Sha256.hash(&[server_name])
}

/// Escapes a text for a quoted string (RFC 9110, section 5.6.4).
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn challenges(auth: &DigestAuth, realm: &str, stale: bool) -> Vec<String> {
        auth.challenges(realm, "host", None, stale, 1_800_000_000_000).unwrap()
    }

    /// The order of directives is PoorWSGI's; `opaque` is the value that 2.8.1 sends for the server name
    /// "host".
    #[test]
    fn a_challenge_of_poorwsgi() {
        let [field] = challenges(&DigestAuth::new("s"), "Zone", true).try_into().unwrap();
        let (start, rest) = field.split_once("nonce=\"").unwrap();
        let (_nonce, end) = rest.split_once('"').unwrap();
        assert_eq!(start, r#"Digest realm="Zone",qop="auth",algorithm="MD5-sess","#);
        assert_eq!(
            end,
            ",opaque=\"4740ae6347b0172c01254ff55bae5aff5199f4446e7f6d643d40185b3f475145\",charset=UTF-8,stale=true"
        );
    }

    /// RFC 7616, section 3.7: the strongest algorithm comes first, so that clients choose it.
    #[test]
    fn the_strongest_comes_first_and_each_once() {
        let algorithms = vec![Algorithm::Md5, Algorithm::Sha512_256, Algorithm::Sha256, Algorithm::Md5];
        let fields = challenges(&DigestAuth { algorithms, ..DigestAuth::new("s") }, "Zone", false);
        let names = fields.iter().map(|field| field.split('"').nth(5).unwrap());
        assert_eq!(names.collect::<Vec<_>>(), ["SHA-512-256", "SHA-256", "MD5"]);
        assert!(fields.iter().all(|field| !field.contains("stale")));
    }

    #[test]
    fn without_qop_none_is_named() {
        let auth = DigestAuth { qop_auth: false, ..DigestAuth::new("s") };
        assert!(challenges(&auth, "Zone", false).iter().all(|field| !field.contains("qop")));
    }

    /// A realm cannot add directives of its own (RFC 9110, section 5.6.4).
    #[test]
    fn a_realm_is_quoted() {
        let field = &challenges(&DigestAuth::new("s"), r#"a",qop="none\"#, false)[0];
        assert!(field.starts_with(r#"Digest realm="a\",qop=\"none\\",qop="auth""#), "{field}");
    }

    #[test]
    fn the_secret_is_not_shown() {
        assert!(!format!("{:?}", DigestAuth::new("hunter2")).contains("hunter2"));
    }
}
