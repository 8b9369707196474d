//! Forms.

use std::ops::Deref;

use poorwsgi_core::dispatch::is_form_in_query;
use poorwsgi_core::error::{HttpError, unsupported_media_type};
use poorwsgi_core::form::FieldStorage;
use poorwsgi_core::settings::is_listed;
use serde::de::DeserializeOwned;

use super::texts::{Named, Texts};
use super::{FromRequest, FromRequestParts, Query};
use crate::error::Error;
use crate::forms;
use crate::request::Request;

/// A form, read by serde, as the last argument of a handler: the query of a GET or HEAD, otherwise the body.
///
/// | body | answer |
/// |---|---|
/// | malformed, or a field that does not fit the type | 400, with the name of the field |
/// | a content type that is not in the setting `form_mime_types` | 415 |
/// | larger than the setting `form_limits` | 413 |
///
/// The server has a limit of its own for a body: see the limits of [`Multipart`](super::Multipart#limits).
///
/// Fields are read as those of a [`Query`]. Files of a multipart form are ignored; see
/// [`Multipart`](super::Multipart).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::Form;
/// use poorwsgi::{Application, Response, state};
///
/// #[derive(serde::Deserialize)]
/// struct Login {
///     name: String,
///     password: String,
/// }
///
/// async fn login(Form(login): Form<Login>) -> Response {
///     Response::text(format!("{}, your password has {} letters", login.name, login.password.len()))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/login", state::METHOD_POST, login)?;
/// let request = http::Request::post("/login").header("Content-Type", "application/x-www-form-urlencoded");
/// let answer = app.handle(request.body("name=ann&password=secret".to_owned())?).await;
/// assert_eq!(answer.status(), 200);
/// let answer = app.handle(http::Request::post("/login").body("name=ann".to_owned())?).await;
/// assert_eq!(answer.status(), 415);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Form<T>(pub T);

impl<T: DeserializeOwned> FromRequest for Form<T> {
    type Rejection = Error;

    async fn from_request(request: Request) -> Result<Self, Error> {
        if is_form_in_query(request.method()) {
            let Query(form) = Query::from_request_parts(&request).await?;
            return Ok(Form(form));
        }
        if let Some(form) = request.form() {
            return Ok(Form(from_fields(form)?));
        }
        let media_type = request.mime_type();
        let known = &request.settings().form_mime_types;
        if !is_listed(known, &media_type) {
            return Err(unsupported_media_type("a form", &known.join(" or ")).into());
        }
        let form = forms::read(&request, true).await;
        let form = form.inspect_err(|error| request.break_body(error.downcast_ref()))?;
        Ok(Form(from_fields(&form)?))
    }
}

fn from_fields<T: DeserializeOwned>(form: &FieldStorage) -> Result<T, HttpError> {
    let pairs = form.list().iter().filter_map(|field| Some((field.name()?, field.text()?)));
    T::deserialize(Named::new(Texts::by_name(pairs)))
        .map_err(|error| HttpError::bad_request(format!("form: {error}")).with_source(error))
}

impl<T> Deref for Form<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
