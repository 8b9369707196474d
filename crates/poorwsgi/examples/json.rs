//! JSON in and out: a body that is JSON is parsed before the handler runs; bad JSON is a 400 that says where.
//!
//!     cargo run -p poorwsgi --example json
//!     curl -d '{"a": 1, "b": 2}' -H 'content-type: application/json' http://127.0.0.1:8080/sum
//!     curl -d '{"a": 1, "b"' -H 'content-type: application/json' http://127.0.0.1:8080/sum

use poorwsgi::state::METHOD_POST;
use poorwsgi::{Application, BoxError, HttpError, Request, Response, Result};
use serde_json::json;

async fn sum(req: Request) -> Result<Response> {
    let value = req.json().ok_or_else(|| HttpError::bad_request("a JSON object is wanted"))?;
    let numbers = value.as_object().ok_or_else(|| HttpError::bad_request("a JSON object is wanted"))?;
    let sum: f64 = numbers.values().filter_map(serde_json::Value::as_f64).sum();
    Ok(Response::json(&json!({ "sum": sum, "of": numbers.len() }))?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("json");
    app.route("/sum", METHOD_POST, sum)?;
    Ok(poorwsgi_server::run(app, "127.0.0.1:8080").await?)
}
