//! The page of a status: what went wrong, and what its reader can do about it.

use std::borrow::Cow;

#[cfg(feature = "pages")]
use askama::Template;

#[cfg(feature = "pages")]
use super::href::{directory_href, segments};
#[cfg(feature = "pages")]
use super::render;
use super::{ErrorReport, Site, clip, error_report::Shown};
use crate::error::shows_detail;
use crate::state::{self, MethodSet};

/// The longest target shown, in characters. That of a 414 is far longer.
const MAX_URI: usize = 500;
/// The longest detail shown, in characters.
const MAX_DETAIL: usize = 2000;

/// The default page of a status.
///
/// ```
/// # #[cfg(feature = "pages")] {
/// use poorwsgi_core::results::{ErrorPage, Site};
/// use poorwsgi_core::state;
///
/// let page = ErrorPage {
///     method: "POST",
///     uri: "/user/ann",
///     allow: Some(state::METHOD_HEAD | state::METHOD_GET),
///     ..ErrorPage::new(state::HTTP_METHOD_NOT_ALLOWED, Site { hostname: "example.org", ..Site::default() })
/// };
/// assert!(page.render().contains("HEAD, GET"));
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage<'a> {
    /// Status of the response. One outside [`state::STATUS_CODES`] is shown as 500.
    pub status: u16,
    /// Method of the request; left out when empty.
    pub method: &'a str,
    /// Target of the request; left out when empty, cut after 500 characters.
    pub uri: &'a str,
    /// What exactly was wrong, for the client; cut after 2000 characters. A 500 shows it only with debug,
    /// because it may reveal internals of the application.
    pub detail: Option<&'a str>,
    /// Methods that the resource has, for a 405.
    pub allow: Option<MethodSet>,
    /// The error behind the page. It is shown only with debug.
    pub report: Option<&'a ErrorReport>,
    /// The server, for the footer.
    pub site: Site<'a>,
}

impl<'a> ErrorPage<'a> {
    /// The page of a status with nothing about the request.
    #[must_use]
    pub const fn new(status: u16, site: Site<'a>) -> Self {
        ErrorPage { status, method: "", uri: "", detail: None, allow: None, report: None, site }
    }

    /// The facts of the page: what every form of it shows.
    pub(super) fn facts(&self) -> Facts<'_> {
        let (status, reason) = match state::reason(self.status) {
            Some(reason) => (self.status, reason),
            None => (state::HTTP_INTERNAL_SERVER_ERROR, "Internal Server Error"),
        };
        let debug = self.site.debug;
        let detail = self.detail.filter(|detail| !detail.is_empty() && shows_detail(status, debug));
        Facts {
            status,
            reason,
            explanation: explanation(status),
            method: self.method,
            uri: clip(self.uri, MAX_URI),
            detail: detail.map(|detail| clip(detail, MAX_DETAIL)),
            allow: self.allow.filter(|allow| !allow.is_empty()),
            report: self.report.filter(|_| debug).map(ErrorReport::shown),
        }
    }

    /// The page as an HTML document.
    #[cfg(feature = "pages")]
    #[must_use]
    pub fn render(&self) -> String {
        let Facts { status, reason, explanation, method, uri, detail, allow, report } = self.facts();
        render(&ErrorTemplate {
            status,
            reason,
            kind: kind(status),
            explanation,
            method,
            uri: &uri,
            detail: detail.as_deref(),
            allow: allow.map(|allow| allow.to_string()),
            report,
            home: directory_href(segments(self.site.prefix)),
            site: self.site,
        })
    }
}

/// What an [`ErrorPage`] shows, in HTML and in JSON: cut to its longest, and without what must not be shown.
pub(super) struct Facts<'a> {
    pub(super) status: u16,
    pub(super) reason: &'static str,
    /// What the status means, for a reader who does not know it.
    pub(super) explanation: &'static str,
    pub(super) method: &'a str,
    pub(super) uri: Cow<'a, str>,
    pub(super) detail: Option<Cow<'a, str>>,
    pub(super) allow: Option<MethodSet>,
    pub(super) report: Option<Shown<'a>>,
}

