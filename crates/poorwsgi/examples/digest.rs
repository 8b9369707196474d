//! A page behind digest login (RFC 7616). The password file of a real application is made by
//! `poorwsgi-digest`.
//!
//!     cargo run -p poorwsgi --example digest
//!     curl -i http://127.0.0.1:8080/admin/start
//!     curl --digest -u ann:looking-glass http://127.0.0.1:8080/admin/start
//!     curl --digest -u ann:wrong -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/admin/start

use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
use poorwsgi::extract::User;
use poorwsgi::settings::SecretKey;
use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
use poorwsgi::{Application, BoxError, Request, Result};

const REALM: &str = "Administration";

async fn start(user: User) -> String {
    format!("hello {user}\n")
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut passwords = PasswordMap::new();
    passwords.set(REALM, "ann", &hexdigest("ann", REALM, "looking-glass", Algorithm::Sha256))?;

    let mut app = Application::new("digest");
    let settings = app.settings_mut();
    settings.auth_digest = true;
    settings.secret_key = Some(SecretKey::random()?);
    let get = METHOD_HEAD | METHOD_GET;
    app.route("/", get, || "anybody may see this; /admin/start is for ann\n")?;
    app.route("/admin/start", get, start)?;
    // One hook guards everything below a path, files and missing pages included.
    app.before_response(move |req: Request| -> Result<()> {
        if req.path().starts_with("/admin/") {
            req.check_digest(&passwords, REALM)?;
        }
        Ok(())
    });
    Ok(app.run("127.0.0.1:8080").await?)
}
