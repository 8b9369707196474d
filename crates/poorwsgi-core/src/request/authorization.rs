//! The credentials of a request (RFC 9110, section 11.6.2), parsed but not checked.

use std::fmt;

use http::header::AUTHORIZATION;

use super::Head;
use crate::headers::parameters::{
    MAX_PARAMETERS, decode_extended, is_token, split_at_byte, split_quoted, unquote,
};

/// The `Authorization` field: a scheme with parameters, as `Digest` has them, or with one opaque text, as
/// `Basic` and `Bearer`.
///
/// Parsing never fails and takes time linear in the length: malformed parameters are left out, and so are
/// those after the first [`MAX_PARAMETERS`].
///
/// ```
/// use poorwsgi::request::Authorization;
///
/// let digest = Authorization::parse(r#"digest username="Ali", qop=auth, realm="a, b""#);
/// assert_eq!(digest.scheme(), "Digest");
/// assert_eq!(digest.get("realm"), Some("a, b"));
///
/// assert_eq!(Authorization::parse("Bearer abc.def").credentials(), "abc.def");
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Authorization {
    scheme: String,
    credentials: String,
    parameters: AuthParameters,
}

/// Names and values, all in one text, because credentials have many of them and each would need an
/// allocation.
#[derive(Clone, Default, PartialEq, Eq)]
struct AuthParameters {
    text: String,
    /// For each parameter, three offsets in `text`: where its name begins, where its value begins, and where
    /// its value ends.
    places: Vec<(usize, usize, usize)>,
}

impl AuthParameters {
    fn push(&mut self, name: &str, value: &str) {
        let begin = self.text.len();
        self.text.push_str(name);
        let middle = self.text.len();
        self.text.push_str(value);
        self.places.push((begin, middle, self.text.len()));
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (&str, &str)> {
        let part = |begin, end| self.text.get(begin..end).unwrap_or_default();
        self.places.iter().map(move |&(begin, middle, end)| (part(begin, middle), part(middle, end)))
    }
}

impl Authorization {
    /// Parses a field value. A `username*` (RFC 7616, section 3.4) that can be decoded is added as
    /// `username`, too.
    #[must_use]
    pub fn parse(field: &str) -> Self {
        let field = field.trim();
        let (scheme, rest) = field.split_once([' ', '\t']).unwrap_or((field, ""));
        let credentials = rest.trim();
        let mut parameters =
            if is_token68(credentials) { AuthParameters::default() } else { parse_parameters(credentials) };
        let extended = parameters.iter().rev().find(|(name, _)| *name == "username*");
        if let Some(username) = extended.and_then(|(_, value)| decode_extended(value)) {
            parameters.push("username", &username);
        }
        Authorization { scheme: capitalize(scheme), credentials: credentials.to_owned(), parameters }
    }

    /// The scheme with the first letter in upper case and the others in lower case, such as `Digest`; empty
    /// where the request has no such field.
    #[must_use]
    pub fn scheme(&self) -> &str {
        &self.scheme
    }

    /// All that follows the scheme, as it was sent.
    #[must_use]
    pub fn credentials(&self) -> &str {
        &self.credentials
    }

    /// The value of a parameter; names are compared without regard to case. Of several parameters with one
    /// name the last counts.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters
            .iter()
            .rev()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// The name, as it was sent, and the value of every parameter, in order. Of several parameters with one
    /// name the last counts.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter()
    }
}

/// Shows the scheme alone, because the credentials are secret and must not get into a log.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

fn parse_parameters(list: &str) -> AuthParameters {
    let text = String::with_capacity(list.len());
    let mut parameters = AuthParameters { text, places: Vec::with_capacity(12) };
    split_quoted(list, b',')
        .filter_map(|item| split_at_byte(item, b'='))
        .map(|(name, value)| (name.trim_ascii(), value.trim_ascii()))
        .filter(|(name, value)| is_token(name) && !value.is_empty())
        .take(MAX_PARAMETERS)
        .for_each(|(name, value)| parameters.push(name, &unquote(value)));
    parameters
}