#[cfg(feature = "pages")]
#[derive(Template)]
#[template(path = "error.html", escape = "named", whitespace = "minimize")]
struct ErrorTemplate<'a> {
    status: u16,
    reason: &'static str,
    kind: &'static str,
    explanation: &'static str,
    method: &'a str,
    uri: &'a str,
    detail: Option<&'a str>,
    allow: Option<String>,
    report: Option<Shown<'a>>,
    home: String,
    site: Site<'a>,
}

#[cfg(feature = "pages")]
/// The CSS class of a status, by whether the client or the server is at fault (RFC 9110, section 15).
const fn kind(status: u16) -> &'static str {
    match status {
        400..500 => "client",
        500.. => "server",
        _ => "",
    }
}

#[allow(clippy::match_overlapping_arm, reason = "what has no sentence of its own has that of its class")]
const fn explanation(status: u16) -> &'static str {
    match status {
        state::HTTP_BAD_REQUEST => {
            "The server could not make sense of this request: something in its address, its header fields or its \
             content is not formed as it should be."
        }
        state::HTTP_UNAUTHORIZED => {
            "This page is for people who have signed in. If you have just tried, the name or the password was not \
             accepted."
        }
        state::HTTP_FORBIDDEN => {
            "The server knows what you are asking for, but you are not allowed to have it. Asking again will not \
             change that; signing in under another name may."
        }
        state::HTTP_NOT_FOUND => {
            "There is nothing at this address. It may be misspelt, or what was here may have been moved or removed."
        }
        state::HTTP_METHOD_NOT_ALLOWED => {
            "There is something at this address, but it does not take requests with this method."
        }
        state::HTTP_REQUEST_TIME_OUT => {
            "The request took too long to arrive, and the server stopped waiting for the rest. Please try again."
        }
        state::HTTP_REQUEST_ENTITY_TOO_LARGE => {
            "What was sent is larger than the server takes here. Try a smaller file, or fewer of them at a time."
        }
        state::HTTP_REQUEST_URI_TOO_LARGE => {
            "The address is longer than the server takes. If it comes from a form, the form should be sent with the \
             method POST."
        }
        state::HTTP_RANGE_NOT_SATISFIABLE => {
            "The part that was asked for lies outside the file, which may have changed in the meantime. Start the \
             download afresh."
        }
        state::HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE => {
            "The header fields of this request are larger than the server takes. Removing the cookies of this site \
             from your browser often helps."
        }
        state::HTTP_INTERNAL_SERVER_ERROR => {
            "Something went wrong on the server while it was working on your request. You have done nothing wrong. \
             If it keeps happening, please tell whoever runs this server what you were doing and when."
        }
        state::HTTP_NOT_IMPLEMENTED => "The server does not know how to do what this request asks for.",
        state::HTTP_SERVICE_UNAVAILABLE => {
            "The server is too busy or being worked on at the moment. Please try again in a little while."
        }
        _ => match status {
            400..500 => "The server cannot answer this request in the way it was made.",
            500.. => "The server could not complete this request. You may want to try again later.",
            300..400 => "What you are looking for is to be had in another way or at another address.",
            _ => "The server has nothing more to show for this request.",
        },
    }
}

