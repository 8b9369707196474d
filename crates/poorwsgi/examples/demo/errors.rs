//! Errors to try: one of each kind, and how it is answered.

use std::error::Error;
use std::fmt;
use std::io;

use askama::Template;
use poorwsgi::extract::Path;
use poorwsgi::state::{METHOD_ALL, METHOD_GET, METHOD_HEAD, METHOD_POST};
use poorwsgi::{Application, BoxError, HttpError, Request, Response, Result, abort};

use crate::login::Visitor;
use crate::pages;

const LINKS: &[(&str, &str)] = &[
    ("/errors/400", "the default page of a status, with a reason"),
    ("/errors/401", "a status that asks for digest login"),
    ("/errors/403", "another status"),
    ("/nowhere", "a page that is not there"),
    ("/errors/405", "a path that has another method"),
    ("/errors/418", "a status with a handler of its own"),
    ("/errors/io", "an error of the system: the whole chain is shown, because debug is on"),
    ("/errors/panic", "a panic in a handler"),
    ("/errors/number/one", "a path argument that does not convert"),
];

#[derive(Template)]
#[template(path = "errors.html")]
struct Errors {
    visitor: Visitor,
    links: &'static [(&'static str, &'static str)],
}

pub(crate) fn routes(app: &mut Application) -> Result<(), BoxError> {
    let get = METHOD_HEAD | METHOD_GET;
    app.route("/errors", get, list)?;
    app.route("/errors/<status:int>", METHOD_ALL, status)?;
    app.route("/errors/405", METHOD_POST, || "only for POST")?;
    app.route("/errors/io", get, system)?;
    app.route("/errors/panic", get, panic)?;
    app.route("/errors/number/<number>", get, number)?;
    Ok(())
}

async fn list(visitor: Visitor) -> Result<Response> {
    pages::page(&Errors { visitor, links: LINKS })
}

fn status(Path(status): Path<u16>) -> Result<()> {
    abort(HttpError::new(status).with_detail("This is what you asked for."))
}

/// The settings cannot be read, for this reason.
#[derive(Debug)]
struct NoSettings(io::Error);

impl fmt::Display for NoSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the settings cannot be read")
    }
}

impl Error for NoSettings {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn system() -> Result<String> {
    Ok(std::fs::read_to_string("/no/such/file").map_err(NoSettings)?)
}

#[expect(clippy::panic, reason = "this is the point")]
fn panic() -> &'static str {
    panic!("this handler always panics")
}

fn number(Path(number): Path<u8>) -> String {
    number.to_string()
}

/// A state handler.
pub(crate) fn teapot(
    _req: Request,
    error: HttpError,
) -> (String, &'static str, (&'static str, &'static str), u16) {
    (format!("{error}\n"), "text/plain", ("X-Pot", "short and stout"), error.status())
}
