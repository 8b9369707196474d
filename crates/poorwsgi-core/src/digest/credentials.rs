//! The directives of digest credentials.

use crate::headers::parameters::lower;
use crate::request::Authorization;

/// What a client sends (RFC 7616, section 3.4). Directives that the client left out are `None`. Which are
/// required depends on the challenge; [`DigestAuth::check_credentials`](super::DigestAuth::check_credentials)
/// decides it.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The user's name, from `username` or `username*`.
    pub username: Option<&'a str>,
    /// The realm of the challenge.
    pub realm: Option<&'a str>,
    /// The nonce of the challenge.
    pub nonce: Option<&'a str>,
    /// The target of the request, as the client sent it.
    pub uri: Option<&'a str>,
    /// The proof, in hexadecimal.
    pub response: Option<&'a str>,
    /// The algorithm; `None` means MD5.
    pub algorithm: Option<&'a str>,
    /// The client's nonce.
    pub cnonce: Option<&'a str>,
    /// The opaque value of the challenge.
    pub opaque: Option<&'a str>,
    /// The quality of protection.
    pub qop: Option<&'a str>,
    /// How many requests the client has made with this nonce, as eight hexadecimal digits.
    pub nc: Option<&'a str>,
    /// `true` where the user's name is hashed (RFC 7616, section 3.4.4).
    pub userhash: Option<&'a str>,
}

impl<'a> Credentials<'a> {
    /// The directives of an `Authorization` field. `None` where the field has another scheme, or a directive
    /// twice (including `username` and `username*` together), because two parsers could take different
    /// values.
    ///
    /// ```
    /// use poorwsgi_core::digest::Credentials;
    /// use poorwsgi_core::request::Authorization;
    ///
    /// let field = Authorization::parse(r#"Digest username="alice", uri="/a,b", nc=00000001"#);
    /// assert_eq!(Credentials::read(&field).and_then(|credentials| credentials.uri), Some("/a,b"));
    /// ```
    #[must_use]
    pub fn read(field: &'a Authorization) -> Option<Self> {
        Self::of(field.scheme(), field.iter())
    }

    /// The same, for a field whose scheme and directives have been parsed already.
    pub fn of(scheme: &str, directives: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<Self> {
        if scheme != "Digest" {
            return None;
        }
        let mut credentials = Credentials::default();
        for (name, value) in directives {
            if credentials.slot(name).is_some_and(|slot| slot.replace(value).is_some()) {
                return None;
            }
        }
        Some(credentials)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<&'a str>> {
        Some(match &*lower(name) {
            "username" => &mut self.username,
            "realm" => &mut self.realm,
            "nonce" => &mut self.nonce,
            "uri" => &mut self.uri,
            "response" => &mut self.response,
            "algorithm" => &mut self.algorithm,
            "cnonce" => &mut self.cnonce,
            "opaque" => &mut self.opaque,
            "qop" => &mut self.qop,
            "nc" => &mut self.nc,
            "userhash" => &mut self.userhash,
            _ => return None,
        })
    }
}

impl std::fmt::Debug for Credentials<'_> {
    /// Leaves out what proves the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .field("realm", &self.realm)
            .field("uri", &self.uri)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(field: &str, check: impl FnOnce(Option<Credentials<'_>>)) {
        check(Credentials::read(&Authorization::parse(field)));
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_example_of_the_rfc() {
        let field = r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
            algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="7539",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;
        let expected = Credentials {
            username: Some("Mufasa"),
            realm: Some("http-auth@example.org"),
            nonce: Some("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"),
            uri: Some("/dir/index.html"),
            response: Some("7539"),
            algorithm: Some("SHA-256"),
            cnonce: Some("f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
            opaque: Some("FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"),
            qop: Some("auth"),
            nc: Some("00000001"),
            userhash: None,
        };
        read(field, |credentials| assert_eq!(credentials, Some(expected)));
    }

    /// RFC 7616, section 3.4: a name outside ASCII, in one of two forms.
    #[test]
    fn an_extended_username() {
        read("Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe", |credentials| {
            assert_eq!(credentials.and_then(|credentials| credentials.username), Some("Jäsøn Doe"));
        });
        read("Digest username=a, username*=UTF-8''b", |credentials| assert_eq!(credentials, None));
    }

    #[test]
    fn another_scheme_or_a_directive_twice() {
        for field in
            ["", "Basic dXNlcjpwYXNz", "Bearer username=a", "Digest nc=1, NC=2", "Digest uri=/, uri=/"]
        {
            read(field, |credentials| assert_eq!(credentials, None, "{field}"));
        }
        read("Digest x=1, x=2", |credentials| assert_eq!(credentials, Some(Credentials::default())));
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        read("Digest response=abcdef, nonce=12345, username=alice", |credentials| {
            let shown = format!("{credentials:?}");
            assert!(
                shown.contains("alice") && !shown.contains("abcdef") && !shown.contains("12345"),
                "{shown}"
            );
        });
    }

    proptest! {
        #[test]
        fn values_come_back(username in "[^\\p{Cc}]{0,40}", nonce in "[A-Za-z0-9+/=]{1,40}") {
            let escaped = username.replace('\\', "\\\\").replace('"', "\\\"");
            read(&format!("Digest nonce=\"{nonce}\", username=\"{escaped}\""), |credentials| {
                let credentials = credentials.unwrap();
                assert_eq!((credentials.username, credentials.nonce), (Some(&*username), Some(&*nonce)));
            });
        }
    }
}
