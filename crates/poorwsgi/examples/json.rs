//! JSON in and out, with types: malformed JSON is a 400 that gives the position, a value of the wrong type is
//! a 400 that gives the expected type, and a body of another content type is a 415.
//!
//!     cargo run -p poorwsgi --example json
//!     curl -d '{"a": 1, "b": 2}' -H 'content-type: application/json' http://127.0.0.1:8080/sum
//!     curl -d '{"a": "one"}' -H 'content-type: application/json' http://127.0.0.1:8080/sum
//!     curl -d a=1 http://127.0.0.1:8080/sum
//!     curl -d '{"a": 1, "b"' -H 'content-type: application/json' http://127.0.0.1:8080/sum

use std::collections::BTreeMap;

use poorwsgi::state::METHOD_POST;
use poorwsgi::{Application, BoxError, Json};
use serde::Serialize;

#[derive(Serialize)]
struct Sum {
    sum: f64,
    of: usize,
}

async fn sum(Json(numbers): Json<BTreeMap<String, f64>>) -> Json<Sum> {
    Json(Sum { sum: numbers.values().sum(), of: numbers.len() })
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut app = Application::new("json");
    app.route("/sum", METHOD_POST, sum)?;
    Ok(app.run("127.0.0.1:8080").await?)
}
