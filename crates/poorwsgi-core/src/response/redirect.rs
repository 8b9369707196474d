//! Redirections (RFC 9110, section 15.4).

use http::StatusCode;
use http::header::LOCATION;

use super::error::ResponseError;
use super::response::{HTML, Response, field_value, status_code};

impl Response {
    /// A redirection to `location`, which is sent unchanged. The body is a line of HTML with the location,
    /// for clients that do not follow redirections.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status, [`ResponseError::Redirect`] for a status that does
    /// not redirect, [`ResponseError::Header`] for a location with CR, LF, NUL or another control character.
    pub fn redirect(location: &str, status: u16) -> Result<Self, ResponseError> {
        let status = match status_code(status)? {
            code if code.is_redirection() && code != StatusCode::NOT_MODIFIED => code,
            _ => return Err(ResponseError::Redirect(status)),
        };
        let target = field_value(LOCATION, location)?;
        let mut response = Response::of(status, Some(HTML), redirect_note(location));
        response.headers_mut().put(LOCATION, target);
        Ok(response)
    }
}

/// The short note that RFC 9110, section 15.4 asks for. Only a relative, `http` or `https` reference becomes
/// a link, because a click on a `javascript:` link would run its script.
fn redirect_note(location: &str) -> String {
    let mut target = String::with_capacity(location.len());
    for character in location.chars() {
        match character {
            '&' => target.push_str("&amp;"),
            '<' => target.push_str("&lt;"),
            '>' => target.push_str("&gt;"),
            '"' => target.push_str("&quot;"),
            '\'' => target.push_str("&#x27;"),
            other => target.push(other),
        }
    }
    if is_web_address(location) {
        target = format!("<a href=\"{target}\">{target}</a>");
    }
    format!("<!DOCTYPE html>\n<title>Moved</title>\n<p>The document is at {target}.</p>\n")
}

/// Whether a reference (RFC 3986, section 4.1) is relative, or has the scheme `http` or `https`.
fn is_web_address(reference: &str) -> bool {
    let before_path = reference.split(['/', '?', '#']).next().unwrap_or_default();
    match before_path.split_once(':') {
        Some((scheme, _)) => scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// PoorWSGI 2.8.1 sends CR, LF and NUL in `Location`; here they are an error.
    #[test]
    fn a_redirect_cannot_be_split() {
        for location in ["/a\r\nSet-Cookie: b", "/a\nb", "/a\0b", "\r"] {
            assert!(
                matches!(Response::redirect(location, 302), Err(ResponseError::Header(_))),
                "{location:?}"
            );
        }
        for status in [200, 304, 404, 306] {
            assert!(Response::redirect("/", status).is_err(), "{status}");
        }
    }

    /// RFC 9110, section 15.4: the body is a short note with a link, in which the location is escaped.
    #[test]
    fn a_redirect_says_where_to_without_becoming_markup() {
        let response = Response::redirect("/a?b=\"><script>&c='", 303).unwrap();
        assert_eq!(response.headers().get_str("Location"), Some("/a?b=\"><script>&c='"));
        let note = std::str::from_utf8(response.body().as_bytes().unwrap()).unwrap();
        assert!(note.contains("<a href=\"/a?b=&quot;&gt;&lt;script&gt;&amp;c=&#x27;\">"), "{note}");
        for (location, linked) in [
            ("https://example.org/x:y", true),
            ("x/y:z", true),
            ("?a:b", true),
            ("javascript:alert(1)", false),
            ("data:text/html,x", false),
        ] {
            let response = Response::redirect(location, 302).unwrap();
            let note = response.body().as_bytes().unwrap().clone();
            assert_eq!(String::from_utf8(note.to_vec()).unwrap().contains("<a "), linked, "{location}");
        }
    }
}
