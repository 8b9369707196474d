//! Translates the regular expressions of routes from the syntax of Python's `re` to that of Rust's `regex`,
//! in the few places where the two differ.

/// The members of Python's `\w`. That of the `regex` crate also has combining marks, and lacks numerals like
/// `²`.
const WORD: &str = r"\p{L}\p{N}_";
/// The members of Python's `\s`: White_Space and the four information separators.
const SPACE: &str = r"\s\x1c-\x1f";

/// Rewrites an expression of Python's `re` for the engines of `regex` and `fancy-regex`.
///
/// It never fails: an invalid expression stays as it is, and the compiler reports it.
pub(super) fn from_python(expression: &str) -> String {
    let mut out = String::with_capacity(expression.len() + 16);
    let mut chars = expression.chars().peekable();
    let mut in_class = false;
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped) => escape(escaped, in_class, &mut out),
                None => out.push('\\'),
            },
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                if chars.next_if_eq(&'^').is_some() {
                    out.push('^');
                }
                // A `]` in the first place is an ordinary character.
                if chars.next_if_eq(&']').is_some() {
                    out.push_str(r"\]");
                }
            }
            ']' if in_class => {
                in_class = false;
                out.push(']');
            }
            // Python has neither nested classes nor set operations.
            '[' | '&' | '~' if in_class => out.extend(['\\', char]),
            '-' if in_class && chars.next_if_eq(&'-').is_some() => out.push_str(r"-\-"),
            _ => out.push(char),
        }
    }
    out
}

fn escape(escaped: char, in_class: bool, out: &mut String) {
    let mut class = |members: &str| {
        if in_class {
            out.push_str(members);
        } else {
            out.extend(["[", members, "]"]);
        }
    };
    match escaped {
        'w' => class(WORD),
        's' => class(SPACE),
        'W' => out.extend(["[^", WORD, "]"]),
        'S' => out.extend(["[^", SPACE, "]"]),
        'b' if in_class => out.push_str(r"\x08"),
        'Z' if !in_class => out.push_str(r"\z"),
        // Python's `\N{…}` is a character by its name, while `fancy-regex` takes `\N` for "not a newline". An
        // unknown property makes the compiler refuse the expression.
        'N' => out.push_str(r"\p{a character by its name}"),
        // In the `regex` crate, `\<` and `\>` are word boundaries.
        '<' | '>' => out.push(escaped),
        _ => out.extend(['\\', escaped]),
    }
}

/// The length of the expression at the start of `text`. It ends before the first unescaped `>` outside of
/// parentheses and character classes; `None` if there is no such `>`.
///
/// PoorWSGI ends an expression at its first `>`, whatever stands around it. Where PoorWSGI's expression
/// compiles, this function gives the same one. In addition, look-behind, named groups and `[^>]` work.
pub(super) fn expression_end(text: &str) -> Option<usize> {
    let mut scan = Scan::default();
    text.char_indices().find(|(at, char)| scan.is_free(text, *at, *char) && *char == '>').map(|(at, _)| at)
}

/// Whether each parenthesis and bracket has its counterpart, so that the expression cannot reach out of the
/// group it is put into.
pub(super) fn is_balanced(expression: &str) -> bool {
    let mut scan = Scan::default();
    for (at, char) in expression.char_indices() {
        if scan.is_free(expression, at, char) && char == ')' {
            return false;
        }
    }
    scan.depth == 0 && scan.class_start.is_none() && !scan.escaped
}

/// Scans an expression, and keeps track of its groups, classes and escapes.
#[derive(Default)]
struct Scan {
    depth: usize,
    class_start: Option<usize>,
    escaped: bool,
}

impl Scan {
    /// Takes the next character. Returns whether it is unescaped and outside of parentheses and classes.
    fn is_free(&mut self, text: &str, at: usize, char: char) -> bool {
        if std::mem::take(&mut self.escaped) {
            return false;
        }
        match (char, self.class_start) {
            ('\\', _) => self.escaped = true,
            // A `]` in the first place of a class is an ordinary character.
            (']', Some(start)) if text.get(start..at).is_some_and(|class| !matches!(class, "[" | "[^")) => {
                self.class_start = None;
            }
            (_, Some(_)) => {}
            ('[', None) => self.class_start = Some(at),
            ('(', None) => self.depth += 1,
            (')', None) if self.depth > 0 => self.depth -= 1,
            _ => return self.depth == 0,
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::super::matcher::{End, Matcher};
    use super::*;
    use proptest::prelude::*;

    /// Python refuses `\N` without a name, too.
    #[test]
    fn characters_by_their_names_are_refused() {
        for expression in [r"\N{DIGIT ONE}", r"[\N{DIGIT ONE}]", r"a\N"] {
            assert!(Matcher::compile(expression, End::Text).is_err(), "{expression}");
        }
        assert!(matches(r"\\N", r"\N"));
    }

    fn matches(expression: &str, text: &str) -> bool {
        Matcher::compile(expression, End::Text).unwrap().is_match(text)
    }

    /// The expected values are those of `re.fullmatch(expression, text)` in Python 3.11.
    #[test]
    fn expressions_mean_what_they_mean_in_python() {
        for (expression, text, expected) in [
            (r"\w+", "žluť²½_9", true),
            (r"\w+", "e\u{301}", false),
            (r"[\w.]+", "a.²", true),
            (r"\W", "\u{301}", true),
            (r"\s", "\u{1c}", true),
            (r"\S", "\u{1c}", false),
            (r"\d+", "٣४", true),
            (r"[[a]+", "[a", true),
            (r"[]a]+", "]a", true),
            (r"[^]a]", "]", false),
            (r"[a&&b]+", "&ab", true),
            (r"[+--]+", "+,-", true),
            (r"\<\>", "<>", true),
            (r"[\b]", "\u{8}", true),
            (r"a\Z", "a", true),
            (r"\[a\]", "[a]", true),
        ] {
            assert_eq!(matches(expression, text), expected, "{expression} on {text}");
        }
    }

    #[test]
    fn an_expression_ends_before_the_first_free_angle_bracket() {
        for (text, expected) in [
            ("\\w+>/x>", Some("\\w+")),
            ("(?<=a)b>", Some("(?<=a)b")),
            ("(?P<y>a)(?P=y)>", Some("(?P<y>a)(?P=y)")),
            ("[^>]+>", Some("[^>]+")),
            ("[]>]>", Some("[]>]")),
            ("[^]>]>", Some("[^]>]")),
            (r"\>>", Some(r"\>")),
            (r"[\]>]>", Some(r"[\]>]")),
            ("a<b>", Some("a<b")),
            ("(a>", None),
            ("a", None),
        ] {
            assert_eq!(expression_end(text).map(|end| &text[..end]), expected, "{text}");
        }
    }

    #[test]
    fn an_expression_that_reaches_out_of_its_group_is_not_balanced() {
        for expression in ["(a|b)c", "[)]", r"\)", "(?<=a)", "[]()]", ""] {
            assert!(is_balanced(expression), "{expression}");
        }
        for expression in ["a)|(b", "(", ")", "[a", r"a\", "(()", "[]"] {
            assert!(!is_balanced(expression), "{expression}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_rewritten_and_split(text in any::<String>()) {
            from_python(&text);
            is_balanced(&text);
            if let Some(end) = expression_end(&text) {
                prop_assert!(text[end..].starts_with('>'));
            }
        }
    }
}
