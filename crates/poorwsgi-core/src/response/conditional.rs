//! Conditional requests (RFC 9110, section 13): does the client know the current state of a resource?

use std::borrow::Cow;
use std::fmt;
use std::time::SystemTime;

use http::HeaderName;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};

use crate::headers::date;
use crate::state::Method;

/// An entity-tag, which identifies one version of a representation (RFC 9110, section 8.8.3).
///
/// ```
/// use poorwsgi::response::EntityTag;
///
/// let tag = EntityTag::parse("W/\"v1\"").unwrap();
/// assert!(tag.is_weak());
/// assert!(tag.weakly_equals(&EntityTag::strong("v1").unwrap()));
/// assert!(!tag.strongly_equals(&tag));
/// assert_eq!(tag.to_string(), "W/\"v1\"");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntityTag<'a> {
    opaque: Cow<'a, str>,
    weak: bool,
}

impl<'a> EntityTag<'a> {
    /// Makes a tag from a text known to consist of characters that a tag may hold, such as hexadecimal
    /// digits. The text is not checked.
    pub(super) fn new(opaque: impl Into<Cow<'a, str>>, weak: bool) -> Self {
        EntityTag { opaque: opaque.into(), weak }
    }

    /// A strong tag: it has to change whenever a single byte of the representation changes. `None` where the
    /// text holds a quote, a space or a control character.
    pub fn strong(opaque: impl Into<Cow<'a, str>>) -> Option<Self> {
        let opaque = opaque.into();
        opaque.bytes().all(is_etag_byte).then_some(EntityTag { opaque, weak: false })
    }

    /// A weak tag: it may stay the same while the meaning of the representation does. `None` where the text
    /// holds a quote, a space or a control character.
    pub fn weak(opaque: impl Into<Cow<'a, str>>) -> Option<Self> {
        EntityTag::strong(opaque).map(|tag| EntityTag { weak: true, ..tag })
    }

    /// Parses the value of an `ETag` field: a quoted text, with `W/` before it where the tag is weak. `None`
    /// for anything else.
    #[must_use]
    pub fn parse(field: &'a str) -> Option<Self> {
        match split_tag(field.trim_matches([' ', '\t']))? {
            (tag, "") => Some(tag),
            _ => None,
        }
    }

    /// Whether the tag promises only the same meaning, not the same bytes.
    #[must_use]
    pub const fn is_weak(&self) -> bool {
        self.weak
    }

    /// The text between the quotes.
    #[must_use]
    pub fn opaque(&self) -> &str {
        &self.opaque
    }

    /// Strong comparison, which promises the same bytes: the texts are equal and neither tag is weak (RFC
    /// 9110, section 8.8.3.2).
    #[must_use]
    pub fn strongly_equals(&self, other: &EntityTag<'_>) -> bool {
        !self.weak && !other.weak && self.opaque == other.opaque
    }

    /// Weak comparison, which promises the same meaning: the texts are equal (RFC 9110, section 8.8.3.2).
    #[must_use]
    pub fn weakly_equals(&self, other: &EntityTag<'_>) -> bool {
        self.opaque == other.opaque
    }
}

impl fmt::Display for EntityTag<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\"{}\"", if self.weak { "W/" } else { "" }, self.opaque)
    }
}

const fn is_etag_byte(byte: u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7E | 0x80..)
}

/// The tag at the start of a text, and the rest.
fn split_tag(text: &str) -> Option<(EntityTag<'_>, &str)> {
    let (weak, quoted) = match text.strip_prefix("W/") {
        Some(quoted) => (true, quoted),
        None => (false, text),
    };
    let (opaque, rest) = quoted.strip_prefix('"')?.split_once('"')?;
    opaque.bytes().all(is_etag_byte).then_some((EntityTag { opaque: opaque.into(), weak }, rest))
}