/// Whether a text has the form of opaque credentials (token68 in RFC 9110, section 11.2), which may end in
/// `=` like a parameter without value.
fn is_token68(text: &str) -> bool {
    let character = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
    text.trim_end_matches('=').bytes().all(character)
}

fn capitalize(text: &str) -> String {
    let mut text = text.to_ascii_lowercase();
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

impl dyn Head + '_ {
    /// The credentials of the request.
    #[must_use]
    pub fn authorization(&self) -> Authorization {
        self.header(&AUTHORIZATION).map(|field| Authorization::parse(&field)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;
    use super::*;
    use proptest::prelude::*;

    fn expect(field: &str, scheme: &str, parameters: &[(&str, &str)]) {
        let read = Authorization::parse(field);
        assert_eq!(
            (read.scheme(), read.iter().collect::<Vec<_>>()),
            (scheme, parameters.to_vec()),
            "{field}"
        );
    }

    #[test]
    fn credentials_as_poorwsgi_reads_them() {
        expect("Basic YTpi", "Basic", &[]);
        expect("basic YTpi==", "Basic", &[]);
        expect("Bearer a.b.c", "Bearer", &[]);
        expect("", "", &[]);
        expect("DIGEST a=1,b=2", "Digest", &[("a", "1"), ("b", "2")]);
        expect("  Digest a=1, A=2", "Digest", &[("a", "1"), ("A", "2")]);
        expect(
            r#"Digest username="José", realm="r, x", nc=00000001, qop=auth"#,
            "Digest",
            &[("username", "José"), ("realm", "r, x"), ("nc", "00000001"), ("qop", "auth")],
        );
        let name = "UTF-8''%c3%a9";
        expect(
            &format!("Digest username*={name}, x=1"),
            "Digest",
            &[("username*", name), ("x", "1"), ("username", "é")],
        );
    }

    /// RFC 9110, sections 5.6.4 and 11.2: PoorWSGI 2.8.1 stops at an escaped quote, and shortens a scheme
    /// without parameters.
    #[test]
    fn credentials_as_the_rfc_writes_them() {
        expect(r#"Digest uri="/a?b=c\"d", r="e\\""#, "Digest", &[("uri", r#"/a?b=c"d"#), ("r", r"e\")]);
        expect("Digest", "Digest", &[]);
        expect(r#"Digest a="", b = 1,, =x, c=, d"#, "Digest", &[("a", ""), ("b", "1")]);
        expect(r#"Digest user="DOMAIN\name", x=1"#, "Digest", &[("user", r"DOMAIN\name"), ("x", "1")]);
    }

    #[test]
    fn parameters_by_name() {
        let head = with(&[("authorization", "Digest a=1, a=2, B=3")]);
        let authorization = head.head().authorization();
        assert_eq!(authorization.get("a"), Some("2"));
        assert_eq!(authorization.get("b"), Some("3"));
        assert_eq!(authorization.get("c"), None);
        assert_eq!(with(&[]).head().authorization(), Authorization::default());
    }

    #[test]
    fn secrets_stay_out_of_logs() {
        let shown = format!("{:?}", Authorization::parse("Bearer secret"));
        assert_eq!(shown, r#"Authorization { scheme: "Bearer", .. }"#);
    }

    /// A quadratic reader would take minutes.
    #[test]
    fn long_nonsense_takes_linear_time() {
        for unit in ["a=\"", "\\\"", "a=1,", ",", "a=", "\"\\\""] {
            let _ = Authorization::parse(&format!("Digest {}", unit.repeat(200_000)));
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(field in ".*") {
            let _ = Authorization::parse(&field);
            let _ = Authorization::parse(&format!("Digest {field}"));
        }
    }
}
