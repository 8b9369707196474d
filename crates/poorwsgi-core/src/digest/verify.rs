//! Checking the credentials of a request.

use std::fmt;

use subtle::ConstantTimeEq;

use super::nonce::{self, Issued};
use super::opaque;
use super::{Algorithm, Credentials, DigestAuth, DigestTarget, NonceTable, ResponseInput};
use crate::HttpError;
use crate::request::Authorization;

/// What the verification needs to know about a request.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// The ways in which the request names its target; the `uri` of the credentials must equal one of them.
    pub targets: &'a [DigestTarget<'a>],
    /// The value of the `Host` field, for an absolute `uri`.
    pub host: &'a str,
    /// The server's name, as given to [`DigestAuth::challenges`].
    pub server_name: &'a str,
    /// The user agent, as given to [`DigestAuth::challenges`].
    pub user_agent: Option<&'a str>,
    /// Milliseconds since 1970.
    pub now: u64,
}

/// Why credentials are not accepted. Both kinds end in a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoginRefusal {
    /// The password is right, but the nonce was not made by this server, has expired, or was used before. The
    /// 401 has `stale=true`, so that the client tries again with a fresh nonce without asking its user.
    Stale,
    /// Anything else. The reason is for the log, not for the client.
    Refused(&'static str),
}

impl LoginRefusal {
    /// The 401 to answer the request with.
    #[must_use]
    pub fn into_error(self, realm: &str) -> HttpError {
        HttpError::unauthorized(realm, self == LoginRefusal::Stale)
    }
}

