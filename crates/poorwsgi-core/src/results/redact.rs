//! Hides secrets on pages that show internals of an application.

use std::borrow::Cow;

/// What stands in place of a secret.
pub const HIDDEN: &str = "[hidden]";

/// Parts of names whose values are secret. They are looked for in the lower-case name without anything but
/// letters and digits.
const PARTS: &[&str] = &[
    "secret",
    "pass",
    "pwd",
    "token",
    "key",
    "cookie",
    "authoriz",
    "authent",
    "session",
    "credential",
    "signature",
    "nonce",
    "private",
    "csrf",
    "xsrf",
];

/// Whole words of names whose values are secret. As parts, they would be in too many names.
const WORDS: &[&str] = &["pw", "pin", "sid", "jwt", "otp", "salt"];

/// The value as it may be shown under this name: [`HIDDEN`] where the name looks like that of a secret,
/// otherwise the value without the secrets inside it.
///
/// A value with a private key in it is hidden as a whole. Inside other values, these parts are hidden: fields
/// with the name of a secret in a query string (`?token=…`), everything after such a name in the notation of
/// JSON or Python (`'password': …`, `('password', …)`), and the user part of a URL
/// (`https://user:password@host`). In doubt, text is hidden. An empty value is shown, so that a missing setting can be noticed.
///
/// ```
/// use poorwsgi_core::results::redact;
///
/// assert_eq!(redact("Authorization", "Basic QWxhZGRpbjo="), "[hidden]");
/// assert_eq!(redact("QUERY_STRING", "page=2&api_key=s3cr3t&sort=up"), "page=2&api_key=[hidden]&sort=up");
/// assert_eq!(redact("app_db", "pg://ann:s3cr3t@db/shop"), "pg://[hidden]@db/shop");
/// assert_eq!(redact("Accept", "text/html"), "text/html");
/// ```
#[must_use]
pub fn redact<'a>(name: &str, value: &'a str) -> Cow<'a, str> {
    if value.is_empty() {
        return Cow::Borrowed(value);
    }
    if is_secret(name) || value.contains(PRIVATE_KEY) {
        return Cow::Borrowed(HIDDEN);
    }
    let value =
        if value.contains(SEPARATORS) { Cow::Owned(without_fields(value)) } else { Cow::Borrowed(value) };
    if value.contains("://") { Cow::Owned(without_users(&value)) } else { value }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    PARTS.iter().any(|part| letters.contains(part))
        || letters.ends_with("auth")
        || name.split(|c: char| !c.is_alphanumeric()).any(|word| WORDS.contains(&word))
}

/// What the first and the last line of a private key have in common (RFC 7468, section 10).
const PRIVATE_KEY: &str = "PRIVATE KEY-----";

/// What separates a name from its value: in a query, in an object of JSON, in a pair.
const SEPARATORS: [char; 3] = ['=', ':', ','];

/// How the `repr` of a form's field begins, whose name has no quotes.
const FIELD: &str = "FieldStorage(";
/// How the names of exceptions end, which come before a colon and their message: `KeyError: …`.
const KINDS: [&str; 3] = ["Error", "Exception", "Warning"];

/// A text of several lines, such as a traceback or a message, without the secrets inside it: each line as
/// [`redact`] shows it, no line of a private key, and no line after one that ends with the name of a secret
/// and its separator. `is_source` says which lines are source code, in which a name is mostly that of a
/// variable: they are shown.
pub(super) fn redact_lines(text: &str, mut is_source: impl FnMut(&str) -> bool) -> Cow<'_, str> {
    let is_plain = !text.contains(SEPARATORS) && !text.contains(PRIVATE_KEY);
    if is_plain {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len());
    let (mut in_key, mut is_value) = (false, false);
    for (number, line) in text.split('\n').enumerate() {
        shown.push_str(if number > 0 { "\n" } else { "" });
        if is_source(line) {
            shown.push_str(line);
            continue;
        }
        let has_key = line.contains(PRIVATE_KEY);
        if in_key || has_key || is_value {
            shown.push_str(HIDDEN);
        } else {
            shown.push_str(&redact("", line));
        }
        in_key = if has_key { line.contains("BEGIN") && !line.contains("END ") } else { in_key };
        is_value = ends_with_name(line);
    }
    Cow::Owned(shown)
}