/// The tags of a comma-separated list, up to the first item that is not a tag.
fn tags(list: &str) -> impl Iterator<Item = EntityTag<'_>> {
    let mut rest = list;
    std::iter::from_fn(move || {
        let (tag, after) = split_tag(rest.trim_start_matches([' ', '\t', ',']))?;
        let after = after.trim_start_matches([' ', '\t']);
        rest = if after.is_empty() || after.starts_with(',') { after } else { "" };
        Some(tag)
    })
}

/// The validators of the current representation of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators<'a> {
    /// The value of `ETag`.
    pub entity_tag: Option<EntityTag<'a>>,
    /// The time of `Last-Modified`; fractions of a second are ignored.
    pub last_modified: Option<SystemTime>,
}

/// The outcome of a request's preconditions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The request is carried out.
    Proceed,
    /// 304: the client's copy is current.
    NotModified,
    /// 412: the resource is not in the state that the client expects.
    Failed,
}

/// Evaluates the preconditions of a request in the order of RFC 9110, section 13.2.2.
///
/// `field` returns the value of a header field of the request, several fields of one name joined by commas.
/// `current` is `None` where the resource has no representation yet. A handler that changes the resource has
/// to call this function before the change; for GET and HEAD, [`finish`](super::finish) calls it.
///
/// ```
/// use poorwsgi_core::response::EntityTag;
/// use poorwsgi_core::response::conditional::{Precondition, Validators, evaluate};
/// use poorwsgi_core::state::Method;
///
/// let current = Validators { entity_tag: EntityTag::strong("v2"), last_modified: None };
/// let field = |name: &http::HeaderName| (name == "if-match").then_some("\"v1\"".into());
/// assert_eq!(evaluate(Method::Put, field, Some(&current)), Precondition::Failed);
/// ```
pub fn evaluate<'r>(
    method: Method,
    field: impl Fn(&HeaderName) -> Option<Cow<'r, str>>,
    current: Option<&Validators<'_>>,
) -> Precondition {
    let reads = matches!(method, Method::Get | Method::Head);
    let matches_any = |list: &str, equal: fn(&EntityTag<'_>, &EntityTag<'_>) -> bool| match current {
        None => false,
        Some(_) if list.trim_matches([' ', '\t']) == "*" => true,
        Some(current) => {
            current.entity_tag.as_ref().is_some_and(|tag| tags(list).any(|listed| equal(&listed, tag)))
        }
    };
    // A field is ignored where its date is invalid, or where there is no modification date to compare it with
    // (sections 13.1.3 and 13.1.4).
    let changed_since = |date: &str| {
        let date = date::http_to_time(date)?;
        Some(date::unix_seconds(current?.last_modified?)? > date)
    };

    if let Some(list) = field(&IF_MATCH) {
        if !matches_any(&list, |listed, tag| listed.strongly_equals(tag)) {
            return Precondition::Failed;
        }
    } else if let Some(date) = field(&IF_UNMODIFIED_SINCE)
        && changed_since(&date) == Some(true)
    {
        return Precondition::Failed;
    }

    if let Some(list) = field(&IF_NONE_MATCH) {
        if matches_any(&list, |listed, tag| listed.weakly_equals(tag)) {
            return if reads { Precondition::NotModified } else { Precondition::Failed };
        }
    } else if reads
        && let Some(date) = field(&IF_MODIFIED_SINCE)
        && changed_since(&date) == Some(false)
    {
        return Precondition::NotModified;
    }
    Precondition::Proceed
}