#[cfg(feature = "pages")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::wellformed::assert_page;
    use crate::results::{Cause, CauseLink, Frame};

    const INJECTION: &str = "<script>alert('\"&')</script>\"' onload=x";

    fn report() -> ErrorReport {
        let error = std::io::Error::other("disk <b>gone</b>");
        ErrorReport::new(&error)
            .with_type("std::io::Error")
            .with_location("src/main.rs:7")
            .with_backtrace("frame one\nframe two")
            .with_fact("Rule", "/x/<name>")
            .with_fact("Authorization", "Basic c2VjcmV0")
    }

    #[test]
    fn every_status_has_a_page() {
        for (status, reason) in state::STATUS_CODES {
            let html =
                ErrorPage { method: "GET", uri: "/x", ..ErrorPage::new(*status, Site::default()) }.render();
            assert_page(&html);
            assert!(html.contains(&format!("<title>{status} ")), "{status}");
            // The template engine writes the apostrophe of 418 as a reference.
            assert!(html.contains(&reason.replace('\'', "&apos;")), "{status} {reason}");
        }
    }

    // PoorWSGI refuses such a status at construction; the pipeline answers 500 for it.
    #[test]
    fn a_status_that_is_none_is_shown_as_500() {
        for status in [0, 99, 299, 1000, u16::MAX] {
            let html = ErrorPage::new(status, Site::default()).render();
            assert!(html.contains("<title>500 Internal Server Error</title>"));
        }
    }

    // PoorWSGI leaves the error text of a 400, `Host` and the method unescaped.
    #[test]
    fn every_value_is_escaped() {
        let mut report = ErrorReport::new(&std::io::Error::other(INJECTION))
            .with_type(INJECTION)
            .with_location(INJECTION)
            .with_backtrace(INJECTION)
            .with_fact(INJECTION, INJECTION);
        let text = || INJECTION.to_owned();
        report.causes[0].frames = [false, true]
            .map(|is_library| Frame {
                file: text(),
                line: 1,
                function: text(),
                is_library,
                source: vec![(1, text()), (2, text())],
                repeated: 0,
                variables: vec![(text(), text())],
            })
            .into();
        let site = Site {
            hostname: INJECTION,
            admin: INJECTION,
            software: INJECTION,
            debug: true,
            prefix: INJECTION,
        };
        for status in [400, 404, 500] {
            let html = ErrorPage {
                method: INJECTION,
                uri: INJECTION,
                detail: Some(INJECTION),
                report: Some(&report),
                ..ErrorPage::new(status, site)
            }
            .render();
            assert_page(&html);
            // 12 fields without frames; of each frame the file twice, the function, and two lines; two of a
            // variable. The prefix is percent-encoded.
            assert_eq!(html.matches("&lt;script&gt;").count(), 12 + 2 * 5 + 2, "every field is on the page");
        }
    }

    #[test]
    fn a_500_without_debug_tells_nothing() {
        let report = report();
        let page = ErrorPage {
            method: "GET",
            uri: "/x",
            detail: Some("table users is missing"),
            report: Some(&report),
            ..ErrorPage::new(500, Site { software: "engine/9.9", ..Site::default() })
        };
        let html = page.render();
        assert_page(&html);
        for inside in ["users", "disk", "frame", "main.rs", "Rule", "engine/9.9"] {
            assert!(!html.contains(inside), "{inside}");
        }
    }

    #[test]
    fn a_500_with_debug_tells_all_but_secrets() {
        let report = report();
        let page = ErrorPage {
            detail: Some("table users is missing"),
            report: Some(&report),
            ..ErrorPage::new(500, Site { software: "engine/9.9", debug: true, ..Site::default() })
        };
        let html = page.render();
        assert_page(&html);
        for inside in ["users", "disk &lt;b&gt;", "frame one\nframe two", "main.rs:7", "Rule", "engine/9.9"] {
            assert!(html.contains(inside), "{inside}");
        }
        assert!(!html.contains("c2VjcmV0"));
    }

    #[test]
    fn a_report_is_not_shown_for_any_status_without_debug() {
        let report = report();
        for (status, _) in state::STATUS_CODES {
            let html =
                ErrorPage { report: Some(&report), ..ErrorPage::new(*status, Site::default()) }.render();
            assert!(!html.contains("disk"), "{status}");
        }
    }

    // RFC 9110, section 15.5.6: a 405 names the methods the resource has.
    #[test]
    fn a_405_names_the_methods() {
        let allow = Some(state::METHOD_HEAD | state::METHOD_GET);
        let html = ErrorPage { allow, ..ErrorPage::new(405, Site::default()) }.render();
        assert!(html.contains("<code>HEAD, GET</code>"));
    }

    fn frame(function: &str, is_library: bool) -> Frame {
        Frame {
            file: "shop.py".into(),
            line: 48,
            function: function.into(),
            is_library,
            source: vec![(47, "before".into()), (48, "the line".into())],
            repeated: 0,
            variables: vec![("order_id".into(), "17".into()), ("token".into(), "s3cr3t".into())],
        }
    }

    fn with_frames(debug: bool) -> String {
        let cause = |link, message: &str| Cause {
            link,
            kind: Some("LookupError".into()),
            message: message.into(),
            frames: vec![frame("detail", false), frame("load", true), frame("fetch", true)],
            left_out: 0,
        };
        let causes = vec![
            cause(CauseLink::Cause, "outer"),
            cause(CauseLink::Cause, "inner"),
            cause(CauseLink::Context, "context"),
            cause(CauseLink::Member, "member"),
        ];
        let report = ErrorReport { causes, ..ErrorReport::default() }
            .with_route(Some("/order/<id:int>"), Some("shop.detail"));
        let site = Site { debug, ..Site::default() };
        ErrorPage { report: Some(&report), ..ErrorPage::new(500, site) }.render()
    }

    #[test]
    fn a_500_with_debug_shows_causes_frames_and_variables() {
        let html = with_frames(true);
        assert_page(&html);
        let order =
            ["outer", "caused by", "inner", "raised while handling", "context", "one of the group", "member"];
        let mut rest = html.as_str();
        for text in order {
            rest = rest.split_once(text).unwrap_or_else(|| panic!("{text} comes in this order")).1;
        }
        for (text, times) in [
            ("<details class=\"step\" open=\"\">", 4),
            ("<summary>2 frames of libraries</summary>", 4),
            ("<mark>  48  the line</mark>", 12),
            ("<code>shop.detail</code>", 1),
            ("<code>/order/&lt;id:int&gt;</code>", 1),
            ("<dt><code>order_id</code></dt><dd><code>17</code></dd>", 4),
            ("<dt><code>token</code></dt><dd><code>[hidden]</code></dd>", 4),
        ] {
            assert_eq!(html.matches(text).count(), times, "{text}\n{html}");
        }
    }

    #[test]
    fn nothing_of_the_frames_shows_without_debug() {
        let html = with_frames(false);
        for inside in ["outer", "caused by", "<details", "the line", "order_id", "shop.detail"] {
            assert!(!html.contains(inside), "{inside}");
        }
    }

    #[test]
    fn every_page_links_to_the_start_of_the_application() {
        for (prefix, href) in [
            ("", "/"),
            ("/shop", "/shop/"),
            ("/a b/č/", "/a%20b/%C4%8D/"),
            ("//elsewhere", "/elsewhere/"),
            ("/\\elsewhere", "/%5Celsewhere/"),
            ("javascript:alert(1)", "/javascript%3Aalert%281%29/"),
        ] {
            for (status, _) in state::STATUS_CODES {
                let html = ErrorPage::new(*status, Site { prefix, ..Site::default() }).render();
                assert!(html.contains(&format!("<a href=\"{href}\">Home</a>")), "{status} {prefix}");
            }
        }
    }

    #[test]
    fn an_endless_address_is_cut() {
        let uri = "/a".repeat(40_000);
        let html =
            ErrorPage { uri: &uri, detail: Some(&uri), ..ErrorPage::new(414, Site::default()) }.render();
        assert!(html.len() < 16_000, "{}", html.len());
        assert!(html.contains("… (79500 more bytes)"));
    }
}
