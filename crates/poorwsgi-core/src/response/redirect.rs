//! Redirections (RFC 9110, section 15.4).

use http::StatusCode;
use http::header::LOCATION;

use super::error::ResponseError;
use super::response::{HTML, Response, field_value, status_code};
use crate::request::{Head, encode_path};
use crate::state::IntoStatus;

impl Response {
    /// A redirection to `location`, which is sent unchanged. The body is a line of HTML with the location,
    /// for clients that do not follow redirections.
    ///
    /// # Errors
    /// [`ResponseError::Status`] for an unknown status, [`ResponseError::Redirect`] for a status that does
    /// not redirect, [`ResponseError::Header`] for a location with CR, LF, NUL or another control character.
    pub fn redirect(location: &str, status: impl IntoStatus) -> Result<Self, ResponseError> {
        let status = match status_code(status)? {
            code if code.is_redirection() && code != StatusCode::NOT_MODIFIED => code,
            code => return Err(ResponseError::Redirect(code.as_u16())),
        };
        let target = field_value(LOCATION, location)?;
        let mut response = Response::of(status, Some(HTML), redirect_note(location));
        response.headers_mut().put(LOCATION, target);
        Ok(response)
    }

    /// With `prefix`, which is decoded, before a path in `Location`, and before the same path in the note of
    /// [`redirect`](Self::redirect). A relative reference and a URL stay as they are.
    pub(crate) fn with_location_below(self, prefix: &str) -> Self {
        self.relocated(&encode_path(prefix))
    }

    /// With a path in `Location` as an application that is mounted writes it, where something mounted in the
    /// application gave it that knows all prefixes: without those that lead to the application. A path
    /// elsewhere on the host becomes a URL.
    #[must_use]
    pub fn with_location_within(self, head: &dyn Head) -> Self {
        let Some(mount) = head.mount() else { return self };
        let location = self.headers().get_str(LOCATION).unwrap_or_default();
        match location.strip_prefix(&encode_path(mount.path())) {
            Some(below) if is_path(below) => {
                let below = below.to_owned();
                self.with_location(&below)
            }
            _ => match head.origin() {
                Ok(origin) => self.relocated(&origin),
                // A malformed `Host` gives no URL.
                Err(_) => self,
            },
        }
    }

    fn relocated(self, before: &str) -> Self {
        let location = self.headers().get_str(LOCATION).unwrap_or_default();
        if !is_path(location) {
            return self;
        }
        let relocated = format!("{before}{location}");
        self.with_location(&relocated)
    }

    fn with_location(mut self, relocated: &str) -> Self {
        let location = self.headers().get_str(LOCATION).unwrap_or_default();
        if self.body().as_bytes().is_some_and(|body| *body == redirect_note(location)) {
            self.set_body(redirect_note(relocated));
        }
        if let Ok(value) = field_value(LOCATION, relocated) {
            self.headers_mut().put(LOCATION, value);
        }
        self
    }
}

/// Whether a reference is a path. Two slashes begin the name of another host (RFC 3986, section 4.2).
fn is_path(reference: &str) -> bool {
    reference.starts_with('/') && !reference.starts_with("//")
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
    use crate::request::HttpHead;

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

    #[test]
    fn a_path_moves_below_the_prefix_of_its_application() {
        for (location, below) in [
            ("/x?y=/z", "/a%20b/x?y=/z"),
            ("/", "/a%20b/"),
            ("//other.example/x", "//other.example/x"),
            ("http://other.example/x", "http://other.example/x"),
            ("x", "x"),
            ("?x", "?x"),
        ] {
            let response = Response::redirect(location, 302).unwrap().with_location_below("/a b");
            assert_eq!(response.headers().get_str("Location"), Some(below), "{location}");
            assert_eq!(*response.body().as_bytes().unwrap(), redirect_note(below), "{location}");
        }
        let mut response = Response::redirect("/x", 302).unwrap();
        response.set_body("a note of the application's own, about /x");
        let response = response.with_location_below("/a");
        assert_eq!(*response.body().as_bytes().unwrap(), "a note of the application's own, about /x");
    }

    /// A path with two slashes behind the prefix must not become another host.
    #[test]
    fn a_path_of_the_whole_site_in_a_mounted_application() {
        let parts = http::Request::get("/a/b").header("host", "h").body(()).unwrap().into_parts().0;
        let head = HttpHead::new(parts, None).below("/a").unwrap();
        for (location, within) in [
            ("/a/x?y", "/x?y"),
            ("/a", "http://h/a"),
            ("/ab", "http://h/ab"),
            ("/x", "http://h/x"),
            ("/a//other.example", "http://h/a//other.example"),
            ("//other.example/x", "//other.example/x"),
            ("x", "x"),
        ] {
            let response = Response::redirect(location, 302).unwrap().with_location_within(&head);
            assert_eq!(response.headers().get_str("Location"), Some(within), "{location}");
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
