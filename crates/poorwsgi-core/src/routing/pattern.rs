//! The syntax of routes: `/user/<name:word>/<age:int>`.

use std::sync::Arc;

use super::captures::Argument;
use super::dialect;
use super::error::{RouteError, RouteErrorKind};
use super::expressions::Expressions;
use super::filter::{ANY_SEGMENT, Conversion, Filters, is_within_segment, own_expression};
use super::index::{RoutePiece, Shape};
use super::matcher::{End, Matcher, literal_prefix};
use super::segments::SegmentsBuilder;

/// The characters with a special meaning in a regular expression. Only these are escaped, so that the
/// expression of an ordinary route is the same as PoorWSGI's.
const SPECIAL: &[char] = &['\\', '.', '+', '*', '?', '(', ')', '|', '[', ']', '{', '}', '^', '$'];

/// A parsed route.
#[derive(Debug)]
pub(super) struct Pattern<'p, C> {
    rule: &'p str,
    parts: Vec<RulePart<'p, C>>,
}

#[derive(Debug)]
enum RulePart<'p, C> {
    Literal(&'p str),
    Group(Group<'p, C>),
}

#[derive(Debug)]
struct Group<'p, C> {
    name: &'p str,
    expression: String,
    conversion: Conversion<C>,
    column: usize,
}

/// A compiled route.
#[derive(Debug)]
pub(super) struct Compiled<C> {
    pub(super) matcher: Matcher,
    pub(super) shape: Shape,
    pub(super) arguments: Arc<[Argument<C>]>,
}

/// A text as a regular expression of Python's `re` that matches the text alone.
pub(super) fn escaped(text: &str) -> String {
    let mut expression = String::with_capacity(text.len());
    for char in text.chars() {
        if SPECIAL.contains(&char) {
            expression.push('\\');
        }
        expression.push(char);
    }
    expression
}

/// Whether a route has groups. A route without groups is compared with paths as text.
pub(super) fn has_groups(rule: &str) -> bool {
    rule.contains('<')
}

impl<'p, C: Clone> Pattern<'p, C> {
    /// Splits a route into its literal parts and its groups, and looks up the filters of the groups.
    pub(super) fn parse(rule: &'p str, filters: &Filters<C>) -> Result<Self, RouteError> {
        let mut parts = Vec::new();
        let mut rest = rule;
        let mut column = 1;
        while let Some((literal, group)) = rest.split_once('<') {
            if !literal.is_empty() {
                parts.push(RulePart::Literal(literal));
            }
            column += literal.chars().count();
            let fault = |kind, detail: &str| RouteError::new(kind, rule, detail).at(column);
            let Some((written, after)) = split_group(group) else {
                return Err(fault(RouteErrorKind::Group, "the group is not closed: `<` has no `>`"));
            };
            let (name, filter) = match written.find(':') {
                Some(colon) => (written.get(..colon).unwrap_or_default(), written.get(colon..)),
                None => (written, None),
            };
            check_spaces(name, filter).map_err(|detail| fault(RouteErrorKind::Space, detail))?;
            check_name(name).map_err(|detail| fault(RouteErrorKind::Group, &detail))?;
            if parts.iter().any(|part| matches!(part, RulePart::Group(group) if group.name == name)) {
                return Err(fault(
                    RouteErrorKind::Group,
                    &format!("the group name \"{name}\" is used twice; give each group its own name"),
                ));
            }
            let (expression, conversion) = filters.find(filter).ok_or_else(|| {
                let filter = filter.unwrap_or_default();
                let mut detail = format!("there is no filter \"{filter}\"; known: {}", filters.known());
                let swapped = format!(":{name}");
                if filters.find(Some(&swapped)).is_some() {
                    detail.push_str(&format!(
                        "; write <{}:{name}>, the name first",
                        filter.trim_start_matches(':')
                    ));
                }
                fault(RouteErrorKind::UnknownFilter, &detail)
            })?;
            if expression.is_empty() {
                return Err(fault(RouteErrorKind::Regex, "the regular expression is empty"));
            }
            let (expression, conversion) = (expression.to_owned(), conversion.clone());
            parts.push(RulePart::Group(Group { name, expression, conversion, column }));
            column += written.chars().count() + 2;
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(RulePart::Literal(rest));
        }
        Ok(Pattern { rule, parts })
    }

    /// The route as one regular expression of Python's `re`. Routes with the same expression are the same
    /// route.
    pub(super) fn source(&self) -> String {
        let mut source = self.expression();
        source.push('$');
        source
    }

    /// Whether this route matches every path that the other one matches. It is false in doubt.
    pub(super) fn takes_all_of(&self, other: &Self) -> bool {
        let takes = |parts: (&RulePart<'_, C>, &RulePart<'_, C>)| match parts {
            (RulePart::Literal(text), RulePart::Literal(other)) => text == other,
            (RulePart::Group(group), RulePart::Group(other)) => {
                group.expression == other.expression
                    || (group.expression == ANY_SEGMENT && is_within_segment(&other.expression))
            }
            _ => false,
        };
        self.parts.len() == other.parts.len() && self.parts.iter().zip(&other.parts).all(takes)
    }

