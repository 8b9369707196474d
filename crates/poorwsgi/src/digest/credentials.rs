//! The `Authorization` field of digest authentication.

use std::borrow::Cow;
use std::fmt;

use percent_encoding::percent_decode_str;

/// What a client sends (RFC 7616, section 3.4). Directives that it left out are `None`; what is required depends on
/// the challenge, so that is for [`DigestAuth::verify`](super::DigestAuth::verify) to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Credentials<'a> {
    /// The user's name, from `username` or `username*`.
    pub username: Option<Cow<'a, str>>,
    /// The realm of the challenge.
    pub realm: Option<Cow<'a, str>>,
    /// The nonce of the challenge.
    pub nonce: Option<Cow<'a, str>>,
    /// The target of the request, as the client sent it.
    pub uri: Option<Cow<'a, str>>,
    /// The proof, in hexadecimal.
    pub response: Option<Cow<'a, str>>,
    /// The algorithm; none means MD5 (RFC 7616, section 3.4).
    pub algorithm: Option<Cow<'a, str>>,
    /// The client's nonce.
    pub cnonce: Option<Cow<'a, str>>,
    /// The opaque value of the challenge.
    pub opaque: Option<Cow<'a, str>>,
    /// The quality of protection.
    pub qop: Option<Cow<'a, str>>,
    /// How many requests the client has made with this nonce, as eight hexadecimal digits.
    pub nc: Option<Cow<'a, str>>,
    /// Whether `username` is hashed.
    pub userhash: Option<Cow<'a, str>>,
}

/// The field is not digest credentials. The text says where it goes wrong, without repeating it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MalformedCredentials(&'static str);

impl fmt::Display for MalformedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorization: {}", self.0)
    }
}

impl std::error::Error for MalformedCredentials {}

const NOT_DIGEST: MalformedCredentials = MalformedCredentials("the scheme is not Digest");
const NO_NAME: MalformedCredentials = MalformedCredentials("a directive without a name or value");
const OPEN_QUOTE: MalformedCredentials = MalformedCredentials("a quoted value that does not end");
const NO_COMMA: MalformedCredentials = MalformedCredentials("directives not separated by commas");
const TWICE: MalformedCredentials = MalformedCredentials("a directive given twice");
const CONTROL: MalformedCredentials = MalformedCredentials("a control character in a value");
const EXTENDED: MalformedCredentials = MalformedCredentials("username* is not UTF-8''percent-encoded");

impl<'a> Credentials<'a> {
    /// Reads the value of an `Authorization` field (RFC 9110, section 11.4), in linear time. Directives that are not
    /// known are skipped.
    ///
    /// ```
    /// use poorwsgi::digest::Credentials;
    ///
    /// let credentials = Credentials::parse(r#"Digest username="alice", uri="/a,b", nc=00000001"#)?;
    /// assert_eq!(credentials.uri.as_deref(), Some("/a,b"));
    /// assert_eq!(credentials.nc.as_deref(), Some("00000001"));
    /// # Ok::<(), poorwsgi::digest::MalformedCredentials>(())
    /// ```
    ///
    /// # Errors
    /// [`MalformedCredentials`] for another scheme, for broken syntax, and where a directive stands twice: two
    /// readers could take a different one.
    pub fn parse(field: &'a str) -> Result<Self, MalformedCredentials> {
        let (scheme, mut rest) = field.trim_matches(OWS).split_once(OWS).ok_or(NOT_DIGEST)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return Err(NOT_DIGEST);
        }
        let mut credentials = Credentials::default();
        let mut extended = None;
        loop {
            // Empty elements of a list are skipped (RFC 9110, section 5.6.1.2).
            rest = rest.trim_start_matches([' ', '\t', ',']);
            if rest.is_empty() {
                break;
            }
            let (name, value, after) = directive(rest)?;
            rest = after.trim_start_matches(OWS);
            if !rest.is_empty() && !rest.starts_with(',') {
                return Err(NO_COMMA);
            }
            if name.eq_ignore_ascii_case("username*") {
                set_once(&mut extended, value)?;
            } else if let Some(slot) = credentials.slot(name) {
                set_once(slot, value)?;
            }
        }
        if let Some(extended) = extended {
            // Both forms together are forbidden (RFC 7616, section 3.4).
            set_once(&mut credentials.username, decode_extended(&extended)?.into())?;
        }
        Ok(credentials)
    }

    fn slot(&mut self, name: &str) -> Option<&mut Option<Cow<'a, str>>> {
        let known = [
            ("username", &mut self.username),
            ("realm", &mut self.realm),
            ("nonce", &mut self.nonce),
            ("uri", &mut self.uri),
            ("response", &mut self.response),
            ("algorithm", &mut self.algorithm),
            ("cnonce", &mut self.cnonce),
            ("opaque", &mut self.opaque),
            ("qop", &mut self.qop),
            ("nc", &mut self.nc),
            ("userhash", &mut self.userhash),
        ];
        known.into_iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, slot)| slot)
    }
}

/// Optional white space (RFC 9110, section 5.6.3).
const OWS: [char; 2] = [' ', '\t'];

fn set_once<'a>(slot: &mut Option<Cow<'a, str>>, value: Cow<'a, str>) -> Result<(), MalformedCredentials> {
    if value.contains(char::is_control) {
        return Err(CONTROL);
    }
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(TWICE),
    }
}

