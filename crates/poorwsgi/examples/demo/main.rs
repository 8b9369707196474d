//! The demo: a little file drop with pages, session and digest login, uploads, downloads with ranges, a JSON
//! API, a streamed page, errors to try, and the debug page.
//!
//!     make run
//!     cargo run -p poorwsgi --example demo -- 127.0.0.1:8080 [directory]
#![forbid(unsafe_code)]

mod api;
mod drop;
mod errors;
mod login;
mod pages;

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::sync::Arc;

use poorwsgi::digest::{Algorithm, PasswordMap, hexdigest};
use poorwsgi::headers::SameSite;
use poorwsgi::session::{SealedKeys, SessionConfig};
use poorwsgi::settings::SecretKey;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_HEAD, METHOD_POST};
use poorwsgi::{Application, BoxError, Request, Response, Result, abort, state};
use poorwsgi_server::{Config, Server};
use tracing_subscriber::EnvFilter;

/// The largest upload, in bytes.
const MAX_UPLOAD: u64 = 1 << 30;
/// The realm of the digest login.
const REALM: &str = "File drop";

/// The state that the handlers share, apart from the keys of sessions.
struct Demo {
    /// The directory of the demo's files; visitors see `files/` below it.
    root: PathBuf,
    /// Who may see the admin page.
    admins: PasswordMap,
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let colours = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(io::stderr).init();

    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let own_directory = tempfile::Builder::new().prefix("file-drop-").tempdir()?;
    let root = arguments.next().map_or_else(|| own_directory.path().to_owned(), PathBuf::from);
    std::fs::create_dir_all(root.join("files"))?;

    let app = application(demo(root)?)?;
    let server = Server::new(app).config(Config::new().max_body(MAX_UPLOAD)).bind(&address).await?;
    Ok(server.run().await?)
}

fn demo(root: PathBuf) -> Result<Arc<Demo>, BoxError> {
    let mut admins = PasswordMap::new();
    admins.set(REALM, "admin", &hexdigest("admin", REALM, "drop", Algorithm::Sha256))?;
    Ok(Arc::new(Demo { root, admins }))
}

fn application(demo: Arc<Demo>) -> Result<Application, BoxError> {
    let get = METHOD_GET | METHOD_HEAD;
    let mut app = Application::new("demo");
    let settings = app.settings_mut();
    settings.debug = true;
    settings.secret_key = Some(SecretKey::random()?);
    settings.auth_digest = true;
    settings.document_root = Some(demo.root.clone());
    settings.document_index = true;
    settings.form_limits.body_bytes = MAX_UPLOAD;
    settings.file_callback = Some(drop::writer(demo.root.join("files")));

    app.with_state(demo);
    // The keys of session cookies are new at each start, so that a restart signs everybody out.
    app.with_state(Arc::new(SealedKeys::new([SecretKey::random()?.as_bytes()])?));
    app.with_state(SessionConfig {
        max_age: Some(3600),
        same_site: Some(SameSite::Lax),
        ..SessionConfig::default()
    });

    app.before_response(same_origin);
    app.after_response(safe_headers);
    app.route("/", get, pages::home)?;
    app.route("/upload", METHOD_POST, drop::upload)?;
    app.route("/delete", METHOD_POST, drop::delete)?;
    app.route("/login", get, login::form)?;
    app.route("/login", METHOD_POST, login::sign_in)?;
    app.route("/logout", METHOD_POST, login::sign_out)?;
    app.route("/admin", get, pages::admin)?;
    app.route("/stream", get, pages::stream)?;
    app.route("/api", get, api::help)?;
    app.route("/api/files", get, api::files)?;
    app.route("/api/files/<name>", get, api::file)?;
    app.route("/api/sum", METHOD_POST, api::sum)?;
    errors::routes(&mut app)?;
    app.http_state(state::HTTP_I_AM_A_TEAPOT, METHOD_ALL, errors::teapot);
    Ok(app)
}

/// Refuses requests that another site makes a browser send with the visitor's cookies (CSRF).
fn same_origin(req: Request) -> Result<()> {
    let site = req.headers().get("sec-fetch-site").map(http::HeaderValue::as_bytes);
    if req.method() == "POST" && matches!(site, Some(b"cross-site" | b"same-site")) {
        return abort(state::HTTP_FORBIDDEN);
    }
    Ok(())
}

/// Restricts what a browser may do with the responses: a visitor's file must not run scripts as a page of
/// this site.
fn safe_headers(_req: Request, mut response: Response) -> Result<Response> {
    let headers = response.headers_mut();
    headers.set_default("X-Content-Type-Options", "nosniff")?;
    headers.set_default(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; frame-ancestors 'none'; sandbox \
         allow-forms allow-same-origin allow-top-navigation",
    )?;
    Ok(response)
}
