//! The page of a status for programs: `application/problem+json` (RFC 9457).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use serde::{Serialize, Serializer};

use super::ErrorPage;
use super::error_page::Facts;
use super::error_report::Shown;
use crate::clip::is_invisible;
use crate::headers::negotiation::{parse_negotiation, quality, quality_of};

/// The media type of a problem (RFC 9457, section 3).
pub const PROBLEM: &str = "application/problem+json";

/// Whether a client prefers JSON to HTML, by the quality values of its `Accept` field (RFC 9110, section
/// 12.5.1).
///
/// Where both have the same quality, JSON is preferred if the field names it and takes HTML only by a
/// wildcard, as in `application/json, */*`. A client that takes anything gets HTML. Parameters of a media
/// type are ignored.
///
/// ```
/// use poorwsgi_core::results::prefers_problem;
///
/// assert!(prefers_problem("application/json"));
/// assert!(prefers_problem("text/html;q=0.5, application/problem+json"));
/// assert!(!prefers_problem("text/html, application/json;q=0.9"));
/// assert!(!prefers_problem("*/*"));
/// ```
#[must_use]
pub fn prefers_problem(accept: &str) -> bool {
    let choices: Vec<_> = parse_negotiation(accept)
        .into_iter()
        .map(|(choice, quality)| (choice.split(';').next().unwrap_or_default().trim(), quality))
        .collect();
    let problem = quality_of(&choices, PROBLEM);
    if problem.is_some_and(|quality| quality <= 0.0) {
        return false;
    }
    let json = quality_of(&choices, "application/json");
    let named = problem.into_iter().chain(json).reduce(f64::max);
    let json = named.unwrap_or_else(|| quality(&choices, PROBLEM));
    let html = quality(&choices, "text/html");
    match json.total_cmp(&html) {
        Ordering::Greater => true,
        Ordering::Equal => json > 0.0 && named.is_some() && quality_of(&choices, "text/html").is_none(),
        Ordering::Less => false,
    }
}

/// The members of RFC 9457, section 3.1, and the other facts of the page as extension members.
#[derive(Serialize)]
struct Problem<'a> {
    /// `about:blank`: the status says what kind of problem it is (RFC 9457, section 4.2.1).
    r#type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    method: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report<'a>>,
}

/// What a page shows of an error when debug is on.
#[derive(Serialize)]
struct Report<'a> {
    causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    others: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<&'a str>,
    traceback: Vec<&'a str>,
    #[serde(serialize_with = "as_object")]
    request: &'a [(&'a str, Cow<'a, str>)],
}

