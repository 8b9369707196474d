//! Content negotiation: `Accept` and the fields of the same form (RFC 9110, section 12).

use std::fmt::{Display, Write as _};

use super::parameters::{MAX_PARAMETERS, split_quoted};

/// How many choices of one field are read; further ones are ignored. Browsers send a dozen.
pub const MAX_CHOICES: usize = 256;

/// Parses a list of choices with their quality, in the order of the field, [`MAX_CHOICES`] at most.
///
/// The quality is the weight `q` between 0 (not acceptable) and 1; without one, or with one that is not a
/// number, it is 1. What follows the weight is not part of the choice. Empty items are skipped (RFC 9110,
/// section 5.6.1); as with PoorWSGI, a field that names nothing gives one empty choice.
///
/// ```
/// use poorwsgi_core::headers::negotiation::parse_negotiation;
///
/// assert_eq!(
///     parse_negotiation("text/html;level=1, text/html;level=2; q=0.5, *;q=0"),
///     [("text/html;level=1", 1.0), ("text/html;level=2", 0.5), ("*", 0.0)]
/// );
/// ```
#[must_use]
pub fn parse_negotiation(value: &str) -> Vec<(&str, f64)> {
    let items = split_quoted(value, b',').filter(|item| !item.trim_ascii().is_empty());
    let choices: Vec<_> = items.take(MAX_CHOICES).map(parse_choice).collect();
    if choices.is_empty() { vec![("", 1.0)] } else { choices }
}

fn parse_choice(item: &str) -> (&str, f64) {
    let mut end = 0;
    for piece in split_quoted(item, b';').take(MAX_PARAMETERS) {
        if let Some(weight) = weight(piece) {
            // `end` includes the separator before the weight. A weight alone gives an empty choice.
            return (item.get(..end).unwrap_or_default().trim().trim_end_matches(';').trim_end(), weight);
        }
        end += piece.len() + 1;
    }
    (item.trim(), 1.0)
}

fn weight(piece: &str) -> Option<f64> {
    let (name, value) = piece.split_once('=')?;
    if !name.trim().eq_ignore_ascii_case("q") {
        return None;
    }
    let weight = value.trim().parse().ok().filter(|weight: &f64| weight.is_finite());
    Some(weight.unwrap_or(1.0).clamp(0.0, 1.0))
}

/// Writes choices as a field value. A choice without a quality is written without a weight.
///
/// ```
/// use poorwsgi_core::headers::negotiation::render_negotiation;
///
/// let choices = [("gzip", Some(0.8)), ("compress", None), ("*", Some(0.0))];
/// assert_eq!(render_negotiation(choices), "gzip;q=0.8, compress, *;q=0");
/// ```
#[must_use]
pub fn render_negotiation<C: Display, Q: Display>(
    choices: impl IntoIterator<Item = (C, Option<Q>)>,
) -> String {
    let mut line = String::new();
    for (choice, quality) in choices {
        let separator = if line.is_empty() { "" } else { ", " };
        // Writing to a String cannot fail.
        let _ = match quality {
            Some(quality) => write!(line, "{separator}{choice};q={quality}"),
            None => write!(line, "{separator}{choice}"),
        };
    }
    line
}

/// Whether the list names a choice, with a quality above 0. Wildcards do not name a choice. Of choices with
/// the same name the last one counts.
#[must_use]
pub fn is_named<C: AsRef<str>>(choices: &[(C, f64)], name: &str) -> bool {
    quality_of(choices, name).is_some_and(|quality| quality > 0.0)
}

/// The quality that the list gives to a choice, wildcards included: 0 where it is not acceptable.
///
/// The most specific item counts: `text/html` before `text/*` before `*/*` or `*` (RFC 9110, section 12.5.1).
///
/// ```
/// use poorwsgi_core::headers::negotiation::{parse_negotiation, quality};
///
/// let choices = parse_negotiation("text/*;q=0.5, text/plain;q=0, */*;q=0.1");
/// assert_eq!(quality(&choices, "text/html"), 0.5);
/// assert_eq!(quality(&choices, "text/plain"), 0.0);
/// assert_eq!(quality(&choices, "image/png"), 0.1);
/// ```
#[must_use]
pub fn quality<C: AsRef<str>>(choices: &[(C, f64)], name: &str) -> f64 {
    let family = name.split_once('/').map(|(kind, _)| format!("{kind}/*"));
    quality_of(choices, name)
        .or_else(|| quality_of(choices, &family?))
        .or_else(|| quality_of(choices, if name.contains('/') { "*/*" } else { "*" }))
        .unwrap_or(0.0)
}

