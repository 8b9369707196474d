//! What the client prefers, for content negotiation (RFC 9110, section 12.5).

use http::HeaderName;
use http::header::{ACCEPT, ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE};

use super::Head;
use crate::headers::negotiation::{is_named, parse_negotiation};

impl dyn Head + '_ {
    /// The media types of `Accept` with their quality, in the order of the field. Where there is no such
    /// field, the list has one empty choice, as in PoorWSGI.
    #[must_use]
    pub fn accept(&self) -> Vec<(String, f64)> {
        self.choices(&ACCEPT)
    }

    /// The charsets of `Accept-Charset`, as with `accept`.
    #[must_use]
    pub fn accept_charset(&self) -> Vec<(String, f64)> {
        self.choices(&ACCEPT_CHARSET)
    }

    /// The codings of `Accept-Encoding`, as with `accept`.
    #[must_use]
    pub fn accept_encoding(&self) -> Vec<(String, f64)> {
        self.choices(&ACCEPT_ENCODING)
    }

    /// The languages of `Accept-Language`, as with `accept`.
    #[must_use]
    pub fn accept_language(&self) -> Vec<(String, f64)> {
        self.choices(&ACCEPT_LANGUAGE)
    }

    /// Whether `Accept` names `text/html` with a quality above 0. A wildcard does not count.
    #[must_use]
    pub fn accept_html(&self) -> bool {
        self.accepts("text/html")
    }

    /// Whether `Accept` names `text/xhtml`, as with `accept_html`.
    #[must_use]
    pub fn accept_xhtml(&self) -> bool {
        self.accepts("text/xhtml")
    }

    /// Whether `Accept` names `application/json`, as with `accept_html`.
    #[must_use]
    pub fn accept_json(&self) -> bool {
        self.accepts("application/json")
    }

    fn accepts(&self, media_type: &str) -> bool {
        self.header(&ACCEPT).is_some_and(|field| is_named(&parse_negotiation(&field), media_type))
    }

    fn choices(&self, name: &HeaderName) -> Vec<(String, f64)> {
        let field = self.header(name).unwrap_or_default();
        parse_negotiation(&field).into_iter().map(|(choice, quality)| (choice.to_owned(), quality)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;

    #[test]
    fn each_field_has_its_choices() {
        let head = with(&[
            ("accept", "text/html"),
            ("accept", "*/*;q=0.1"),
            ("accept-charset", "utf-8"),
            ("accept-encoding", "gzip"),
            ("accept-language", "cs"),
        ]);
        assert_eq!(head.head().accept(), [("text/html".to_owned(), 1.0), ("*/*".to_owned(), 0.1)]);
        assert_eq!(head.head().accept_charset(), [("utf-8".to_owned(), 1.0)]);
        assert_eq!(head.head().accept_encoding(), [("gzip".to_owned(), 1.0)]);
        assert_eq!(head.head().accept_language(), [("cs".to_owned(), 1.0)]);
        assert_eq!(with(&[]).head().accept(), [(String::new(), 1.0)]);
    }

    /// A type with `q=0` is not accepted, and a space before the weight is understood; PoorWSGI 2.8.1 gets
    /// both wrong.
    #[test]
    fn types_are_accepted_by_name() {
        for (field, html, json, xhtml) in [
            ("text/html", true, false, false),
            ("text/html;q=0", false, false, false),
            ("application/json; q=0", false, false, false),
            ("TEXT/HTML; q=0.5, application/json", true, true, false),
            ("text/xhtml", false, false, true),
            ("*/*", false, false, false),
        ] {
            let head = with(&[("accept", field)]);
            let accepted = (head.head().accept_html(), head.head().accept_json(), head.head().accept_xhtml());
            assert_eq!(accepted, (html, json, xhtml), "{field}");
        }
        assert!(!with(&[]).head().accept_html());
    }
}
