//! A comparison with [axum](https://docs.rs/axum): what is the same, what is different, and when to choose
//! which.
//!
//! Both are small frameworks on hyper and tower, and the arguments of handlers are made by their types. Where
//! a thing is the same, its name is the same: `State`, `Path`, `Query`, `Form`, `Json`, `Multipart`,
//! `FromRequestParts`, `FromRequest`, `IntoResponse`, `Sse`, `nest`, `layer`. Each can hold the other: an
//! axum router can be mounted in an [`Application`](crate::Application), and an application can be a service
//! of an axum router.
//!
//! # The same service in both
//!
//! A list of notes: one route shows a note, another one adds a note.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), poorwsgi::BoxError> {
//! use std::sync::{Arc, Mutex};
//!
//! use http::StatusCode;
//! use poorwsgi::extract::{Path, State};
//! use poorwsgi::state::{METHOD_GET, METHOD_HEAD, METHOD_POST};
//! use poorwsgi::{Application, Json, Result, abort};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Deserialize, Serialize)]
//! struct Note {
//!     text: String,
//! }
//!
//! type Notes = Arc<Mutex<Vec<Note>>>;
//!
//! async fn show(State(notes): State<Notes>, Path(number): Path<usize>) -> Result<Json<Note>> {
//!     let note = notes.lock().unwrap().get(number).cloned();
//!     note.map_or_else(|| abort(StatusCode::NOT_FOUND), |note| Ok(Json(note)))
//! }
//!
//! async fn add(State(notes): State<Notes>, Json(note): Json<Note>) -> (StatusCode, String) {
//!     let mut notes = notes.lock().unwrap();
//!     notes.push(note);
//!     (StatusCode::CREATED, format!("/notes/{}", notes.len() - 1))
//! }
//!
//! let mut app = Application::new("notes");
//! app.with_state(Notes::default());
//! app.route("/notes/<number:int>", METHOD_HEAD | METHOD_GET, show)?;
//! app.route("/notes", METHOD_POST, add)?;
//! // app.run("127.0.0.1:8080").await?;
//! # let request = http::Request::post("/notes").header("content-type", "application/json");
//! # let answer = app.handle(request.body("{\"text\": \"x\"}".to_owned())?).await;
//! # assert_eq!(answer.status(), 201);
//! # assert_eq!(app.handle(http::Request::get("/notes/0").body(String::new())?).await.status(), 200);
//! # assert_eq!(app.handle(http::Request::get("/notes/1").body(String::new())?).await.status(), 404);
//! # Ok(())
//! # }
//! ```
//!
//! In axum:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::{Arc, Mutex};
//!
//! use axum::extract::{Path, State};
//! use axum::http::StatusCode;
//! use axum::routing::{get, post};
//! use axum::{Json, Router};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Clone, Deserialize, Serialize)]
//! struct Note {
//!     text: String,
//! }
//!
//! type Notes = Arc<Mutex<Vec<Note>>>;
//!
//! async fn show(State(notes): State<Notes>, Path(number): Path<usize>) -> Result<Json<Note>, StatusCode> {
//!     let note = notes.lock().unwrap().get(number).cloned();
//!     note.map(Json).ok_or(StatusCode::NOT_FOUND)
//! }
//!
//! async fn add(State(notes): State<Notes>, Json(note): Json<Note>) -> (StatusCode, String) {
//!     let mut notes = notes.lock().unwrap();
//!     notes.push(note);
//!     (StatusCode::CREATED, format!("/notes/{}", notes.len() - 1))
//! }
//!
//! let app: Router = Router::new()
//!     .route("/notes/{number}", get(show))
//!     .route("/notes", post(add))
//!     .with_state(Notes::default());
//! // axum::serve(tokio::net::TcpListener::bind("127.0.0.1:8080").await?, app).await?;
//! # use tower::ServiceExt;
//! # let request = axum::http::Request::post("/notes").header("content-type", "application/json");
//! # let answer = app.clone().oneshot(request.body(axum::body::Body::from("{\"text\": \"x\"}"))?).await?;
//! # assert_eq!(answer.status(), 201);
//! # let request = axum::http::Request::get("/notes/0").body(axum::body::Body::empty())?;
//! # assert_eq!(app.oneshot(request).await?.status(), 200);
//! # Ok(())
//! # }
//! ```
//!
//! # An application that `axum::serve` serves
//!
//! An application is the fallback of a router without routes. (`tower::make::Shared::new(app)` does not
//! compile, because `axum::serve` wants responses with axum's own body; `fallback_service` converts the body.)
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), poorwsgi::BoxError> {
//! use poorwsgi::Application;
//! use poorwsgi::state::{METHOD_GET, METHOD_HEAD};
//!
//! let mut app = Application::new("demo");
//! app.route("/", METHOD_HEAD | METHOD_GET, async || "Hello world")?;
//! app.check_states()?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
//! let serving = axum::serve(listener, axum::Router::new().fallback_service(app));
//! # drop(serving);
//! // serving.await?;
//! # Ok(())
//! # }
//! ```
//!
//! What `poorwsgi-server` adds is lost then: its limits and deadlines (the settings of
//! `poorwsgi_server::Config`), the access log, and [`Request::connection`](crate::Request::connection), which
//! is `None`. The limits in the settings of the application remain.
//!
//! # What is different
//!
//! | | here | in axum |
//! |---|---|---|
//! | handlers | plain and asynchronous functions; a plain one may block | asynchronous functions |
//! | routes | a rule with filters, `/user/<id:int>`, regular expressions, default handlers; wrong rules are errors | `/user/{id}`, matched by a tree; wrong rules panic |
//! | methods | a set, `METHOD_HEAD \| METHOD_GET`, which has to name HEAD | `get(…)` answers HEAD as well |
//! | state | one value for each of several types, added before the routes; a missing one is an error of `route` | one type, whose parts are states, too (`FromRef`); a missing one is an error of the compiler |
//! | errors | `?` on any error; state and error handlers, hooks and pages for the whole application | each handler's error is a response, made by its type |
//! | rejections | statuses, which are handled like all errors | responses in plain text, each of its own type |
//! | JSON that does not fit its type | 400 | 422 |
//! | `Path` that does not fit its type | 404 | 400 |
//! | an empty value for an `Option` in a query or form | `None` | an error, except for texts |
//! | bodies | parsed by the last argument of the handler, or before the handler by their content type | parsed by the last argument of the handler |
//! | limits of bodies | a setting for each kind of body; several for forms | one for the whole body, 2 MB by default |
//! | around handlers | before and after hooks; tower layers for a route or a nested application | tower layers everywhere |
//! | built in | error pages, a debug page, sessions in sealed cookies, digest login, files with ranges and conditions, a client for tests | WebSockets; the rest in `axum-extra`, `tower-http` and other crates |
//! | server | its own, with limits and deadlines, for HTTP/1.1 | hyper's, for HTTP/1.1 and HTTP/2 |
//!
//! # When to choose which
//!
//! Choose axum for its community: more people know it, more crates extend it (`utoipa`, `tower-sessions`,
//! `axum-login`), it has WebSockets and HTTP/2, and it has served many sites for years. Its types find more
//! mistakes at compile time, and its hello world is smaller. The cost of a request is about the same.
//!
//! Choose this crate for a site with pages, forms, uploads, files and a login from one small crate with safe
//! limits; where handlers call libraries that block; where you move an application from PoorWSGI to Rust; or
//! where parts of the application stay in Python and have to behave the same.
//!
//! # Surprises for users of axum
//!
//! - A text is an HTML page, as in PoorWSGI: `String` and `&str` are sent as `text/html`, in axum as
//!   `text/plain`. Escape text that a client has sent, or return [`Response::text`](crate::Response::text).
//! - Call [`Application::with_state`](crate::Application::with_state) before you set the routes.
//! - `route` takes the methods between the path and the handler, and returns a `Result`. A page has
//!   `METHOD_HEAD | METHOD_GET`, because `METHOD_GET` does not include HEAD.
//! - The argument of a rule is written `<id:int>` or `<id>`; a rule with `{id}` is an error of `route`.
//! - A second handler for the same rule and method is an error of `route`, where axum panics. Rules that
//!   overlap are no error: see [`route`](crate::Application::route).
//! - After hooks are functions of the request and the response, and take no `State`: use
//!   [`Request::state`](crate::Request::state).
//! - `None` is a 204, and so is `()`.
//! - `Err(StatusCode)` is no response, because a `StatusCode` is no error: return `abort(StatusCode::…)`.
//! - `String` and `Bytes` as arguments take at most 65,365 bytes (64 KiB), the setting
//!   [`data_size`](crate::settings::Settings::data_size); axum's limit is 2 MB for all bodies.
//! - Extractors get a [`&Request`](crate::Request), which is shared and cheap to clone, not `&mut Parts` and
//!   a state.
//! - A tuple begins with a status, `(StatusCode, headers, value)`, or, as in PoorWSGI, with the data:
//!   `(data, content_type, headers, status)`. So `(headers, value)` is no response here; write
//!   `(StatusCode::OK, headers, value)`.
//! - A status that a handler returns is sent as it is; a status that a handler raises with
//!   [`abort`](crate::abort) gets the page or the state handler of that status.