impl fmt::Display for LoginRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LoginRefusal::Stale => f.write_str("the nonce is unknown, expired or used"),
            LoginRefusal::Refused(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for LoginRefusal {}

impl DigestAuth {
    /// Checks the `Authorization` field of a request, and returns the user's name.
    ///
    /// `digest_of` returns the stored digest of a user ([`hexdigest`](super::hexdigest)) for an algorithm; it
    /// is called at most once. The same credentials are accepted only once, so `nonces` must be the same
    /// table for all requests.
    ///
    /// ```
    /// use poorwsgi_core::digest::{Attempt, DigestAuth, NonceTable, PasswordMap, LoginRefusal, DigestTarget};
    /// use poorwsgi_core::request::Authorization;
    ///
    /// let (auth, nonces, users) = (DigestAuth::new("secret"), NonceTable::default(), PasswordMap::new());
    /// let attempt = Attempt {
    ///     method: "GET",
    ///     targets: &[DigestTarget::Raw("/admin")],
    ///     host: "example.org",
    ///     server_name: "example.org",
    ///     user_agent: None,
    ///     now: 1_800_000_000_000,
    /// };
    /// let field = Authorization::parse(r#"Digest username="alice""#);
    /// let user = auth.verify(&field, "Zone", &attempt, &nonces, |user, _algorithm| {
    ///     users.find("Zone", user).map(str::to_owned)
    /// });
    /// assert!(matches!(user, Err(LoginRefusal::Refused(_))));
    /// ```
    ///
    /// # Errors
    /// [`LoginRefusal`], which [converts](LoginRefusal::into_error) to a 401.
    pub fn verify(
        &self,
        authorization: &Authorization,
        realm: &str,
        attempt: &Attempt<'_>,
        nonces: &NonceTable,
        digest_of: impl FnOnce(&str, Algorithm) -> Option<String>,
    ) -> Result<String, LoginRefusal> {
        let credentials = Credentials::read(authorization)
            .ok_or(LoginRefusal::Refused("not digest credentials, or a directive given twice"))?;
        let user = self.check_credentials(&credentials, realm, attempt, digest_of)?;
        self.check_nonce(&credentials, attempt, nonces)?;
        Ok(user)
    }

    /// Checks that the credentials prove knowledge of the user's password for this request, and returns the
    /// user's name. Whether their nonce is valid is not checked.
    ///
    /// # Errors
    /// [`LoginRefusal::Refused`].
    pub fn check_credentials(
        &self,
        credentials: &Credentials<'_>,
        realm: &str,
        attempt: &Attempt<'_>,
        digest_of: impl FnOnce(&str, Algorithm) -> Option<String>,
    ) -> Result<String, LoginRefusal> {
        let algorithm = self.algorithm(credentials)?;
        if field(credentials.realm, "the realm is missing")? != realm {
            return Err(LoginRefusal::Refused("the realm is not the one that was asked for"));
        }
        if field(credentials.opaque, "the opaque value is missing")? != opaque(attempt.server_name) {
            return Err(LoginRefusal::Refused("the opaque value is not the one of the challenge"));
        }
        if credentials.userhash.is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Err(LoginRefusal::Refused("the user name is hashed, which was not offered"));
        }
        let uri = field(credentials.uri, "the uri is missing")?;
        if !attempt.targets.iter().any(|target| target.is_named_by(uri, attempt.host)) {
            return Err(LoginRefusal::Refused("the uri is not the target of the request"));
        }
        let user = field(credentials.username.filter(|user| !user.is_empty()), "the user name is missing")?;
        let stored = digest_of(user, algorithm);
        self.prove(credentials, algorithm, attempt.method, stored.as_deref())?;
        Ok(user.to_owned())
    }

    /// Checks that the response in the credentials was computed with the digest `stored` for a request with
    /// this method. Realm, target and nonce are not checked.
    ///
    /// # Errors
    /// [`LoginRefusal::Refused`].
    pub fn check_response(
        &self,
        credentials: &Credentials<'_>,
        method: &str,
        stored: &str,
    ) -> Result<(), LoginRefusal> {
        self.prove(credentials, self.algorithm(credentials)?, method, Some(stored))
    }

    fn prove(
        &self,
        credentials: &Credentials<'_>,
        algorithm: Algorithm,
        method: &str,
        stored: Option<&str>,
    ) -> Result<(), LoginRefusal> {
        let input = ResponseInput {
            method,
            uri: field(credentials.uri, "the uri is missing")?,
            nonce: field(credentials.nonce, "the nonce is missing")?,
            cnonce: self.cnonce(credentials, algorithm)?,
            protection: self.protection(credentials)?,
        };
        let response = field(credentials.response, "the response is missing")?;
        // The response is also computed for an unknown user, so that it takes the same time as for a wrong
        // password.
        let stored = stored.filter(|digest| digest.len() == algorithm.hex_len());
        let expected = input.response(algorithm, &stored.unwrap_or("").to_ascii_lowercase());
        let proven = expected.as_bytes().ct_eq(response.to_ascii_lowercase().as_bytes());
        match stored {
            Some(_) if bool::from(proven) => Ok(()),
            _ => Err(LoginRefusal::Refused("the user is not known, or the password is wrong")),
        }
    }

    fn algorithm(&self, credentials: &Credentials<'_>) -> Result<Algorithm, LoginRefusal> {
        // A missing algorithm means MD5 (RFC 7616, section 3.4), which is refused unless it was offered.
        let algorithm = credentials.algorithm.unwrap_or("MD5").parse().ok();
        algorithm
            .filter(|algorithm| self.algorithms.contains(algorithm))
            .ok_or(LoginRefusal::Refused("the algorithm was not offered"))
    }

    /// Checks that the nonce of the credentials was made by this server, has not expired, and was not used
    /// with this count before. The use is recorded, so call this only after
    /// [`check_credentials`](Self::check_credentials) has succeeded.
    ///
    /// # Errors
    /// [`LoginRefusal::Stale`], or [`LoginRefusal::Refused`] for a malformed count.
    pub fn check_nonce(
        &self,
        credentials: &Credentials<'_>,
        attempt: &Attempt<'_>,
        nonces: &NonceTable,
    ) -> Result<(), LoginRefusal> {
        let nonce = field(credentials.nonce, "the nonce is missing")?;
        let issued = nonce::recognise(nonce, self.purpose(attempt.user_agent), attempt.now)
            .filter(|issued| issued.is_fresh(self.timeout, attempt.now))
            .ok_or(LoginRefusal::Stale)?;
        self.claim(credentials, nonce, issued, attempt, nonces)
    }

    /// Records the use of a nonce that this server made, whatever its age, so that the same credentials are
    /// not accepted again. Any other nonce is not checked: the application may have made it from a token.
    ///
    /// This is for an application that checks the nonce itself, with [`is_fresh`](Self::is_fresh). Call it
    /// only after [`check_credentials`](Self::check_credentials) has succeeded.
    ///
    /// # Errors
    /// [`LoginRefusal::Stale`] for credentials that were accepted before, [`LoginRefusal::Refused`] for a
    /// malformed count.
    pub fn use_nonce(
        &self,
        credentials: &Credentials<'_>,
        attempt: &Attempt<'_>,
        nonces: &NonceTable,
    ) -> Result<(), LoginRefusal> {
        let nonce = field(credentials.nonce, "the nonce is missing")?;
        match nonce::recognise(nonce, self.purpose(attempt.user_agent), attempt.now) {
            Some(issued) => self.claim(credentials, nonce, issued, attempt, nonces),
            None => Ok(()),
        }
    }

    /// Whether a nonce was made by this server for this user agent, has not expired, and would still be
    /// accepted by the table. This does not record a use. `now` is in milliseconds since 1970.
    #[must_use]
    pub fn is_fresh(&self, nonce: &str, user_agent: Option<&str>, nonces: &NonceTable, now: u64) -> bool {
        nonce::recognise(nonce, self.purpose(user_agent), now)
            .is_some_and(|issued| issued.is_fresh(self.timeout, now) && nonces.takes(issued.at, now))
    }

    fn claim(
        &self,
        credentials: &Credentials<'_>,
        nonce: &str,
        issued: Issued,
        attempt: &Attempt<'_>,
        nonces: &NonceTable,
    ) -> Result<(), LoginRefusal> {
        let count = match self.protection(credentials)? {
            Some((nc, _)) => u32::from_str_radix(nc, 16).map_err(|_| NO_COUNT)?,
            None => 1,
        };
        if nonces.claim(nonce, issued.at, count, attempt.now) { Ok(()) } else { Err(LoginRefusal::Stale) }
    }

    /// The `nc` and `qop` of the credentials; `None` where the challenge did not ask for a quality of
    /// protection.
    fn protection<'a>(
        &self,
        credentials: &Credentials<'a>,
    ) -> Result<Option<(&'a str, &'a str)>, LoginRefusal> {
        if !self.qop_auth {
            return match credentials.qop {
                None => Ok(None),
                Some(_) => Err(LoginRefusal::Refused("the quality of protection was not offered")),
            };
        }
        let qop = field(credentials.qop, "the qop is missing")?;
        if qop != "auth" {
            return Err(LoginRefusal::Refused("the quality of protection is not auth"));
        }
        let nc = field(credentials.nc, "the nc is missing")?;
        // Eight digits (RFC 7616, section 3.4): one count has one spelling, up to the case of letters.
        let is_count = nc.len() == 8 && nc.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_count { Ok(Some((nc, qop))) } else { Err(NO_COUNT) }
    }

    fn cnonce<'a>(
        &self,
        credentials: &Credentials<'a>,
        algorithm: Algorithm,
    ) -> Result<&'a str, LoginRefusal> {
        match credentials.cnonce {
            None if self.qop_auth || algorithm.is_session() => {
                Err(LoginRefusal::Refused("the cnonce is missing"))
            }
            cnonce => Ok(cnonce.unwrap_or_default()),
        }
    }
}

