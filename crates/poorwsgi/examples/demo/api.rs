//! The JSON API.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use poorwsgi::headers::date::unix_seconds;
use poorwsgi::response::document_root::Entry;
use poorwsgi::response::iter;
use poorwsgi::{HttpError, Request, Response, Result, state};
use serde_json::{Value, json};

use crate::pages::{self, Visitor};
use crate::{Demo, drop};

#[derive(Template)]
#[template(path = "api.html")]
struct Help {
    visitor: Visitor,
    base: String,
}

pub(crate) async fn help(demo: Arc<Demo>, req: Request) -> Result<Response> {
    let base = req.construct_url("/")?.trim_end_matches('/').to_owned();
    pages::page(&Help { visitor: Visitor::of(&demo, &req), base })
}

pub(crate) async fn files(demo: Arc<Demo>, _req: Request) -> Result<Response> {
    let files = drop::list(&demo)?.into_iter().map(|entry| Ok::<_, Infallible>(describe(&entry)));
    Ok(Response::json_stream(iter(files)))
}

pub(crate) async fn file(demo: Arc<Demo>, req: Request) -> Result<Value> {
    let name: &str = req.path_arg("name")?;
    let files = drop::list(&demo)?;
    let entry = files.iter().find(|entry| entry.name == name);
    Ok(describe(entry.ok_or(HttpError::new(state::HTTP_NOT_FOUND))?))
}

pub(crate) async fn sum(req: Request) -> Result<Value> {
    let wanted = || HttpError::bad_request("an array of numbers is wanted, as application/json");
    let numbers = req.json().and_then(Value::as_array).ok_or_else(wanted)?;
    let sum = numbers.iter().map(Value::as_f64).sum::<Option<f64>>().ok_or_else(wanted)?;
    Ok(json!({ "sum": sum }))
}

fn describe(entry: &Entry) -> Value {
    json!({
        "name": entry.name,
        "size": entry.size,
        "modified": entry.modified.and_then(unix_seconds),
        "type": entry.media_type,
        "href": pages::href(&entry.name),
    })
}