/// The quality of the item that names a choice; `None` where no item does. Of several the last one counts.
pub(crate) fn quality_of<C: AsRef<str>>(choices: &[(C, f64)], name: &str) -> Option<f64> {
    let named = |(choice, _): &&(C, f64)| choice.as_ref().eq_ignore_ascii_case(name);
    choices.iter().rev().find(named).map(|(_, quality)| *quality)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn choices_as_poorwsgi_reads_them() {
        assert_eq!(
            parse_negotiation("gzip;q=1.0, identity;q=0.5, *;q=0"),
            [("gzip", 1.0), ("identity", 0.5), ("*", 0.0)]
        );
        assert_eq!(parse_negotiation(""), [("", 1.0)]);
        assert_eq!(parse_negotiation("a;q=x"), [("a", 1.0)]);
        assert_eq!(parse_negotiation("a;q=0.5;q=0.3"), [("a", 0.5)]);
    }

    /// PoorWSGI does not understand `text/html; q=0.5`, with a space.
    #[test]
    fn spaces_around_a_weight() {
        assert_eq!(parse_negotiation("text/html; q=0.5 , b ;Q = 0.2"), [("text/html", 0.5), ("b", 0.2)]);
        assert_eq!(parse_negotiation("gzip;q=0.5;x=1"), [("gzip", 0.5)]);
    }

    #[test]
    fn a_weight_is_between_0_and_1() {
        for (item, quality) in
            [("a;q=nan", 1.0), ("a;q=inf", 1.0), ("a;q=-1", 0.0), ("a;q=2", 1.0), ("a;q=", 1.0)]
        {
            assert_eq!(parse_negotiation(item), [("a", quality)], "{item}");
        }
    }

    /// RFC 9110, section 5.6.1.
    #[test]
    fn empty_items_are_skipped() {
        assert_eq!(parse_negotiation(",a, ,\t,b;q=0.5,"), [("a", 1.0), ("b", 0.5)]);
        assert_eq!(parse_negotiation(" , ,,"), [("", 1.0)]);
    }

    #[test]
    fn choices_are_counted() {
        assert_eq!(parse_negotiation(&"a,".repeat(30_000)).len(), MAX_CHOICES);
        assert_eq!(parse_negotiation(&format!("{}b", ",".repeat(30_000))), [("b", 1.0)]);
    }

    /// RFC 9110, section 5.6.4: a comma in a quoted string does not end an item.
    #[test]
    fn quoted_commas() {
        assert_eq!(parse_negotiation("a;b=\"x,y\";q=0.1, c"), [("a;b=\"x,y\"", 0.1), ("c", 1.0)]);
    }

    #[test]
    fn a_choice_with_quality_0_is_not_accepted() {
        let choices = parse_negotiation("text/html;q=0, application/json, text/plain, text/plain;q=0, */*");
        assert!(!is_named(&choices, "text/html"));
        assert!(is_named(&choices, "Application/JSON"));
        assert!(!is_named(&choices, "text/plain"));
        assert!(!is_named(&choices, "image/png"));
    }

    #[test]
    fn codings_have_one_wildcard() {
        let choices = parse_negotiation("gzip;q=0, *;q=0.5");
        assert!(quality(&choices, "gzip").abs() < f64::EPSILON);
        assert!((quality(&choices, "br") - 0.5).abs() < f64::EPSILON);
        assert!(quality(&parse_negotiation("gzip"), "br").abs() < f64::EPSILON);
    }

    proptest! {
        #[test]
        fn any_text_is_read(value in ".*") {
            for (_, quality) in parse_negotiation(&value) {
                prop_assert!((0.0..=1.0).contains(&quality));
            }
        }

        #[test]
        fn what_was_rendered_is_read_back(
            choices in prop::collection::vec(("[a-z*]{1,5}/[a-z*]{1,5}", 0.0..=1.0), 1..8)
        ) {
            let line = render_negotiation(choices.iter().map(|(choice, quality)| (choice, Some(quality))));
            let read: Vec<_> = parse_negotiation(&line).into_iter().map(|(c, q)| (c.to_owned(), q)).collect();
            prop_assert_eq!(read, choices);
        }
    }
}
