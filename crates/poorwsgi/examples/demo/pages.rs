//! The HTML pages.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use poorwsgi::extract::{Query, State};
use poorwsgi::headers::date::system_time_to_http;
use poorwsgi::response::document_root::Entry;
use poorwsgi::results::hbytes;
use poorwsgi::{Request, Response, Result};
use serde::Deserialize;
use tokio::sync::mpsc;

use crate::login::Visitor;
use crate::{Demo, REALM, drop};

/// A file as a row of the list.
struct Row {
    href: String,
    name: String,
    size: String,
    since: String,
}

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    visitor: Visitor,
    files: Vec<Row>,
    message: String,
}

#[derive(Template)]
#[template(path = "login.html")]
pub(crate) struct Login {
    pub(crate) visitor: Visitor,
    pub(crate) failed: bool,
}

#[derive(Template)]
#[template(path = "admin.html")]
struct Admin {
    visitor: Visitor,
    name: Arc<str>,
    count: usize,
    size: String,
    directory: String,
}

/// Renders a template as a response.
pub(crate) fn page(template: &impl Template) -> Result<Response> {
    Ok(Response::new(template.render()?))
}

#[derive(Deserialize)]
pub(crate) struct Kept {
    kept: Option<u32>,
}

pub(crate) async fn home(
    State(demo): State<Arc<Demo>>,
    visitor: Visitor,
    Query(Kept { kept }): Query<Kept>,
) -> Result<Response> {
    let message = match kept {
        None => String::new(),
        Some(1) => "Thank you, your file is here.".to_owned(),
        Some(count) => format!("Thank you, your {count} files are here."),
    };
    let files = drop::list(&demo)?.iter().map(row).collect();
    page(&Home { visitor, files, message })
}

/// The admin page, for the users of the password map, by digest login.
pub(crate) async fn admin(State(demo): State<Arc<Demo>>, visitor: Visitor, req: Request) -> Result<Response> {
    let name = req.check_digest(&demo.admins, REALM)?;
    let files = drop::list(&demo)?;
    let size = human(files.iter().filter_map(|file| file.size).sum());
    let directory = demo.root.display().to_string();
    page(&Admin { visitor, name, count: files.len(), size, directory })
}

/// A text that is sent line by line.
pub(crate) async fn stream() -> Response {
    let (lines, receiver) = mpsc::channel::<Result<String, Infallible>>(1);
    tokio::spawn(async move {
        for number in 1..=20 {
            tokio::time::sleep(Duration::from_millis(150)).await;
            let line = format!("line {number} of 20, while you wait\n");
            // The visitor has disconnected.
            if lines.send(Ok(line)).await.is_err() {
                return;
            }
        }
    });
    Response::text_stream(Lines(receiver))
}

struct Lines(mpsc::Receiver<Result<String, Infallible>>);

impl futures_core::Stream for Lines {
    type Item = Result<String, Infallible>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}

/// The URL path of a file.
pub(crate) fn href(name: &str) -> String {
    format!("/files/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

fn row(entry: &Entry) -> Row {
    Row {
        href: href(&entry.name),
        name: entry.name.clone(),
        size: human(entry.size.unwrap_or_default()),
        since: entry.modified.and_then(system_time_to_http).unwrap_or_default(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn human(bytes: u64) -> String {
    match hbytes(bytes as f64) {
        (_, "") => format!("{bytes} B"),
        (value, unit) => format!("{value:.1} {unit}B"),
    }
}
