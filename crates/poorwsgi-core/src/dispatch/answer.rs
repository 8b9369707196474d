//! From the request to the handler's response: resolves the route, calls the before hooks, reads the body,
//! calls the handler.

use std::str::FromStr;

use bytes::Bytes;

use crate::dispatch::Language;
#[cfg(feature = "pages")]
use crate::dispatch::debug::debug_page;
#[cfg(feature = "pages")]
use crate::dispatch::html::directory as index;
#[cfg(not(feature = "pages"))]
use crate::dispatch::plain::directory as index;
use crate::dispatch::target::{Target, resolve};
use crate::error::HttpError;
use crate::request::{Head, read_body};
use crate::response::{Body, Response, powered};
#[cfg(feature = "pages")]
use crate::results::page_response;
use crate::settings::{Settings, is_listed};
use crate::state::Method;
use crate::tables::Tables;

/// How the body of a request is read before its handler runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPlan {
    /// Not at all; the handler may read it.
    Leave,
    /// As a form.
    Form,
    /// As JSON.
    Json,
    /// As bytes.
    Data,
}

impl BodyPlan {
    /// The plan for a request: by its method, its media type, and the `auto_*` settings.
    ///
    /// # Errors
    /// 400 for a `Content-Length` that is not a number.
    pub fn of(head: &dyn Head, method: Method, settings: &Settings) -> Result<Self, HttpError> {
        let length = head.content_length()?;
        let chunked = || method.has_body() && head.is_chunked();
        if length == Some(0) || (length.is_none() && !chunked()) {
            return Ok(BodyPlan::Leave);
        }
        let media_type = head.mime_type();
        let listed = |types: &[String]| is_listed(types, &media_type);
        if cfg!(feature = "forms") && settings.auto_form && listed(&settings.form_mime_types) {
            return Ok(BodyPlan::Form);
        }
        if settings.auto_json && listed(&settings.json_mime_types) {
            return Ok(BodyPlan::Json);
        }
        Ok(if is_data(length, settings) { BodyPlan::Data } else { BodyPlan::Leave })
    }

    /// Reads the whole body, up to the limit for what it is: `json_size` for JSON, else `data_size`.
    ///
    /// # Errors
    /// Those of [`read_body`].
    pub async fn read(self, body: Body, settings: &Settings) -> Result<Bytes, HttpError> {
        let (limit, setting) = match self {
            BodyPlan::Json => (settings.json_size, "json_size"),
            BodyPlan::Leave | BodyPlan::Form | BodyPlan::Data => (settings.data_size, "data_size"),
        };
        read_body(body, limit, setting).await
    }
}

/// Whether a body of this length is read as data before the handler runs (settings `auto_data` and
/// `data_size`). A door may do the same with a form, to give the handler both.
#[must_use]
pub fn is_data(length: Option<u64>, settings: &Settings) -> bool {
    settings.auto_data && length.is_some_and(|length| length <= settings.data_size)
}

/// Whether the form of a request with this method is its query: so for GET and HEAD. The form of any other
/// request is its body.
///
/// ```
/// use poorwsgi_core::dispatch::is_form_in_query;
///
/// assert!(is_form_in_query("HEAD") && !is_form_in_query("POST"));
/// ```
#[must_use]
pub fn is_form_in_query(method: &str) -> bool {
    matches!(method.parse(), Ok(Method::Get | Method::Head))
}

/// Calls the before hooks in order, up to one that fails.
///
/// # Errors
/// The error of that hook.
pub async fn call_before_hooks<L: Language>(
    tables: &Tables<L>,
    request: &L::Request,
) -> Result<(), L::Error> {
    for hook in &tables.before {
        L::before(hook, request).await?;
    }
    Ok(())
}

/// Resolves the route, calls the before hooks, reads the body and calls the handler.
///
/// # Errors
/// The first error of these steps; 501 for an unknown method, and 404 or 405 where nothing takes the request.
pub async fn answer<L: Language>(tables: &Tables<L>, request: &L::Request) -> Result<L::Response, L::Error> {
    let method = Method::from_str(L::head(request).method()).ok();
    // The target lives in the future of each request while the hooks run, so it is kept small.
    let target = resolve(tables, request, method)?;
    L::call_before_hooks(tables, request).await?;
    let head = L::head(request);
    match target {
        Target::Handler(handler) => {
            // Only a method that is known leads to a handler.
            let plan = method.map(|method| BodyPlan::of(head, method, &tables.settings)).transpose()?;
            if let Some(plan) = plan.filter(|plan| *plan != BodyPlan::Leave) {
                Box::pin(L::load(request, plan)).await?;
            }
            L::handle(handler, request).await
        }
        Target::Mounted(handler) => L::handle(handler, request).await,
        Target::File(file) => {
            let mut response = powered(Response::from(*file));
            if let Some(media_type) = &tables.settings.media_type {
                let media_type = media_type(head.path()?.trim_end_matches('/'));
                response = response
                    .with_content_type(media_type.as_deref().unwrap_or("application/octet-stream"))
                    .map_err(HttpError::from)?;
            }
            Ok(L::respond(response))
        }
        Target::Directory(directory) => Ok(L::respond(index(&tables.settings, head, &directory)?)),
        #[cfg(feature = "pages")]
        Target::Debug => Ok(L::respond(page_response(debug_page(tables, head)))),
        #[cfg(not(feature = "pages"))]
        Target::Debug => Err(HttpError::new(crate::state::HTTP_NOT_FOUND).into()),
        Target::Refused(error) => Err((*error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 9110, section 9.3.1: the content of a GET has no generally defined meaning.
    #[test]
    fn the_form_of_a_get_is_its_query() {
        for method in ["GET", "HEAD"] {
            assert!(is_form_in_query(method), "{method}");
        }
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW", "get", ""] {
            assert!(!is_form_in_query(method), "{method}");
        }
    }
}