/// Whether a line ends with the name of a secret and what separates the name from its value.
fn ends_with_name(line: &str) -> bool {
    let line = line.trim_end();
    line.ends_with(SEPARATORS) && without_fields(&format!("{line} ?")).ends_with(HIDDEN)
}

/// Hides the value of a secret `name=value` up to the end of the query field, and that of a secret `'name':
/// value` or `'name', value` up to the end of the text.
fn without_fields(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once(SEPARATORS) {
        let separator = rest.as_bytes().get(before.len()).copied().map_or(':', char::from);
        let query = separator == '=';
        shown.push_str(before);
        shown.push(separator);
        rest = after;
        let quoted = before.trim_end();
        let bare = quoted.trim_end_matches(['"', '\'', '\\']);
        // A colon separates a name from its value only in `"name":` and `name: `, not in `host:80`; a comma
        // only in `"name",`.
        let is_spaced = separator == ':' && after.starts_with(char::is_whitespace);
        let name =
            bare.rsplit(|c: char| !(c.is_alphanumeric() || "-_.%[]".contains(c))).next().unwrap_or_default();
        let is_field = separator == ',' && bare.strip_suffix(name).is_some_and(|bare| bare.ends_with(FIELD));
        let separates = query || bare.len() < quoted.len() || is_spaced || is_field;
        let is_kind = separator == ':' && KINDS.iter().any(|kind| name.ends_with(kind));
        if separates && is_secret(name) && !is_kind && !after.is_empty() {
            shown.push_str(HIDDEN);
            let end = if query { after.find(['&', '#']) } else { None };
            rest = end.and_then(|end| after.get(end..)).unwrap_or_default();
        }
    }
    shown.push_str(rest);
    shown
}

