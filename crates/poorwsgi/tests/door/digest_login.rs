//! Digest login (RFC 7616), with a client that computes its responses itself.

use md5::Md5;
use poorwsgi::digest::{self, Algorithm, PasswordMap, hexdigest};
use poorwsgi::state::METHOD_GET;
use poorwsgi::{Application, HttpError, Request, Response, Result};
use sha2::{Digest, Sha256};

use crate::client::{Answer, get, get_with};

const REALM: &str = "Admin \"Zone\"";

fn application(algorithms: &[Algorithm], stored: Algorithm) -> Application {
    let mut passwords = PasswordMap::new();
    passwords.set(REALM, "alice", &hexdigest("alice", REALM, "wonderland", stored)).unwrap();
    let mut app = Application::new("digest");
    let settings = app.settings_mut();
    settings.auth_digest = true;
    settings.auth_algorithms = algorithms.to_vec();
    settings.secret_key = Some("secret".into());
    app.route("/admin", METHOD_GET, move |req: Request| -> Result<_> {
        let user = req.check_digest(&passwords, REALM)?;
        Ok(format!("hello {user}, {:?}", req.user()))
    })
    .unwrap();
    app
}

fn challenges(answer: &Answer) -> Vec<&str> {
    assert_eq!(answer.status, 401, "{}", answer.text());
    answer.headers.get_all("www-authenticate").iter().map(|value| value.to_str().unwrap()).collect()
}

fn directive<'c>(challenge: &'c str, name: &str) -> &'c str {
    let start = challenge.find(&format!("{name}=\"")).unwrap() + name.len() + 2;
    challenge[start..].split('"').next().unwrap()
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Login<'c> {
    challenge: &'c str,
    user: &'c str,
    password: &'c str,
    uri: &'c str,
    count: u32,
}

impl Login<'_> {
    fn field(&self) -> String {
        let algorithm = directive(self.challenge, "algorithm");
        let hash = |text: String| match algorithm {
            "MD5" => hex(Md5::digest(text)),
            "SHA-256" => hex(Sha256::digest(text)),
            other => panic!("{other}"),
        };
        let (nonce, opaque) = (directive(self.challenge, "nonce"), directive(self.challenge, "opaque"));
        let (count, cnonce) = (format!("{:08x}", self.count), "0a4f113b");
        let hash1 = hash(format!("{}:{REALM}:{}", self.user, self.password));
        let hash2 = hash(format!("GET:{}", self.uri));
        let response = hash(format!("{hash1}:{nonce}:{count}:{cnonce}:auth:{hash2}"));
        format!(
            "Digest username=\"{}\", realm=\"Admin \\\"Zone\\\"\", nonce=\"{nonce}\", uri=\"{}\", \
             algorithm={algorithm}, qop=auth, nc={count}, cnonce=\"{cnonce}\", response=\"{response}\", \
             opaque=\"{opaque}\"",
            self.user, self.uri
        )
    }

    async fn send(&self, app: &Application, target: &str) -> Answer {
        get_with(app, target, &[("authorization", &self.field())]).await
    }
}

fn alice(challenge: &str) -> Login<'_> {
    Login { challenge, user: "alice", password: "wonderland", uri: "/admin", count: 1 }
}

#[tokio::test]
async fn a_challenge_is_answered_and_each_answer_is_good_once() {
    for algorithm in [Algorithm::Sha256, Algorithm::Md5] {
        let app = application(&[algorithm], algorithm);
        let first = get(&app, "/admin").await;
        let challenge = challenges(&first)[0];
        assert!(!challenge.contains("stale"));
        alice(challenge).send(&app, "/admin").await.expect(200, "hello alice, Some(\"alice\")");

        let replayed = alice(challenge).send(&app, "/admin").await;
        let again = challenges(&replayed)[0];
        assert!(again.contains("stale=true"), "{again}");
        Login { count: 2, ..alice(challenge) }
            .send(&app, "/admin")
            .await
            .expect(200, "hello alice, Some(\"alice\")");
        alice(again).send(&app, "/admin").await.expect(200, "hello alice, Some(\"alice\")");
    }
}