    fn expression(&self) -> String {
        let mut expression = String::new();
        for part in &self.parts {
            match part {
                RulePart::Literal(text) => expression.push_str(&escaped(text)),
                RulePart::Group(Group { name, expression: inner, .. }) => {
                    expression.extend(["(?P<", name, ">", inner, ")"]);
                }
            }
        }
        expression
    }

    fn groups(&self) -> impl Iterator<Item = &Group<'p, C>> {
        self.parts.iter().filter_map(|part| match part {
            RulePart::Group(group) => Some(group),
            RulePart::Literal(_) => None,
        })
    }

    pub(super) fn compile(&self, expressions: &mut Expressions) -> Result<Compiled<C>, RouteError> {
        if !self.groups().all(|group| dialect::is_balanced(&group.expression)) {
            return Err(self.blame(String::new()));
        }
        let mut segments = SegmentsBuilder::default();
        let mut pieces = Vec::with_capacity(self.parts.len());
        for part in &self.parts {
            match part {
                RulePart::Literal(text) => {
                    segments.literal(text);
                    pieces.push(RoutePiece::Literal(text));
                }
                RulePart::Group(group) => {
                    let within = expressions.within(&group.expression);
                    segments.group(within.as_ref());
                    pieces.push(if within.is_some() { RoutePiece::Within } else { RoutePiece::Across });
                }
            }
        }
        let shape = Shape::new(pieces);
        let (matcher, places): (Matcher, Vec<usize>) = match segments.build() {
            Some(segments) => (Matcher::Segments(segments), (1..=self.groups().count()).collect()),
            None => {
                let matcher =
                    Matcher::compile(&self.expression(), End::Text).map_err(|detail| self.blame(detail))?;
                let names = matcher.group_names();
                let place = |group: &Group<'p, C>| names.iter().position(|name| *name == Some(group.name));
                let places = self.groups().filter_map(place).map(|at| at + 1).collect();
                (matcher, places)
            }
        };
        let argument = |(group, place): (&Group<'p, C>, usize)| Argument {
            group: place,
            name: Some(group.name.into()),
            conversion: group.conversion.clone(),
        };
        let arguments = self.groups().zip(places).map(argument).collect();
        Ok(Compiled { matcher, shape, arguments })
    }

    /// The error for a route that does not compile. It points at the first group that does not compile by
    /// itself, if there is one.
    fn blame(&self, detail: String) -> RouteError {
        for group in self.groups() {
            if let Err(detail) = Matcher::compile(&group.expression, End::Anywhere) {
                let detail = format!("bad regular expression \"{}\": {detail}", group.expression);
                return RouteError::new(RouteErrorKind::Regex, self.rule, detail).at(group.column);
            }
        }
        let detail = format!("bad regular expression: {detail}");
        RouteError::new(RouteErrorKind::Regex, self.rule, detail)
    }
}

/// Compiles a regular route. Without `converters`, every group becomes an argument. With `converters`, each
/// of them makes an argument of the group with its name or, if no group has that name, of the group at the
/// converter's position.
pub(super) fn compile_regular<C: Clone>(
    regex: &str,
    converters: &[(Arc<str>, Conversion<C>)],
) -> Result<Compiled<C>, RouteError> {
    let matcher = Matcher::compile(regex, End::Anywhere).map_err(|detail| {
        RouteError::new(RouteErrorKind::Regex, regex, format!("bad regular expression: {detail}"))
    })?;
    let names = matcher.group_names();
    let arguments = if converters.is_empty() {
        let argument = |(at, name): (usize, &Option<&str>)| Argument {
            group: at + 1,
            name: name.map(Arc::from),
            conversion: Conversion::Str,
        };
        names.iter().enumerate().map(argument).collect()
    } else {
        let argument = |(at, (name, conversion)): (usize, &(Arc<str>, Conversion<C>))| {
            let group = names.iter().position(|known| *known == Some(&**name)).unwrap_or(at) + 1;
            (group <= names.len()).then(|| Argument {
                group,
                name: Some(Arc::clone(name)),
                conversion: conversion.clone(),
            })
        };
        converters.iter().enumerate().filter_map(argument).collect()
    };
    let shape = Shape::new([RoutePiece::Literal(&literal_prefix(regex)), RoutePiece::Across]);
    Ok(Compiled { matcher, shape, arguments })
}

/// Splits the text after a `<` at the `>` that ends the group. Only an expression after `:re:` may contain a
/// `>`.
fn split_group(text: &str) -> Option<(&str, &str)> {
    let close = text.find('>')?;
    let end =
        match text.find(':').filter(|colon| *colon < close).and_then(|colon| text.split_at_checked(colon)) {
            Some((name, filter)) => match own_expression(filter) {
                Some(expression) => {
                    let start = name.len() + (filter.len() - expression.len());
                    start + dialect::expression_end(expression)?
                }
                None => close,
            },
            None => close,
        };
    let (written, after) = text.split_at_checked(end)?;
    Some((written, after.strip_prefix('>')?))
}