/// Hides the user part of each URL: everything between `://` and the last `@`.
pub(super) fn without_users(value: &str) -> String {
    let mut shown = String::with_capacity(value.len());
    for word in value.split_inclusive(char::is_whitespace) {
        match word.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?.1))) {
            Some((scheme, host)) => shown.extend([scheme, "://", HIDDEN, "@", host]),
            None => shown.push_str(word),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn secret_names_are_known() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "HTTP_AUTHORIZATION",
            "WWW-Authenticate",
            "Cookie",
            "Set-Cookie",
            "HTTP_COOKIE",
            "poor_SecretKey",
            "Secret Key",
            "app_db_password",
            "app_DbPass",
            "MYSQL_PWD",
            "X-Api-Key",
            "apikey",
            "api key",
            "X-CSRF-Token",
            "session_id",
            "PHPSESSID_SESSION",
            "X-Auth",
            "PHP_AUTH_PW",
            "AWS_SECRET_ACCESS_KEY",
            "X-Amz-Signature",
            "user.pin",
            "P-A-S-S-W-O-R-D",
        ] {
            assert_eq!(redact(name, "s3cr3t"), HIDDEN, "{name}");
        }
    }

    #[test]
    fn plain_names_are_shown() {
        for (name, value) in [
            ("Host", "keycloak.example:8080"),
            ("Accept", "text/html;q=0.8, */*"),
            ("User-Agent", "Mozilla/5.0 (X11; rv:1.0)"),
            ("REQUEST_METHOD", "GET"),
            ("auth_type", "Digest"),
            ("Referer", "https://example.org/a?page=2#top"),
            ("PATH_INFO", "/pinboard"),
            ("wsgi.input", "<_io.BufferedReader name='<stdin>'>"),
        ] {
            assert_eq!(redact(name, value), value);
        }
    }

    #[test]
    fn secrets_inside_values_are_hidden() {
        for (value, shown) in [
            ("a=1&token=s3cr3t&b=2", "a=1&token=[hidden]&b=2"),
            ("/x?access%5Ftoken=s3cr3t#top", "/x?access%5Ftoken=[hidden]#top"),
            ("user[password]=s3cr3t", "user[password]=[hidden]"),
            ("host=db password=s3cr3t dbname=x", "host=db password=[hidden]"),
            ("password = s3cr3t", "password =[hidden]"),
            ("{'user': 'ann', 'password': 's3cr3t'}", "{'user': 'ann', 'password':[hidden]"),
            (r#"{"api_key":["s3cr3t","s3cr3t"]}"#, r#"{"api_key":[hidden]"#),
            (r#""{\"token\":\"s3cr3t\"}""#, r#""{\"token\":[hidden]"#),
            ("secret: s3cr3t", "secret:[hidden]"),
            ("[('page', '2'), ('token', 's3cr3t')]", "[('page', '2'), ('token',[hidden]"),
            ("(b'Cookie', b's3cr3t')", "(b'Cookie',[hidden]"),
            ("token, page", "token, page"),
            ("FieldStorage(password, s3cr3t)", "FieldStorage(password,[hidden]"),
            (
                "[FieldStorage(page, 2), FieldStorage(pin, s3)]",
                "[FieldStorage(page, 2), FieldStorage(pin,[hidden]",
            ),
            ("KeyError: 'page'", "KeyError: 'page'"),
            ("jwt.TokenError: token: s3cr3t", "jwt.TokenError: token:[hidden]"),
            ("Authorization: Bearer s3cr3t", "Authorization:[hidden]"),
            ("https://s3cr3t@sentry.example/1", "https://[hidden]@sentry.example/1"),
            ("pg://a:s3@cr3t@db/x see redis://:s3cr3t@r", "pg://[hidden]@db/x see redis://[hidden]@r"),
            ("-----BEGIN PRIVATE KEY-----\ns3cr3t", HIDDEN),
        ] {
            assert_eq!(redact("x", value), shown);
        }
    }

    #[test]
    fn a_missing_secret_is_seen_to_be_missing() {
        assert_eq!(redact("poor_SecretKey", ""), "");
        assert_eq!(redact("QUERY_STRING", "token="), "token=");
    }

    #[test]
    fn secrets_are_hidden_in_each_line() {
        for (text, shown) in [
            ("password=s3cr3t\nin file x", "password=[hidden]\nin file x"),
            ("{'password':\n  's3cr3t',\n 'page': 2}", "{'password':\n[hidden]\n 'page': 2}"),
            (
                "-----BEGIN PRIVATE KEY-----\ns3cr3t\n-----END PRIVATE KEY-----\nend",
                "[hidden]\n[hidden]\n[hidden]\nend",
            ),
            ("one: two,\nthree", "one: two,\nthree"),
            ("    token = form['token']", "    token = form['token']"),
        ] {
            assert_eq!(redact_lines(text, |line| line.starts_with("    ")), shown);
        }
    }

    #[test]
    fn time_is_linear() {
        for piece in ["a=", "'a' : ", "token: &", "://@ ", "%%%%", "\"\" \t"] {
            let value = piece.repeat(200_000 / piece.len());
            let start = std::time::Instant::now();
            let _ = redact("x", &value);
            let _ = redact_lines(&value.replace('&', "\n"), |_| false);
            assert!(start.elapsed().as_secs() < 2, "{piece:?}");
        }
    }

    proptest! {
        #[test]
        fn a_named_secret_never_shows(before in "[ -~]{0,20}", separator in "=|: |\": ?|' ?: ", secret in "[A-Z0-9]{12}") {
            let value = format!("{before} password{separator}{secret}");
            prop_assert!(!redact("x", &value).contains(&secret));
        }

        #[test]
        fn any_input_is_taken(name in ".*", value in ".*") {
            let _ = redact(&name, &value);
        }
    }
}