/// Whether the condition of an `If-Range` holds, so that the client can combine the requested range with the
/// part that it already has (RFC 9110, section 13.1.5). It holds for the same strong entity-tag, or exactly
/// the same date.
#[must_use]
pub fn if_range(condition: &str, current: &Validators<'_>) -> bool {
    let condition = condition.trim_matches([' ', '\t']);
    if let Some(tag) = EntityTag::parse(condition) {
        return current.entity_tag.as_ref().is_some_and(|current| current.strongly_equals(&tag));
    }
    match date::http_to_time(condition) {
        Some(date) => current.last_modified.and_then(date::unix_seconds) == Some(date),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const LONG_AGO: &str = "Sat, 29 Oct 1994 19:43:31 GMT";
    const LATER: &str = "Sun, 30 Oct 1994 19:43:31 GMT";

    fn ask(method: Method, fields: &[(&str, &str)], current: Option<&Validators<'_>>) -> Precondition {
        let lookup = |name: &HeaderName| {
            fields.iter().find(|(field, _)| name == *field).map(|(_, value)| Cow::Borrowed(*value))
        };
        evaluate(method, lookup, current)
    }

    fn state(tag: &'static str, date: &str) -> Validators<'static> {
        Validators {
            entity_tag: EntityTag::parse(tag),
            last_modified: httpdate::parse_http_date(date).ok().map(|date| date + Duration::from_millis(700)),
        }
    }

    #[test]
    fn comparison_is_that_of_rfc_9110_section_8_8_3_2() {
        for (one, two, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (one, two) = (EntityTag::parse(one).unwrap(), EntityTag::parse(two).unwrap());
            assert_eq!(one.strongly_equals(&two), strong);
            assert_eq!(one.weakly_equals(&two), weak);
        }
    }

    #[test]
    fn malformed_tags_are_none() {
        for text in ["", "abc", "\"", "\"a", "\"a\"b", "w/\"a\"", "W/", "\"a b\"", "\"a\u{1}\"", "W/a"] {
            assert_eq!(EntityTag::parse(text), None, "{text:?}");
        }
        assert_eq!(EntityTag::strong("a\"b"), None);
        assert_eq!(EntityTag::parse("\"\"").unwrap().opaque(), "");
        assert_eq!(EntityTag::weak("é").unwrap().to_string(), "W/\"é\"");
    }

    #[test]
    fn lists_have_commas_in_and_between_tags() {
        let listed: Vec<String> =
            tags(", \"a,b\" ,, W/\"c\",\"d\" \"e\"").map(|tag| tag.to_string()).collect();
        assert_eq!(listed, ["\"a,b\"", "W/\"c\"", "\"d\""]);
    }

    /// RFC 9110, section 13.1.1.
    #[test]
    fn if_match_compares_strongly() {
        let current = state("\"a\"", LONG_AGO);
        let weak = state("W/\"a\"", LONG_AGO);
        for (value, current, outcome) in [
            ("\"a\"", Some(&current), Precondition::Proceed),
            ("\"b\", \"a\"", Some(&current), Precondition::Proceed),
            ("\"b\"", Some(&current), Precondition::Failed),
            ("W/\"a\"", Some(&current), Precondition::Failed),
            ("W/\"a\"", Some(&weak), Precondition::Failed),
            ("*", Some(&current), Precondition::Proceed),
            ("*", None, Precondition::Failed),
            ("junk", Some(&current), Precondition::Failed),
        ] {
            assert_eq!(ask(Method::Put, &[("if-match", value)], current), outcome, "{value}");
        }
    }

    /// RFC 9110, section 13.1.2.
    #[test]
    fn if_none_match_compares_weakly_and_is_412_where_something_would_change() {
        let current = state("\"a\"", LONG_AGO);
        for value in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", " * "] {
            let fields = [("if-none-match", value)];
            assert_eq!(ask(Method::Get, &fields, Some(&current)), Precondition::NotModified, "{value}");
            assert_eq!(ask(Method::Head, &fields, Some(&current)), Precondition::NotModified);
            assert_eq!(ask(Method::Put, &fields, Some(&current)), Precondition::Failed);
            assert_eq!(ask(Method::Put, &fields, None), Precondition::Proceed);
        }
        assert_eq!(ask(Method::Get, &[("if-none-match", "\"b\"")], Some(&current)), Precondition::Proceed);
    }

    /// RFC 9110, section 13.1.3: a date counts only for GET and HEAD, only without If-None-Match, only when
    /// valid.
    #[test]
    fn if_modified_since_is_the_weakest_condition() {
        let current = state("\"a\"", LONG_AGO);
        for (fields, outcome) in [
            (&[("if-modified-since", LONG_AGO)][..], Precondition::NotModified),
            (&[("if-modified-since", LATER)], Precondition::NotModified),
            (&[("if-modified-since", "Fri, 28 Oct 1994 19:43:31 GMT")], Precondition::Proceed),
            (&[("if-modified-since", "Saturday, 29-Oct-94 19:43:31 GMT")], Precondition::NotModified),
            (&[("if-modified-since", "yesterday")], Precondition::Proceed),
            (&[("if-modified-since", LATER), ("if-none-match", "\"b\"")], Precondition::Proceed),
        ] {
            assert_eq!(ask(Method::Get, fields, Some(&current)), outcome, "{fields:?}");
        }
        assert_eq!(ask(Method::Post, &[("if-modified-since", LATER)], Some(&current)), Precondition::Proceed);
        let undated = Validators::default();
        assert_eq!(ask(Method::Get, &[("if-modified-since", LATER)], Some(&undated)), Precondition::Proceed);
    }

    /// RFC 9110, sections 13.1.4 and 13.2.2.
    #[test]
    fn if_unmodified_since_counts_without_if_match() {
        let current = state("\"a\"", LATER);
        for (fields, outcome) in [
            (&[("if-unmodified-since", LATER)][..], Precondition::Proceed),
            (&[("if-unmodified-since", LONG_AGO)], Precondition::Failed),
            (&[("if-unmodified-since", "soon")], Precondition::Proceed),
            (&[("if-unmodified-since", LONG_AGO), ("if-match", "\"a\"")], Precondition::Proceed),
            (&[("if-match", "\"a\""), ("if-none-match", "\"a\"")], Precondition::NotModified),
            (&[("if-match", "\"b\""), ("if-none-match", "\"a\"")], Precondition::Failed),
        ] {
            assert_eq!(ask(Method::Get, fields, Some(&current)), outcome, "{fields:?}");
        }
    }

    /// RFC 9110, section 13.1.5.
    #[test]
    fn if_range_wants_the_very_same_bytes() {
        let current = state("\"a\"", LONG_AGO);
        assert!(if_range("\"a\"", &current));
        assert!(if_range(LONG_AGO, &current));
        for condition in ["\"b\"", "W/\"a\"", LATER, "Fri, 28 Oct 1994 19:43:31 GMT", "", "*", "\"a\", \"b\""]
        {
            assert!(!if_range(condition, &current), "{condition}");
        }
        assert!(!if_range("W/\"a\"", &state("W/\"a\"", LONG_AGO)));
    }

    proptest! {
        #[test]
        fn any_tag_is_read_as_it_was_written(opaque in "[!#-~é]{0,20}", weak: bool) {
            let tag = if weak { EntityTag::weak(opaque) } else { EntityTag::strong(opaque) }.unwrap();
            let written = tag.to_string();
            prop_assert_eq!(EntityTag::parse(&written), Some(tag));
        }

        #[test]
        fn any_list_of_tags_is_read_as_it_was_written(opaque in prop::collection::vec("[!#-~]{0,5}", 0..6)) {
            let written: Vec<String> = opaque.iter().map(|text| format!("\"{text}\"")).collect();
            let read: Vec<String> = tags(&written.join(" , ")).map(|tag| tag.opaque().to_owned()).collect();
            prop_assert_eq!(read, opaque);
        }

        #[test]
        fn no_field_panics(value: String) {
            let current = state("\"a\"", LONG_AGO);
            for name in ["if-match", "if-none-match", "if-modified-since", "if-unmodified-since"] {
                ask(Method::Get, &[(name, &value)], Some(&current));
            }
            let _ = if_range(&value, &current);
        }
    }
}