/// The `uri` of the credentials is the target of the request, not what a mounted application sees of it.
#[tokio::test]
async fn an_application_that_is_mounted() {
    let mut outer = Application::new("outer");
    outer.mount("/zone", application(&[Algorithm::Sha256], Algorithm::Sha256)).unwrap();
    let refused = get(&outer, "/zone/admin").await;
    let login = Login { uri: "/zone/admin", ..alice(challenges(&refused)[0]) };
    login.send(&outer, "/zone/admin").await.expect(200, "hello alice, Some(\"alice\")");
}

#[tokio::test]
async fn what_is_wrong_is_401_and_not_stale() {
    let app = application(&[Algorithm::Sha256], Algorithm::Sha256);
    let first = get(&app, "/admin").await;
    let challenge = challenges(&first)[0];
    for login in [
        Login { password: "wrong", ..alice(challenge) },
        Login { user: "bob", ..alice(challenge) },
        Login { uri: "/other", ..alice(challenge) },
        Login { uri: "/admin?x=1", ..alice(challenge) },
    ] {
        let answer = login.send(&app, "/admin").await;
        assert!(challenges(&answer).iter().all(|challenge| !challenge.contains("stale")));
    }
    let query = Login { uri: "/admin?x=1", ..alice(challenge) };
    assert_eq!(
        query.send(&app, "/admin?x=1").await.status,
        200,
        "none of the refused logins used the nonce up"
    );
}

#[tokio::test]
async fn broken_credentials_are_never_500() {
    let app = application(&[Algorithm::Sha256], Algorithm::Sha256);
    for field in [
        "Digest",
        "Digest x",
        "Basic YTpi",
        "Digest username=\"alice\"",
        "Digest username=\"a\", username=\"b\"",
        "Digest nc=zz",
    ] {
        let status = get_with(&app, "/admin", &[("authorization", field)]).await.status;
        assert!(matches!(status, 400 | 401), "{field}: {status}");
    }
}

/// RFC 7616, section 3.7: the strongest algorithm comes first. The login fails with an algorithm other than
/// that of the stored digest.
#[tokio::test]
async fn two_algorithms_are_two_challenges() {
    let app = application(&[Algorithm::Md5, Algorithm::Sha256], Algorithm::Sha256);
    let first = get(&app, "/admin").await;
    let challenges = challenges(&first);
    let algorithms: Vec<_> = challenges.iter().map(|challenge| directive(challenge, "algorithm")).collect();
    assert_eq!(algorithms, ["SHA-256", "MD5"]);
    assert_eq!(alice(challenges[1]).send(&app, "/admin").await.status, 401);
    assert_eq!(alice(challenges[0]).send(&app, "/admin").await.status, 200);
}

/// A nonce belongs to the user agent that it was given to.
#[tokio::test]
async fn a_nonce_of_another_agent_is_stale() {
    let app = application(&[Algorithm::Sha256], Algorithm::Sha256);
    let first = get_with(&app, "/admin", &[("user-agent", "one")]).await;
    let field = alice(challenges(&first)[0]).field();
    let stolen = get_with(&app, "/admin", &[("user-agent", "two"), ("authorization", &field)]).await;
    assert!(challenges(&stolen)[0].contains("stale=true"));
    let own = get_with(&app, "/admin", &[("user-agent", "one"), ("authorization", &field)]).await;
    assert_eq!(own.status, 200);
}

#[tokio::test]
async fn a_page_of_ones_own_for_401_carries_the_challenges() {
    let mut app = application(&[Algorithm::Sha256], Algorithm::Sha256);
    app.http_state(401, METHOD_GET, |req: Request, error: HttpError| -> Result<_> {
        let (realm, stale) = error.challenge().map_or(("", false), |asked| (&asked.realm, asked.stale));
        let mut response = Response::text("who are you?").with_status(401)?;
        for challenge in digest::challenges(req.settings(), &*req, realm, stale)? {
            response.headers_mut().append("WWW-Authenticate", challenge)?;
        }
        Ok(response)
    });
    let first = get(&app, "/admin").await;
    first.expect(401, "who are you?");
    assert_eq!(alice(challenges(&first)[0]).send(&app, "/admin").await.status, 200);
}
