//! The page of a status as plain text.

use super::response::Response;
use crate::error::StatusText;
use crate::state;

/// The page of a status as one line of plain text. A server sends it when it answers a request itself, and an
/// application if the feature `pages` is off.
#[must_use]
pub fn text_page(text: StatusText<'_>) -> Response {
    let mut response = Response::text(format!("{text}\n"));
    if response.set_status(text.status).is_err() {
        // Known to the table of statuses, so this cannot fail.
        let _ = response.set_status(state::HTTP_INTERNAL_SERVER_ERROR);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_status_and_one_line() {
        let response = text_page(StatusText::new(503, "too many requests wait"));
        assert_eq!((response.status(), response.content_type()), (503, Some("text/plain; charset=utf-8")));
        let text = response.body().as_bytes().unwrap();
        assert_eq!(text, "503 Service Unavailable: too many requests wait\n");
        let unknown = text_page(StatusText { status: 999, detail: None });
        assert_eq!((unknown.status(), &**unknown.body().as_bytes().unwrap()), (500, &b"999\n"[..]));
    }
}