fn as_object<S: Serializer>(facts: &[(&str, Cow<'_, str>)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(facts.iter().map(|(name, value)| (name, value)))
}

impl<'a> Report<'a> {
    fn new(shown: &'a Shown<'a>) -> Self {
        let causes = shown.causes.iter().map(|cause| match &cause.kind {
            Some(kind) => format!("{kind}: {}", cause.message),
            None => cause.message.clone().into_owned(),
        });
        Report {
            causes: causes.collect(),
            others: shown.others.as_deref(),
            location: shown.causes.first().and_then(|cause| cause.location.as_deref()),
            traceback: shown.backtrace.lines().collect(),
            request: &shown.facts,
        }
    }
}

impl ErrorPage<'_> {
    /// The page as a JSON document of RFC 9457, whose media type is [`PROBLEM`]. Its `detail` is that of the
    /// page, or else what the status means; `method`, `path`, `allow` and, with debug, `report` are extension
    /// members.
    ///
    /// ```
    /// use poorwsgi_core::results::{ErrorPage, Site};
    ///
    /// let page = ErrorPage { uri: "/x", detail: Some("no such user"), ..ErrorPage::new(404, Site::default()) };
    /// assert_eq!(
    ///     page.render_problem(),
    ///     r#"{"type":"about:blank","title":"Not Found","status":404,"detail":"no such user","path":"/x"}"#
    /// );
    /// ```
    #[must_use]
    pub fn render_problem(&self) -> String {
        let Facts { status, reason, explanation, method, uri, detail, allow, report } = self.facts();
        let problem = Problem {
            r#type: "about:blank",
            title: reason,
            status,
            detail: detail.as_deref().unwrap_or(explanation),
            method,
            path: &uri,
            allow: allow.map(|allow| allow.iter().map(|method| method.as_str()).collect()),
            report: report.as_ref().map(Report::new),
        };
        // Cannot fail: there are only texts, numbers, and maps with text for keys.
        let json = serde_json::to_string(&problem).unwrap_or_default();
        with_invisible_escaped(json)
    }
}

/// Escapes in a JSON text what could disguise it, or command the terminal of its reader. JSON escapes only
/// the control characters of ASCII (RFC 8259, section 7).
fn with_invisible_escaped(json: String) -> String {
    if !json.contains(is_invisible) {
        return json;
    }
    json.chars().fold(String::with_capacity(json.len() + 16), |mut text, character| {
        if is_invisible(character) {
            // Writing to a String cannot fail.
            let _ =
                character.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(text, "\\u{unit:04x}"));
        } else {
            text.push(character);
        }
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::results::{ErrorReport, Site};
    use crate::state;

    fn problem(page: &ErrorPage<'_>) -> Value {
        serde_json::from_str(&page.render_problem()).unwrap()
    }

    /// RFC 9110, section 12.5.1: the most specific item counts, and 0 means "not acceptable".
    #[test]
    fn who_prefers_json() {
        for accept in [
            "application/json",
            "application/problem+json",
            "Application/JSON; charset=utf-8",
            "application/json, text/html;q=0.9",
            "text/html;q=0.5, application/problem+json;q=0.6",
            "text/*;q=0.3, application/*",
            "application/json, */*;q=0.5",
            "application/json, text/plain, */*",
            "application/json;q=0.9, */*;q=0.8",
            "text/html;q=0, */*",
        ] {
            assert!(prefers_problem(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/html",
            "text/html, application/json",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.5, */*",
            "application/json;q=0",
            "application/problem+json;q=0, application/json",
            "application/json;q=0, text/html;q=0",
            "image/png",
            "text/*, application/*",
        ] {
            assert!(!prefers_problem(accept), "{accept}");
        }
    }

    #[test]
    fn every_status_is_a_problem() {
        for (status, reason) in state::STATUS_CODES {
            let problem = problem(&ErrorPage::new(*status, Site::default()));
            assert_eq!((&problem["status"], &problem["title"]), (&json!(status), &json!(reason)));
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.ends_with('.')), "{problem}");
            assert_eq!(problem["type"], "about:blank");
        }
        assert_eq!(problem(&ErrorPage::new(999, Site::default()))["status"], 500);
    }

    #[test]
    fn the_facts_of_the_page_are_extension_members() {
        let page = ErrorPage {
            method: "PUT",
            uri: "/\u{202e}\u{9b}\u{1b}",
            allow: Some(state::METHOD_HEAD | state::METHOD_GET),
            ..ErrorPage::new(405, Site::default())
        };
        let members = problem(&page);
        assert_eq!(members["method"], "PUT");
        assert_eq!(members["path"], page.uri);
        assert_eq!(members["allow"], json!(["HEAD", "GET"]));
        assert!(!page.render_problem().contains(is_invisible));
    }

    #[test]
    fn a_500_tells_its_causes_only_with_debug() {
        let report = ErrorReport::new(&std::io::Error::other("disk gone"))
            .with_type("std::io::Error")
            .with_location("src/main.rs:7")
            .with_backtrace("frame one\nframe two")
            .with_fact("Rule", "/x")
            .with_fact("Authorization", "Basic c2VjcmV0");
        let site = Site { debug: true, ..Site::default() };
        let page = |site| ErrorPage {
            detail: Some("no table users"),
            report: Some(&report),
            ..ErrorPage::new(500, site)
        };
        let quiet = page(Site::default()).render_problem();
        assert!(["users", "disk", "report"].iter().all(|inside| !quiet.contains(inside)), "{quiet}");
        let told = problem(&page(site));
        assert_eq!(told["detail"], "no table users");
        assert_eq!(told["report"]["causes"], json!(["std::io::Error: disk gone"]));
        assert_eq!(told["report"]["traceback"], json!(["frame one", "frame two"]));
        assert_eq!(told["report"]["request"]["Rule"], "/x");
        assert!(!told.to_string().contains("c2VjcmV0"));
    }
}