/// Refuses white space around the name or the filter, which is a typing error there.
fn check_spaces(name: &str, filter: Option<&str>) -> Result<(), &'static str> {
    let filter = filter.map(|filter| filter.strip_prefix(':').unwrap_or(filter)).unwrap_or_default();
    if name.trim() != name || filter.trim() != filter {
        return Err("the group contains white space; write `<name:filter>` without any");
    }
    Ok(())
}

fn check_name(name: &str) -> Result<(), String> {
    let mut chars = name.chars();
    match chars.next() {
        None => return Err("the group has no name; write `<name>` or `<name:filter>`".to_owned()),
        Some(first) if first != '_' && !first.is_alphabetic() => {}
        Some(_) if chars.all(|char| char == '_' || char.is_alphanumeric()) => return Ok(()),
        Some(_) => {}
    }
    Err(format!("\"{name}\" is not a name; expected a letter or `_`, then letters, digits and `_`"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn error(rule: &str) -> String {
        let filters = Filters::<()>::default();
        Pattern::parse(rule, &filters)
            .and_then(|pattern| pattern.compile(&mut Expressions::default()))
            .unwrap_err()
            .to_string()
    }

    fn source(rule: &str) -> String {
        Pattern::parse(rule, &Filters::<()>::default()).unwrap().source()
    }

    /// The expected values are the keys of PoorWSGI's `Application.regular_routes`, except that PoorWSGI
    /// leaves the `.` unescaped.
    #[test]
    fn the_expression_of_a_route_is_that_of_poorwsgi_with_literal_text_escaped() {
        assert_eq!(source("/user/<name:word>/<age:int>"), r"/user/(?P<name>\w+)/(?P<age>-?\d+)$");
        assert_eq!(source("/my-page_1/<x>"), "/my-page_1/(?P<x>[^/]+)$");
        assert_eq!(source("/a.b/<x:HEX>"), r"/a\.b/(?P<x>[0-9a-fA-F]+)$");
        assert_eq!(source("/b/<a:re:(?<=b/)x>"), "/b/(?P<a>(?<=b/)x)$");
    }

    #[test]
    fn an_error_says_what_is_wrong_and_where() {
        for (rule, text) in [
            (
                "/user/<name:wrod>",
                r#"column 7: there is no filter ":wrod"; known: :float, :hex, :int, :re:, :uuid, :word"#,
            ),
            ("/ž/<a>/<b", "column 8: the group is not closed: `<` has no `>`"),
            ("/<a:re:(b>", "column 2: the group is not closed: `<` has no `>`"),
            ("/<>", "column 2: the group has no name; write `<name>` or `<name:filter>`"),
            ("/<:int>", "column 2: the group has no name; write `<name>` or `<name:filter>`"),
            (
                "/<1a>",
                r#"column 2: "1a" is not a name; expected a letter or `_`, then letters, digits and `_`"#,
            ),
            (
                "/<a-b>",
                r#"column 2: "a-b" is not a name; expected a letter or `_`, then letters, digits and `_`"#,
            ),
            ("/<a>/<a:int>", r#"column 6: the group name "a" is used twice; give each group its own name"#),
            ("/< a>", "column 2: the group contains white space; write `<name:filter>` without any"),
            ("/<a :int>", "column 2: the group contains white space; write `<name:filter>` without any"),
            ("/<a: int>", "column 2: the group contains white space; write `<name:filter>` without any"),
            ("/<a:int >", "column 2: the group contains white space; write `<name:filter>` without any"),
            ("/<a:re:>", "column 2: the regular expression is empty"),
            ("/<a>/<b:re:[z-a]>", ""),
            ("/<a:re:a)|b>", ""),
        ] {
            let error = error(rule);
            let start = format!("\"{rule}\": ");
            assert!(error.starts_with(&start), "{error}");
            if text.is_empty() {
                assert!(error.contains("column ") && error.contains("bad regular expression \""), "{error}");
                assert_eq!(error.lines().count(), 1, "{error}");
            } else {
                assert_eq!(error[start.len()..], *text);
            }
        }
    }

    #[test]
    fn a_name_may_be_of_any_script() {
        let filters = Filters::<()>::default();
        let compiled =
            Pattern::parse("/<jméno>", &filters).unwrap().compile(&mut Expressions::default()).unwrap();
        assert_eq!(compiled.arguments[0].name.as_deref(), Some("jméno"));
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(rule in "[/<>:a-c(\\[\\]){}|?*+\\\\^$. re]{0,24}|\\PC*") {
            if let Ok(pattern) = Pattern::parse(&rule, &Filters::<()>::default()) {
                let _ = pattern.compile(&mut Expressions::default());
            }
        }
    }
}