/// `name = value` at the start of `text`, and what comes after it.
fn directive(text: &str) -> Result<(&str, Cow<'_, str>, &str), MalformedCredentials> {
    let (name, value) = text.split_once('=').ok_or(NO_NAME)?;
    let name = name.trim_end_matches(OWS);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(NO_NAME);
    }
    let value = value.trim_start_matches(OWS);
    if let Some(quoted) = value.strip_prefix('"') {
        let (value, after) = quoted_string(quoted)?;
        return Ok((name, value, after));
    }
    let end = value.find([',', ' ', '\t']).unwrap_or(value.len());
    let (value, after) = value.split_at_checked(end).ok_or(NO_NAME)?;
    if value.is_empty() || value.contains('"') {
        return Err(NO_NAME);
    }
    Ok((name, value.into(), after))
}

/// The rest of a quoted string after its opening quote: its value without escapes, and what comes after it.
fn quoted_string(text: &str) -> Result<(Cow<'_, str>, &str), MalformedCredentials> {
    let mut unescaped = String::new();
    let mut rest = text;
    loop {
        let (plain, special) =
            rest.split_at_checked(rest.find(['"', '\\']).ok_or(OPEN_QUOTE)?).ok_or(OPEN_QUOTE)?;
        let mut chars = special.chars();
        if chars.next() == Some('"') {
            if unescaped.is_empty() {
                return Ok((plain.into(), chars.as_str()));
            }
            unescaped.push_str(plain);
            return Ok((unescaped.into(), chars.as_str()));
        }
        unescaped.push_str(plain);
        unescaped.push(chars.next().ok_or(OPEN_QUOTE)?);
        rest = chars.as_str();
    }
}

/// A token, or the value of an extended parameter, has only these (RFC 9110, section 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// `UTF-8'language'percent-encoded` (RFC 8187, section 3.2).
fn decode_extended(value: &str) -> Result<String, MalformedCredentials> {
    let (charset, rest) = value.split_once('\'').ok_or(EXTENDED)?;
    let (_language, encoded) = rest.split_once('\'').ok_or(EXTENDED)?;
    if !charset.eq_ignore_ascii_case("UTF-8") {
        return Err(EXTENDED);
    }
    let name = percent_decode_str(encoded).decode_utf8().map_err(|_| EXTENDED)?;
    Ok(name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(field: &str) -> Result<Credentials<'_>, MalformedCredentials> {
        Credentials::parse(field)
    }

    /// RFC 7616, section 3.9.1.
    #[test]
    fn the_example_of_the_rfc() {
        let field = r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
            algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="7539",
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#
            .replace('\n', " ");
        let credentials = parse(&field).unwrap();
        assert_eq!(credentials.username.as_deref(), Some("Mufasa"));
        assert_eq!(credentials.algorithm.as_deref(), Some("SHA-256"));
        assert_eq!(credentials.nonce.as_deref(), Some("7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"));
        assert_eq!(credentials.qop.as_deref(), Some("auth"));
        assert_eq!(credentials.userhash, None);
    }

    /// RFC 9110, section 11.4: names and schemes in any case, spaces around `=`, empty elements, unknown names.
    #[test]
    fn loose_spelling() {
        let credentials = parse(r#"dIGEST ,, Realm = "a \"b\" \\c",x=y ,qop="auth","#).unwrap();
        assert_eq!(credentials.realm.as_deref(), Some(r#"a "b" \c"#));
        assert_eq!(credentials.qop.as_deref(), Some("auth"));
    }

    /// RFC 7616, section 3.4.4 and RFC 8187: a name outside ASCII.
    #[test]
    fn an_extended_username() {
        let credentials = parse("Digest username*=UTF-8''J%C3%A4s%C3%B8n%20Doe").unwrap();
        assert_eq!(credentials.username.as_deref(), Some("Jäsøn Doe"));
        assert!(parse("Digest username*=utf-8'en'a").is_ok());
        for bad in ["ISO-8859-1''a", "UTF-8''%FF", "UTF-8", "UTF-8'a", "UTF-8''%0A"] {
            assert!(parse(&format!("Digest username*={bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_broken_is_refused() {
        for (field, error) in [
            ("", NOT_DIGEST),
            ("Digest", NOT_DIGEST),
            ("Basic dXNlcjpwYXNz", NOT_DIGEST),
            ("Digest username", NO_NAME),
            ("Digest =x", NO_NAME),
            ("Digest username=", NO_NAME),
            ("Digest user name=x", NO_NAME),
            ("Digest username=\"a", OPEN_QUOTE),
            ("Digest username=\"a\\", OPEN_QUOTE),
            ("Digest username=\"a\" realm=\"b\"", NO_COMMA),
            ("Digest username=\"a\"x", NO_COMMA),
            ("Digest qop=auth qop=auth", NO_COMMA),
            ("Digest nc=1, NC=2", TWICE),
            ("Digest username=\"a\", username*=UTF-8''a", TWICE),
            ("Digest username=\"a\nb\"", CONTROL),
        ] {
            assert_eq!(parse(field).unwrap_err(), error, "{field}");
        }
    }

    /// security.md: 64 KiB of anything parses in under 5 ms; here only that it ends without quadratic work.
    #[test]
    fn long_input_is_linear() {
        for piece in ["\\\"", "a=b,", ",", "=", "\"", " "] {
            let field = format!("Digest username=\"{}", piece.repeat(1 << 20));
            let _ = parse(&field);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = parse(&text);
            let _ = parse(&format!("Digest {text}"));
        }

        #[test]
        fn values_come_back(username in "[^\\p{Cc}]{0,40}", nonce in "[A-Za-z0-9+/=]{1,40}") {
            let escaped = username.replace('\\', "\\\\").replace('"', "\\\"");
            let field = format!("Digest nonce=\"{nonce}\", username=\"{escaped}\"");
            let credentials = parse(&field).unwrap();
            prop_assert_eq!(credentials.username.as_deref(), Some(username.as_str()));
            prop_assert_eq!(credentials.nonce.as_deref(), Some(nonce.as_str()));
        }
    }
}
