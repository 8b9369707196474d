//! Matches routes segment by segment, with expressions that the routes share.
//!
//! A compiled expression with `\w` or `\d` in it, which are Unicode classes, takes some hundred kilobytes.
//! Most routes need no compiled expression of their own: where each segment has at most one group, and no
//! group can match a `/`, splitting the path gives the text of each group, which then only has to match its
//! filter as a whole. All routes share the filters' expressions, so a thousand routes take the memory of a
//! few, and are registered and matched in less time.

use std::ops::Range;
use std::sync::Arc;

use regex_automata::meta::Regex;

use super::index::split_segment;

/// The expression of a group, which matches the group's whole text.
#[derive(Debug)]
pub(super) struct Expression {
    regex: Regex,
    ascii: Option<Ascii>,
}

/// A shortcut for the expression of a built-in filter on ASCII text, which nearly every path is: a look at
/// each byte takes a tenth of the time that a regex automaton takes to start.
#[derive(Clone, Copy, Debug)]
enum Ascii {
    /// One character or more of a class.
    Class(fn(&u8) -> bool),
    /// As `Class`, after an optional minus.
    Signed(fn(&u8) -> bool),
}

impl Ascii {
    fn of(expression: &str) -> Option<Self> {
        Some(match expression {
            r"\w+" => Ascii::Class(|byte| byte.is_ascii_alphanumeric() || *byte == b'_'),
            r"-?\d+" => Ascii::Signed(u8::is_ascii_digit),
            r"[0-9a-fA-F]+" => Ascii::Class(u8::is_ascii_hexdigit),
            r"[^/]+" => Ascii::Class(|byte| *byte != b'/'),
            _ => return None,
        })
    }

    fn is_match(self, text: &[u8]) -> bool {
        let (text, class) = match self {
            Ascii::Class(class) => (text, class),
            Ascii::Signed(class) => (text.strip_prefix(b"-").unwrap_or(text), class),
        };
        !text.is_empty() && text.iter().all(class)
    }
}

impl Expression {
    /// `text` is the expression that `regex` was compiled from.
    pub(super) fn new(regex: Regex, text: &str) -> Self {
        Expression { regex, ascii: Ascii::of(text) }
    }

    fn is_match(&self, text: &str) -> bool {
        match self.ascii {
            Some(ascii) if text.is_ascii() => ascii.is_match(text.as_bytes()),
            _ => self.regex.is_match(text),
        }
    }
}

/// A route, split into its segments.
#[derive(Clone, Debug)]
pub(super) struct Segments {
    rules: Vec<SegmentRule>,
}

#[derive(Clone, Debug, Default)]
struct SegmentRule {
    /// The segment, or the text before its group.
    prefix: String,
    group: Option<SegmentGroup>,
}

#[derive(Clone, Debug)]
struct SegmentGroup {
    expression: Arc<Expression>,
    suffix: String,
}

/// Builds [`Segments`] from the parts of a route, from left to right.
#[derive(Debug, Default)]
pub(super) struct SegmentsBuilder {
    rules: Vec<SegmentRule>,
    current: SegmentRule,
    unfit: bool,
}

impl SegmentsBuilder {
    pub(super) fn literal(&mut self, text: &str) {
        for (number, text) in text.split('/').enumerate() {
            if number > 0 {
                self.rules.push(std::mem::take(&mut self.current));
            }
            match &mut self.current.group {
                Some(group) => group.suffix.push_str(text),
                None => self.current.prefix.push_str(text),
            }
        }
    }

    pub(super) fn group(&mut self, expression: Option<&Arc<Expression>>) {
        match (expression, &self.current.group) {
            (Some(expression), None) => {
                let expression = Arc::clone(expression);
                self.current.group = Some(SegmentGroup { expression, suffix: String::new() });
            }
            _ => self.unfit = true,
        }
    }

    /// The route; `None` where a segment has two groups, or a group may match beyond its segment.
    pub(super) fn build(mut self) -> Option<Segments> {
        self.rules.push(self.current);
        (!self.unfit).then_some(Segments { rules: self.rules })
    }
}