const NO_COUNT: LoginRefusal = LoginRefusal::Refused("nc is not eight hexadecimal digits");

fn field<'a>(value: Option<&'a str>, missing: &'static str) -> Result<&'a str, LoginRefusal> {
    value.ok_or(LoginRefusal::Refused(missing))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hexdigest;
    use std::num::NonZeroU64;

    const NOW: u64 = 1_800_000_000_000;
    const ATTEMPT: Attempt<'static> = Attempt {
        method: "GET",
        targets: &[DigestTarget::Raw("/res?a=b")],
        host: "example.org",
        server_name: "example.org",
        user_agent: Some("Mozilla/5.0"),
        now: NOW,
    };

    /// A client that knows a password, and answers as the test tells it.
    struct TestClient {
        user: &'static str,
        password: &'static str,
        method: &'static str,
        uri: &'static str,
        algorithm: Algorithm,
        qop: Option<&'static str>,
        nc: &'static str,
        nonce: String,
        opaque: String,
    }

    fn auth() -> DigestAuth {
        DigestAuth { algorithms: vec![Algorithm::Md5Sess, Algorithm::Sha256], ..DigestAuth::new("secret") }
    }

    fn client() -> TestClient {
        TestClient {
            user: "Jäsøn",
            password: "pw",
            method: "GET",
            uri: "/res?a=b",
            algorithm: Algorithm::Sha256,
            qop: Some("auth"),
            nc: "0000000a",
            nonce: nonce::make(auth().purpose(ATTEMPT.user_agent), NOW).unwrap(),
            opaque: opaque("example.org"),
        }
    }

    impl TestClient {
        fn field(&self) -> String {
            let input = ResponseInput {
                method: self.method,
                uri: self.uri,
                nonce: &self.nonce,
                cnonce: "c\"n",
                protection: self.qop.map(|qop| (self.nc, qop)),
            };
            let hash = hexdigest(self.user, "Zone", self.password, self.algorithm);
            let response = input.response(self.algorithm, &hash);
            let TestClient { user, uri, algorithm, nc, nonce, opaque, .. } = self;
            let qop = self.qop.map(|qop| format!(", qop={qop}, nc={nc}")).unwrap_or_default();
            format!(
                r#"Digest username="{user}", realm="Zone", nonce="{nonce}", uri="{uri}", algorithm={algorithm}{qop}, cnonce="c\"n", response="{response}", opaque="{opaque}""#
            )
        }
    }

    fn stored(user: &str, algorithm: Algorithm) -> Option<String> {
        (user == "Jäsøn").then(|| hexdigest("Jäsøn", "Zone", "pw", algorithm))
    }

    fn verify(field: &str) -> Result<String, LoginRefusal> {
        auth().verify(
            &Authorization::parse(field),
            "Zone",
            &ATTEMPT,
            &NonceTable::starting_at(16, NOW - 1_000_000),
            stored,
        )
    }

    fn refused(client: TestClient) -> &'static str {
        match verify(&client.field()) {
            Err(LoginRefusal::Refused(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_right_password_is_accepted() {
        for algorithm in auth().algorithms {
            assert_eq!(verify(&TestClient { algorithm, ..client() }.field()).as_deref(), Ok("Jäsøn"));
        }
        let extended = client().field().replace("username=\"Jäsøn\"", "username*=UTF-8''J%C3%A4s%C3%B8n");
        assert_eq!(verify(&extended).as_deref(), Ok("Jäsøn"));
        assert_eq!(verify(&client().field().replace("response=\"", "response=\"x")), Err(WRONG));
    }

    /// Each nonce accepts each `nc` once, so that a replay is refused. PoorWSGI 2.8.1 does not check `nc`.
    #[test]
    fn the_same_answer_twice_is_refused() {
        let (nonces, first) = (NonceTable::starting_at(16, NOW - 1_000_000), client());
        let verify =
            |field: &str| auth().verify(&Authorization::parse(field), "Zone", &ATTEMPT, &nonces, stored);
        assert!(verify(&first.field()).is_ok());
        assert_eq!(verify(&first.field()), Err(LoginRefusal::Stale));
        let next = TestClient { nc: "0000000B", ..first };
        assert!(verify(&next.field()).is_ok());
        assert_eq!(verify(&next.field().replace("nc=0000000B", "nc=0000000C")), Err(WRONG), "nc is signed");
    }

    /// Credentials recorded before a restart are refused after it; the client logs in again without asking
    /// its user.
    #[test]
    fn an_answer_from_before_the_start_is_stale() {
        let verify = |started| {
            let nonces = NonceTable::starting_at(16, started);
            let field = Authorization::parse(&client().field());
            let later = Attempt { now: NOW + 1000, ..ATTEMPT };
            auth().verify(&field, "Zone", &later, &nonces, stored)
        };
        assert_eq!(verify(NOW + 1), Err(LoginRefusal::Stale));
        assert!(verify(NOW).is_ok());
    }

    const WRONG: LoginRefusal = LoginRefusal::Refused("the user is not known, or the password is wrong");

    #[test]
    fn a_wrong_answer_does_not_use_the_nonce_up() {
        let (nonces, right) = (NonceTable::starting_at(16, NOW - 1_000_000), client());
        let wrong = TestClient { password: "guess", nonce: right.nonce.clone(), ..client() };
        let verify =
            |field: &str| auth().verify(&Authorization::parse(field), "Zone", &ATTEMPT, &nonces, stored);
        assert_eq!(verify(&wrong.field()), Err(WRONG));
        assert!(verify(&right.field()).is_ok());
    }

    /// RFC 7616, section 3.3: `stale` only where the response is right and the nonce is not.
    #[test]
    fn a_right_answer_to_an_old_nonce_is_stale() {
        let old = nonce::make(auth().purpose(ATTEMPT.user_agent), NOW - 301_000).unwrap();
        let elsewhere = nonce::make(auth().purpose(Some("curl")), NOW).unwrap();
        for nonce in [old, elsewhere, "guess".to_owned()] {
            let stale = TestClient { nonce: nonce.clone(), ..client() };
            assert_eq!(verify(&stale.field()), Err(LoginRefusal::Stale));
            assert_eq!(verify(&TestClient { nonce, password: "guess", ..client() }.field()), Err(WRONG));
        }
    }

    /// An application may check the nonce itself, and the password after that.
    #[test]
    fn a_nonce_is_fresh_until_its_time_is_over_and_its_uses_count() {
        let (auth, nonces, client) = (auth(), NonceTable::starting_at(16, NOW - 1000), client());
        let fresh = |agent, now| auth.is_fresh(&client.nonce, agent, &nonces, now);
        assert!(fresh(ATTEMPT.user_agent, NOW) && fresh(ATTEMPT.user_agent, NOW + 300_000));
        assert!(!fresh(ATTEMPT.user_agent, NOW + 300_001) && !fresh(None, NOW) && !fresh(Some("curl"), NOW));
        let restarted = NonceTable::starting_at(16, NOW + 1);
        assert!(
            !auth.is_fresh(&client.nonce, ATTEMPT.user_agent, &restarted, NOW + 2),
            "of an earlier process"
        );

        let uses = |client: &TestClient, now| {
            let authorization = Authorization::parse(&client.field());
            let credentials = Credentials::read(&authorization).unwrap();
            auth.use_nonce(&credentials, &Attempt { now, ..ATTEMPT }, &nonces)
        };
        assert_eq!([uses(&client, NOW), uses(&client, NOW)], [Ok(()), Err(LoginRefusal::Stale)]);
        assert!(fresh(ATTEMPT.user_agent, NOW), "for the next count");
        let late = TestClient { nc: "0000000b", ..client };
        assert_eq!(
            [uses(&late, NOW + 900_000), uses(&late, NOW + 900_000)],
            [Ok(()), Err(LoginRefusal::Stale)]
        );
        let theirs = TestClient { nonce: "a token".to_owned(), ..late };
        assert_eq!([uses(&theirs, NOW), uses(&theirs, NOW)], [Ok(()), Ok(())], "left to the application");
    }

    /// An `auth_timeout` of 0 means no timeout; PoorWSGI 2.8.1 divides by zero.
    #[test]
    fn without_a_timeout_nonces_stay_good() {
        let auth = DigestAuth { timeout: NonZeroU64::new(0), ..auth() };
        let later = Attempt { now: NOW + 1_000_000_000, ..ATTEMPT };
        let nonce = nonce::make(auth.purpose(ATTEMPT.user_agent), NOW).unwrap();
        assert!(
            auth.verify(
                &Authorization::parse(&TestClient { nonce, ..client() }.field()),
                "Zone",
                &later,
                &NonceTable::starting_at(16, NOW - 1_000_000),
                stored
            )
            .is_ok()
        );
    }

    #[test]
    fn anything_else_that_differs_is_refused() {
        assert_eq!(verify(&TestClient { password: "guess", ..client() }.field()), Err(WRONG));
        assert_eq!(verify(&TestClient { user: "nobody", ..client() }.field()), Err(WRONG));
        assert_eq!(verify(&TestClient { method: "POST", ..client() }.field()), Err(WRONG));
        assert_eq!(
            refused(TestClient { uri: "/other/res?a=b", ..client() }),
            "the uri is not the target of the request"
        );
        assert_eq!(
            refused(TestClient { opaque: opaque("evil"), ..client() }),
            "the opaque value is not the one of the challenge"
        );
        assert_eq!(
            refused(TestClient { qop: Some("auth-int"), ..client() }),
            "the quality of protection is not auth"
        );
        assert_eq!(refused(TestClient { nc: "1", ..client() }), "nc is not eight hexadecimal digits");
        assert_eq!(refused(TestClient { nc: "+0000001", ..client() }), "nc is not eight hexadecimal digits");
        let realm = client().field().replace("\"Zone\"", "\"Other\"");
        assert_eq!(verify(&realm), Err(LoginRefusal::Refused("the realm is not the one that was asked for")));
        let hashed = format!("{}, userhash=true", client().field());
        assert!(matches!(verify(&hashed), Err(LoginRefusal::Refused(_))));
    }

    /// An algorithm weaker than those offered, and a missing quality of protection, are refused.
    #[test]
    fn downgrades_are_refused() {
        assert_eq!(
            refused(TestClient { algorithm: Algorithm::Md5, ..client() }),
            "the algorithm was not offered"
        );
        assert_eq!(refused(TestClient { qop: None, ..client() }), "the qop is missing");
        let unnamed = client().field().replace("algorithm=SHA-256, ", "");
        assert_eq!(verify(&unnamed), Err(LoginRefusal::Refused("the algorithm was not offered")));
    }

    /// Missing fields and a response outside ASCII are refused; PoorWSGI 2.8.1 answers 500.
    #[test]
    fn missing_or_strange_fields_are_refused() {
        let field = client().field();
        for directive in field.trim_start_matches("Digest ").split(", ") {
            let without = field.replace(directive, "x=y");
            assert!(matches!(verify(&without), Err(LoginRefusal::Refused(_))), "without {directive}");
        }
        let response = field.split("response=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        assert_eq!(verify(&field.replace(response, "žluťoučký")), Err(WRONG));
        assert_eq!(verify(&field.replace(response, "")), Err(WRONG));
        for field in ["", "Digest", "Digest x", "Basic dXNlcjpwYXNz"] {
            assert!(matches!(verify(field), Err(LoginRefusal::Refused(_))), "{field}");
        }
        assert!(verify(&format!("{field}, qop=auth")).is_err());
    }

    /// RFC 2617, section 3.2.2: the form of RFC 2069, where each nonce is good for one request.
    #[test]
    fn without_qop_each_nonce_is_good_once() {
        let (auth, nonces) =
            (DigestAuth { qop_auth: false, ..auth() }, NonceTable::starting_at(16, NOW - 1_000_000));
        let verify =
            |field: &str| auth.verify(&Authorization::parse(field), "Zone", &ATTEMPT, &nonces, stored);
        let field = TestClient { qop: None, ..client() }.field();
        assert!(verify(&field).is_ok());
        assert_eq!(verify(&field), Err(LoginRefusal::Stale));
        assert!(matches!(verify(&client().field()), Err(LoginRefusal::Refused(_))));
    }

    /// A stored digest of another algorithm is never compared.
    #[test]
    fn a_stored_digest_of_another_length_is_no_match() {
        let md5 = |_: &str, _| stored("Jäsøn", Algorithm::Md5);
        let field = Authorization::parse(&client().field());
        let result =
            auth().verify(&field, "Zone", &ATTEMPT, &NonceTable::starting_at(16, NOW - 1_000_000), md5);
        assert_eq!(result, Err(WRONG));
    }

    #[test]
    fn refusals_become_errors() {
        let status = |refusal: LoginRefusal| {
            let error = refusal.into_error("Zone");
            (error.status(), error.challenge().map(|challenge| challenge.stale))
        };
        assert_eq!(status(LoginRefusal::Stale), (401, Some(true)));
        assert_eq!(status(WRONG), (401, Some(false)));
    }
}
