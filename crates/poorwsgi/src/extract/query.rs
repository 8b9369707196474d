//! The query.

use std::ops::Deref;

use poorwsgi_core::error::HttpError;
use poorwsgi_core::request::ArgsOptions;
use serde::de::DeserializeOwned;

use super::FromRequestParts;
use super::texts::{Named, Texts};
use crate::request::{Request, args_options};

/// The arguments of the query, read by serde. A query that does not fit the type is answered with 400, with
/// the name of the argument.
///
/// An argument that comes several times needs a sequence, such as `Vec<T>`. An empty value is `None` for an
/// `Option`. The settings `strict_parsing` and `form_limits.fields` apply; `auto_args` and
/// `keep_blank_values` do not.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::extract::Query;
/// use poorwsgi::{Application, Response, state};
///
/// #[derive(serde::Deserialize)]
/// struct Search {
///     words: String,
///     #[serde(default)]
///     tag: Vec<String>,
///     page: Option<u32>,
/// }
///
/// async fn search(Query(search): Query<Search>) -> Response {
///     Response::text(format!("{} {:?}, page {}", search.words, search.tag, search.page.unwrap_or(1)))
/// }
///
/// let mut app = Application::new("demo");
/// app.route("/search", state::METHOD_HEAD | state::METHOD_GET, search)?;
/// # use http_body_util::BodyExt;
/// # let ask = async |path: &str| {
/// #     let answer = app.handle(http::Request::get(path).body(String::new()).unwrap()).await;
/// #     (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes())
/// # };
/// assert_eq!(ask("/search?words=green+tea&tag=a&tag=b&page=").await.1, r#"green tea ["a", "b"], page 1"#);
/// assert_eq!(ask("/search?page=1").await.0, 400);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts for Query<T> {
    type Rejection = HttpError;
    const IS_READY: bool = true;

    async fn from_request_parts(request: &Request) -> Result<Self, HttpError> {
        // A form sends a field that was left empty with an empty value.
        let options = ArgsOptions { keep_blank_values: true, ..args_options(request.settings()) };
        let args = (**request).args(&options)?;
        let pairs =
            args.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value.as_str())));
        T::deserialize(Named::new(Texts::by_name(pairs)))
            .map(Query)
            .map_err(|error| HttpError::bad_request(format!("query: {error}")).with_source(error))
    }
}

impl<T> Deref for Query<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}