impl Segments {
    /// Whether the path matches. Calls `group` with the byte range of each group, in order; if the path does
    /// not match, the ranges mean nothing.
    pub(super) fn matches(&self, path: &str, mut group: impl FnMut(Range<usize>)) -> bool {
        let mut rest = Some(path);
        for rule in &self.rules {
            let Some(left) = rest else { return false };
            let (text, after) = split_segment(left);
            rest = after;
            let Some(text) = strip_prefix(text, &rule.prefix) else { return false };
            let start = path.len() - left.len() + rule.prefix.len();
            match &rule.group {
                None if text.is_empty() => {}
                None => return false,
                Some(SegmentGroup { expression, suffix }) => match strip_suffix(text, suffix) {
                    Some(text) if expression.is_match(text) => group(start..start + text.len()),
                    _ => return false,
                },
            }
        }
        rest.is_none()
    }
}

// Nearly every prefix or suffix is empty. An empty one is not compared, for the reason given at `Texts` in
// `index.rs`.

fn strip_prefix<'p>(text: &'p str, prefix: &str) -> Option<&'p str> {
    if prefix.is_empty() { Some(text) } else { text.strip_prefix(prefix) }
}

fn strip_suffix<'p>(text: &'p str, suffix: &str) -> Option<&'p str> {
    if suffix.is_empty() { Some(text) } else { text.strip_suffix(suffix) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::expressions::Expressions;
    use super::super::filter::Filters;
    use super::super::matcher::Matcher;
    use super::super::pattern::Pattern;
    use super::*;

    fn matcher(rule: &str, expressions: &mut Expressions) -> Matcher {
        Pattern::parse(rule, &Filters::<()>::default()).unwrap().compile(expressions).unwrap().matcher
    }

    #[test]
    fn ordinary_routes_have_no_expression_of_their_own() {
        let mut expressions = Expressions::default();
        for rule in ["/a/<x>", "/<x:word>/b/<y:int>/", "/v<x:float>.txt", "<x:uuid>", "/<x:re:[a-z]{2}>"] {
            assert!(matches!(matcher(rule, &mut expressions), Matcher::Segments(_)), "{rule}");
        }
        for rule in ["/<x>-<y>", "/<x:re:.*>", r"/<x:re:\bx>", "/<x:re:^x>"] {
            assert!(matches!(matcher(rule, &mut expressions), Matcher::Linear(_)), "{rule}");
        }
        let (one, other) = (expressions.within(r"\w+").unwrap(), expressions.within(r"\w+").unwrap());
        assert!(Arc::ptr_eq(&one, &other));
    }

    proptest! {
        /// The shortcut gives the same result as the expression.
        #[test]
        fn ascii_texts_are_matched_as_by_the_expression(text in "[-_a-fg0-9 .\\n]{0,6}|[ -~]{0,4}") {
            for filter in Filters::<()>::default().iter() {
                let Some(expression) = filter.regex().and_then(|regex| Expressions::default().within(regex)) else {
                    continue;
                };
                prop_assert_eq!(expression.is_match(&text), expression.regex.is_match(&text), "{}", filter.name());
            }
        }
    }

    #[test]
    fn the_built_in_filters_of_words_and_numbers_have_a_short_cut() {
        let mut expressions = Expressions::default();
        for expression in [r"\w+", r"-?\d+", r"[0-9a-fA-F]+", r"[^/]+"] {
            assert!(Filters::<()>::default().iter().any(|filter| filter.regex() == Some(expression)));
            assert!(expressions.within(expression).unwrap().ascii.is_some(), "{expression}");
        }
        assert!(expressions.within(r"\w+").unwrap().is_match("žluť"));
    }

    #[test]
    fn the_text_around_a_group_may_not_overlap() {
        let matcher = matcher("/aba<x:re:c*>aba", &mut Expressions::default());
        assert!(matcher.is_match("/abaaba"));
        assert!(matcher.is_match("/abacaba"));
        assert!(!matcher.is_match("/aba"));
        assert!(!matcher.is_match("/ababa"));
    }
}
