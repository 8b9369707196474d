//! The cookies of a request (RFC 6265, section 5.4), quoted the way PoorWSGI and Python's `http.cookies`
//! quote them.
//!
//! The `cookie` crate does not undo such quoting, but cookies that PoorWSGI has set must be understood;
//! therefore this module has its own parser.

use std::borrow::Cow;

use super::parameters::is_token;

/// The attributes of `Set-Cookie`. As in Python's `http.cookies`, no cookie may have such a name.
const RESERVED: [&str; 10] = [
    "comment",
    "domain",
    "expires",
    "httponly",
    "max-age",
    "partitioned",
    "path",
    "samesite",
    "secure",
    "version",
];

/// How many cookies of one request are read; further ones are ignored. Browsers keep fewer than 200 for a
/// site.
pub const MAX_COOKIES: usize = 512;

/// The cookies of a request, [`MAX_COOKIES`] at most.
///
/// A malformed cookie is left out, and the others stay. A cookie is malformed if it has no name, if its name
/// is not a token, is the name of an attribute, or starts with `$`, or if its value has an unterminated
/// quoted string or a control character, encoded or not. A `;` always ends a cookie, even between quotes, so
/// that no cookie can swallow its neighbours. Parsing takes time linear in the length of the field.
///
/// ```
/// use poorwsgi::headers::Cookies;
///
/// let cookies = Cookies::parse(r#"SESSID=abc; =nameless; note="a\073 b"; SESSID=def"#);
/// assert_eq!(cookies.get("SESSID"), Some("def"));
/// assert_eq!(cookies.get("note"), Some("a; b"));
/// assert_eq!(cookies.iter().count(), 3);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cookies {
    list: Vec<(String, String)>,
}

impl Cookies {
    /// Parses a `Cookie` field. The caller joins several fields by `; `.
    #[must_use]
    pub fn parse(field: &str) -> Self {
        Cookies { list: field.split(';').filter_map(parse_pair).take(MAX_COOKIES).collect() }
    }

    /// The value of a cookie. Of cookies with the same name the last one counts, as in PoorWSGI.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.list.iter().rev().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Name and value of every cookie, in order. Of cookies with the same name the last one counts.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.list.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Whether there is no cookie.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }
}

fn parse_pair(pair: &str) -> Option<(String, String)> {
    let (name, value) = pair.split_once('=')?;
    let (name, value) = (name.trim(), unquote(value.trim())?);
    (is_cookie_name(name) && !value.contains(char::is_control)).then(|| (name.to_owned(), value.into_owned()))
}

/// Whether a cookie may have this name: a token, which may also contain `:` as in Python, and is not
/// reserved.
pub(super) fn is_cookie_name(name: &str) -> bool {
    let attribute = || RESERVED.iter().any(|reserved| reserved.eq_ignore_ascii_case(name));
    name.split(':').all(|part| part.is_empty() || is_token(part))
        && !name.is_empty()
        && !name.starts_with('$')
        && !attribute()
}

/// Undoes `\"`, `\\` and `\ooo`, where three octal digits are a code point up to 255. `None` for an open
/// quoted string.
fn unquote(value: &str) -> Option<Cow<'_, str>> {
    let Some(rest) = value.strip_prefix('"') else {
        return Some(Cow::Borrowed(value));
    };
    let inner = rest.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut rest = inner;
    while let Some(at) = rest.find(['\\', '"']) {
        let (plain, special) = rest.split_at_checked(at)?;
        text.push_str(plain);
        // An unescaped quote in the middle is malformed.
        let escape = special.strip_prefix('\\')?;
        let octal = escape.get(..3).filter(|digits| digits.bytes().all(|digit| matches!(digit, b'0'..=b'7')));
        if let Some(code) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            text.push(char::from(code));
            rest = escape.get(3..)?;
        } else {
            // A backslash at the end escapes the closing quote, so that the string is unterminated.
            let character = escape.chars().next()?;
            text.push(character);
            rest = escape.get(character.len_utf8()..)?;
        }
    }
    text.push_str(rest);
    Some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn expect(field: &str, cookies: &[(&str, &str)]) {
        assert_eq!(Cookies::parse(field).iter().collect::<Vec<_>>(), cookies, "{field}");
    }

    #[test]
    fn cookies_as_poorwsgi_reads_them() {
        expect("a=1; b=2", &[("a", "1"), ("b", "2")]);
        expect(" a = 1 ;b=;c=d=e; d==", &[("a", "1"), ("b", ""), ("c", "d=e"), ("d", "=")]);
        expect("A=1; a=x,y", &[("A", "1"), ("a", "x,y")]);
        expect("$Version=1; a=1; $Path=/; Path=/; expires=Wed, 01 Jan; secure", &[("a", "1")]);
        expect(r#"a="x\"y\073 z\\"; b="q" ;c="""#, &[("a", r#"x"y; z\"#), ("b", "q"), ("c", "")]);
        expect(r#"a="\303\251""#, &[("a", "Ã©")]);
        expect("", &[]);
    }

    /// PoorWSGI drops all cookies where one is malformed.
    #[test]
    fn good_cookies_stay() {
        for bad in [
            "x",
            "=x",
            "bad name=1",
            "a[]=1",
            "a@b=1",
            "é=1",
            r#"c="open"#,
            r#"c="a"b""#,
            r#"c="a"b"#,
            r#"c="\""#,
            "",
        ] {
            expect(&format!("a=1; {bad}; b=2"), &[("a", "1"), ("b", "2")]);
        }
        expect(r#"a={"k":"v"}; b=x y; c=é"#, &[("a", r#"{"k":"v"}"#), ("b", "x y"), ("c", "é")]);
    }

    /// Otherwise an attacker's quote could make other cookies part of a value that the application shows.
    #[test]
    fn quotes_do_not_swallow_other_cookies() {
        expect(r#"a="x; secret=1; b=y""#, &[("secret", "1"), ("b", "y\"")]);
    }

    #[test]
    fn cookies_are_counted() {
        let field: String = (0..10_000).map(|number| format!("k{number}=;")).collect();
        let cookies = Cookies::parse(&field);
        assert_eq!(
            (cookies.iter().len(), cookies.get("k511"), cookies.get("k512")),
            (MAX_COOKIES, Some(""), None)
        );
        assert_eq!(Cookies::parse(&format!("{}b=1", ";".repeat(60_000))).get("b"), Some("1"));
    }

    #[test]
    fn control_characters_are_skipped() {
        expect("a=\u{1}; b=1\t2; c=\"\\012\"; d=\"\\400\"; e=1", &[("d", "400"), ("e", "1")]);
    }

    #[test]
    fn the_last_of_one_name_counts() {
        assert_eq!(Cookies::parse("a=1; a=2").get("a"), Some("2"));
        assert_eq!(Cookies::parse("a=1; a=2").get("b"), None);
    }

    /// A quadratic reader would take minutes.
    #[test]
    fn long_nonsense_takes_linear_time() {
        for unit in ["\\", "\"", "\\\"", "\\0", "a=\"", "a=\"\\;", "a;", "="] {
            let _ = Cookies::parse(&format!("a=\"{}\"", unit.repeat(500_000)));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(field in ".*", quoted in "[\"\\\\0-7a;= ]*") {
            let _ = Cookies::parse(&field);
            for (_, value) in Cookies::parse(&quoted).iter() {
                prop_assert!(!value.contains(char::is_control));
            }
        }
    }
}
