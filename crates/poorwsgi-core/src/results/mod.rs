//! The pages an application answers with when it has none of its own: errors, the index of a directory, and
//! the debug page.
//!
//! Each page is a struct of plain data with a `render` method, so that it needs neither a request nor an
//! application to be made or tested. Everything in it is escaped by the template engine. The pages are
//! complete HTML documents without scripts and without external resources, so they can be sent with
//! [`CONTENT_SECURITY_POLICY`].
//!
//! A client that prefers JSON to HTML gets the facts of an error's page as `application/problem+json` (RFC
//! 9457); [`ErrorPage::to_response`] is the one place that chooses.
//!
//! ```
//! use poorwsgi_core::results::{ErrorPage, Site};
//!
//! let page = ErrorPage { method: "GET", uri: "/<b>", ..ErrorPage::new(404, Site::default()) };
//! let html = page.render();
//! assert!(html.contains("<title>404 Not Found</title>"));
//! assert!(html.contains("/&lt;b&gt;"));
//! ```

#[cfg(feature = "pages")]
mod debug_page;
#[cfg(feature = "pages")]
mod directory_index;
mod error_page;
#[cfg_attr(not(feature = "pages"), allow(dead_code))] // only pages show frames and how errors are linked
mod error_report;
mod escape;
#[cfg_attr(not(feature = "pages"), allow(dead_code))] // only pages show frames
mod frame;
#[cfg(feature = "pages")]
mod href;
mod problem;
mod redact;
mod response;
mod secrets;
#[cfg(feature = "pages")]
#[cfg(test)]
mod wellformed;

use std::borrow::Cow;
use std::fmt::Write as _;

#[cfg(feature = "pages")]
use askama::Template;

#[cfg(feature = "pages")]
pub use debug_page::{DebugPage, HandlerRow};
#[cfg(feature = "pages")]
pub use directory_index::DirectoryIndex;
pub use error_page::ErrorPage;
pub(crate) use error_report::without;
pub use error_report::{Cause, CauseLink, ErrorReport};
pub use escape::html_escape;
pub use frame::Frame;
pub use problem::{PROBLEM, prefers_problem};
pub use redact::{HIDDEN, redact};
#[cfg(feature = "pages")]
pub use response::page_response;
pub use response::{RefusedRequest, refusal};
pub use secrets::Secrets;

#[cfg(feature = "pages")]
use crate::clip::is_invisible;
use crate::state::{METHOD_ALL, MethodSet};

#[cfg(feature = "pages")]
/// The `Content-Security-Policy` for the pages of this module. It allows their style sheet, by its digest,
/// and forbids everything else: scripts, frames, forms, and external resources.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'sha256-vPa2VqrWdBs8myosxIbvVCarniv0aggA6mehmv2mHQc='; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The server, as the footer of each page names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Site<'a> {
    /// Name of the server, such as `example.org`; left out when empty.
    pub hostname: &'a str,
    /// Contact of the administrator; left out when empty.
    pub admin: &'a str,
    /// Name and version of the server software. It is shown only with `debug`, because it helps attackers
    /// too.
    pub software: &'a str,
    /// Whether the reader may see internals of the application.
    pub debug: bool,
    /// The prefix below which the application is mounted, percent-decoded; empty where there is none. Error
    /// pages link to it.
    pub prefix: &'a str,
}

#[cfg(feature = "pages")]
impl Site<'_> {
    fn footer(&self) -> String {
        let mut parts = Vec::new();
        if !self.hostname.is_empty() {
            parts.push(self.hostname.to_owned());
        }
        if !self.admin.is_empty() {
            parts.push(format!("contact: {}", self.admin));
        }
        if self.debug && !self.software.is_empty() {
            parts.push(self.software.to_owned());
        }
        parts.join(" · ")
    }
}

