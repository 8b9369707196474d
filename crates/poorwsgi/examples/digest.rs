//! A page behind digest login (RFC 7616). The password file of a real application is made by
//! `poorwsgi-digest`.
//!
//!     cargo run -p poorwsgi --example digest
//!     curl -i http://127.0.0.1:8080/admin/start
//!     curl --digest -u ann:looking-glass http://127.0.0.1:8080/admin/start
//!     curl --digest -u ann:wrong -o /dev/null -w '%{http_code}\n' http://127.0.0.1:8080/admin/start

use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
use poorwsgi::settings::SecretKey;
use poorwsgi::state::METHOD_GET;
use poorwsgi::{Application, BoxError, Request, Result};

const REALM: &str = "Administration";

async fn start(req: Request) -> String {
    format!("hello {}\n", req.user().unwrap_or_default())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut passwords = PasswordMap::new();
    passwords.set(REALM, "ann", &hexdigest("ann", REALM, "looking-glass", Algorithm::Sha256))?;

    let mut app = Application::new("digest");
    let settings = app.settings_mut();
    settings.auth_digest = true;
    settings.secret_key = Some(SecretKey::random()?);
    app.route("/", METHOD_GET, |_req: Request| "anybody may see this; /admin/start is for ann\n")?;
    app.route("/admin/start", METHOD_GET, start)?;
    // One hook guards everything below a path, files and missing pages included.
    app.before_response(move |req: Request| -> Result<()> {
        if req.path().starts_with("/admin/") {
            req.check_digest(&passwords, REALM)?;
        }
        Ok(())
    });
    Ok(app.run("127.0.0.1:8080").await?)
}
