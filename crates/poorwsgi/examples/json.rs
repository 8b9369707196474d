//! JSON in and out: a JSON body is parsed before the handler runs. Malformed JSON is a 400 that gives the
//! position, and a value of the wrong type is a 400 that gives the expected type.
//!
//!     cargo run -p poorwsgi --example json
//!     curl -d '{"a": 1, "b": 2}' -H 'content-type: application/json' http://127.0.0.1:8080/sum
//!     curl -d '{"a": "one"}' -H 'content-type: application/json' http://127.0.0.1:8080/sum
//!     curl -d '{"a": 1, "b"' -H 'content-type: application/json' http://127.0.0.1:8080/sum

use std::collections::BTreeMap;

use poorwsgi::state::METHOD_POST;
use poorwsgi::{Application, BoxError, Request, Response, Result};
use serde_json::json;

async fn sum(req: Request) -> Result<Response> {
    let numbers: BTreeMap<&str, f64> = req.json_as()?;
    let sum: f64 = numbers.values().sum();
    Ok(Response::json(&json!({ "sum": sum, "of": numbers.len() }))?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("json");
    app.route("/sum", METHOD_POST, sum)?;
    Ok(app.run("127.0.0.1:8080").await?)
}