/// Scales a number of bytes for people: returns the value, and the prefix of its unit. Each prefix is 1024
/// times the one before.
///
/// A value of at most 1000 is not scaled any further. With the largest prefix, `P`, the value may be above
/// 1000.
///
/// ```
/// use poorwsgi::results::hbytes;
///
/// assert_eq!(hbytes(1024.0), (1.0, "k"));
/// assert_eq!(hbytes(2_000_000.0), (1.9073486328125, "M"));
/// ```
#[must_use]
pub fn hbytes(value: f64) -> (f64, &'static str) {
    let mut value = value;
    let mut unit = "";
    for larger in ["k", "M", "G", "T", "P"] {
        if value <= 1000.0 || value.is_nan() {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    (value, unit)
}

/// A set of methods for people: `HEAD | GET`, or `ALL`.
///
/// ```
/// use poorwsgi_core::{results::human_methods, state};
///
/// assert_eq!(human_methods(state::METHOD_GET | state::METHOD_HEAD), "HEAD | GET");
/// assert_eq!(human_methods(state::METHOD_ALL), "ALL");
/// ```
#[must_use]
pub fn human_methods(methods: MethodSet) -> String {
    if methods == METHOD_ALL {
        return "ALL".to_owned();
    }
    methods.iter().map(|method| method.as_str()).collect::<Vec<_>>().join(" | ")
}

#[cfg(feature = "pages")]
/// Renders a page. Control characters, which HTML may not hold, and overrides of the direction of writing,
/// which could disguise a value, become visible characters.
fn render(page: &impl Template) -> String {
    let html = page.render().unwrap_or_else(|error| {
        tracing::error!(target: "poorwsgi", %error, "a built-in page cannot be rendered");
        String::new()
    });
    if !html.contains(is_invisible) {
        return html;
    }
    html.chars()
        .map(|character| if is_invisible(character) { picture(character) } else { character })
        .collect()
}

#[cfg(feature = "pages")]
/// The character that stands for an invisible one: from the Unicode block "Control Pictures" if possible,
/// else U+FFFD.
fn picture(character: char) -> char {
    match u32::from(character) {
        code @ 0..0x20 => char::from_u32(0x2400 + code).unwrap_or(char::REPLACEMENT_CHARACTER),
        0x7F => '\u{2421}',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// The text, cut after `limit` characters, with a note of how many bytes are left out.
fn clip(text: &str, limit: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(limit) else { return Cow::Borrowed(text) };
    let (kept, cut) = text.split_at(end);
    let mut clipped = kept.to_owned();
    // Writing to a String cannot fail.
    let _ = write!(clipped, "… ({} more bytes)", cut.len());
    Cow::Owned(clipped)
}

#[cfg_attr(not(feature = "pages"), allow(dead_code))]
/// The text, cut after `limit` characters, with a mark where something is left out.
fn cut(text: &str, limit: usize) -> Cow<'_, str> {
    let Some((end, _)) = text.char_indices().nth(limit) else { return Cow::Borrowed(text) };
    Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default()))
}

#[cfg(feature = "pages")]
#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use sha2::{Digest as _, Sha256};

    #[test]
    fn the_policy_admits_the_style_sheet_and_nothing_else() {
        let html = ErrorPage::new(404, Site::default()).render();
        let (_, rest) = html.split_once("<style>").unwrap();
        let (sheet, _) = rest.split_once("</style>").unwrap();
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(sheet));
        assert!(CONTENT_SECURITY_POLICY.contains(&format!("'sha256-{digest}'")), "sha256-{digest}");
        assert!(!sheet.contains("url(") && !sheet.contains("@import"));
    }

    // The expected values are those of PoorWSGI 2.8.1, except above the last unit, where it raises
    // `IndexError`.
    #[test]
    fn bytes_for_people() {
        assert_eq!(hbytes(0.0), (0.0, ""));
        assert_eq!(hbytes(1000.0), (1000.0, ""));
        assert_eq!(hbytes(1000.1), (0.976_660_156_25, "k"));
        assert_eq!(hbytes(1_099_511_627_776.0), (1.0, "T"));
        assert_eq!(hbytes(-5.0), (-5.0, ""));
        assert_eq!(hbytes(1e30).1, "P");
        assert_eq!(hbytes(f64::INFINITY), (f64::INFINITY, "P"));
        assert!(hbytes(f64::NAN).0.is_nan());
    }

    #[test]
    fn methods_for_people() {
        assert_eq!(human_methods(MethodSet::default()), "");
        assert_eq!(human_methods(MethodSet::from_bits(7)), "HEAD | GET | POST");
        assert_eq!(human_methods(MethodSet::from_bits(256 | 128)), "CONNECT | PATCH");
        assert_eq!(human_methods(METHOD_ALL), "ALL");
    }

    #[test]
    fn control_characters_and_direction_overrides_become_visible() {
        let page = ErrorPage {
            uri: "/a\0b\u{1b}[31m\u{7f}\u{85}/photo\u{202e}gpj.exe",
            ..ErrorPage::new(404, Site::default())
        };
        let html = page.render();
        assert!(html.contains("/a\u{2400}b\u{241b}[31m\u{2421}\u{fffd}/photo\u{fffd}gpj.exe"));
        assert!(!html.contains(is_invisible));
    }

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(clip("žluťoučký", 9), "žluťoučký");
        assert_eq!(clip("žluťoučký", 3), "žlu… (9 more bytes)");
    }
}
