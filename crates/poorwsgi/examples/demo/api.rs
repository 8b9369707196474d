//! The JSON API.

use std::convert::Infallible;
use std::sync::Arc;

use askama::Template;
use poorwsgi::extract::{Path, State};
use poorwsgi::headers::date::unix_seconds;
use poorwsgi::response::document_root::Entry;
use poorwsgi::response::iter;
use poorwsgi::{HttpError, Json, Request, Response, Result, state};
use serde_json::{Value, json};

use crate::login::Visitor;
use crate::{Demo, drop, pages};

#[derive(Template)]
#[template(path = "api.html")]
struct Help {
    visitor: Visitor,
    base: String,
}

pub(crate) async fn help(visitor: Visitor, req: Request) -> Result<Response> {
    let base = req.construct_url("/")?.trim_end_matches('/').to_owned();
    pages::page(&Help { visitor, base })
}

pub(crate) async fn files(State(demo): State<Arc<Demo>>) -> Result<Response> {
    let files = drop::list(&demo)?.into_iter().map(|entry| Ok::<_, Infallible>(describe(&entry)));
    Ok(Response::json_stream(iter(files)))
}

pub(crate) async fn file(State(demo): State<Arc<Demo>>, Path(name): Path<String>) -> Result<Value> {
    let files = drop::list(&demo)?;
    let entry = files.iter().find(|entry| entry.name == name);
    Ok(describe(entry.ok_or(HttpError::new(state::HTTP_NOT_FOUND))?))
}

pub(crate) async fn sum(Json(numbers): Json<Vec<f64>>) -> Value {
    json!({ "sum": numbers.iter().sum::<f64>() })
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
