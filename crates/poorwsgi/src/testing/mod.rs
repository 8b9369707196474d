//! A client for tests, which sends requests to an application without a socket.
//!
//! This module needs the feature `testing`, which belongs among the `dev-dependencies`:
//! `poorwsgi = { version = "…", features = ["testing"] }`. Its functions panic where a test cannot go on.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), poorwsgi::BoxError> {
//! use poorwsgi::testing::Client;
//! use poorwsgi::{Application, Form, Json, state};
//! use serde_json::{Value, json};
//!
//! #[derive(serde::Deserialize)]
//! struct Order {
//!     article: String,
//! }
//!
//! let mut app = Application::new("shop");
//! app.route("/order", state::METHOD_POST, async |Form(order): Form<Order>| Json(json!({ "ordered": order.article })))?;
//!
//! let client = Client::new(app);
//! let response = client.post("/order").form(&[("article", "tea")]).send().await;
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.json::<Value>(), json!({ "ordered": "tea" }));
//!
//! let response = client.post("/order").json(&json!({ "article": "tea" })).send().await;
//! assert_eq!(response.status(), 415);
//! # Ok(())
//! # }
//! ```
#![expect(clippy::panic, clippy::expect_used, reason = "a test fails by panicking")]

mod client;
mod cookies;
#[cfg(feature = "digest")]
mod digest;
mod message;
mod multipart;
mod reference;
mod request;
mod response;

pub use client::Client;
pub use multipart::MultipartForm;
pub use request::TestRequest;
pub use response::TestResponse;
