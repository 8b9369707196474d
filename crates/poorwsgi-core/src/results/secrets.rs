//! Values that are secret wherever a page would quote them.

use std::borrow::Cow;
use std::fmt;

use super::redact::{HIDDEN, redact};

/// The shortest value of a secret name that counts as a secret, in bytes: a shorter one may be any word of a
/// page.
const SHORTEST: usize = 6;
/// The shortest part of such a value that counts, in bytes: a cookie of a `Cookie` field, the credentials of
/// an `Authorization` field.
const SHORTEST_PART: usize = 16;
/// The longest value, in bytes.
const LONGEST: usize = 4096;
/// A text of this many bytes may have been cut within a secret.
const CUT: usize = 8192;
/// The shortest beginning of a secret that is removed from the end of such a text, in bytes.
const SHORTEST_BEGINNING: usize = 3;
/// How many forms of secrets are looked for.
const MOST: usize = 500;

/// Values that must not be shown, such as the secret key of an application.
///
/// ```
/// use poorwsgi_core::results::Secrets;
///
/// let mut secrets = Secrets::default();
/// secrets.add("app_db_password", "hunter2");
/// assert_eq!(secrets.hide("login as ann, hunter2, failed"), "login as ann, [hidden], failed");
/// ```
#[derive(Clone, Default)]
pub struct Secrets(Vec<String>);

impl Secrets {
    /// Adds the value of a name that looks secret, and its parts, each unless it is too short to be told from
    /// other words.
    pub fn add(&mut self, name: &str, value: &str) {
        let parts = value.split([' ', ',', ';', '=', '"', '&']).filter(|part| part.len() >= SHORTEST_PART);
        let whole = [value].into_iter().filter(|value| value.len() >= SHORTEST);
        if redact(name, value) == HIDDEN {
            whole.chain(parts).for_each(|secret| self.add_bytes(secret.as_bytes()));
        }
    }

    /// Adds a secret as it is, and as the literals of Python and Rust write it.
    pub fn add_bytes(&mut self, secret: &[u8]) {
        if secret.is_empty() || secret.len() > LONGEST || self.0.len() >= MOST {
            return;
        }
        let escaped: String = secret.iter().map(|byte| escape(*byte)).collect();
        let text = std::str::from_utf8(secret).ok();
        let literal = text.map(|text| {
            text.chars()
                .map(|char| match u8::try_from(char) {
                    Ok(byte) if byte.is_ascii() => escape(byte),
                    _ => char.to_string().into(),
                })
                .collect()
        });
        for form in [text.map(str::to_owned), literal, Some(escaped)].into_iter().flatten() {
            if !self.0.contains(&form) {
                // The longest first: a secret may begin another one.
                let at = self.0.partition_point(|known| known.len() >= form.len());
                self.0.insert(at, form);
            }
        }
    }

    /// The text with `[hidden]` in place of each secret. A text of 8 KiB or more may have been cut; it also
    /// loses the beginning of a secret at its end.
    #[must_use]
    pub fn hide<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut shown = Cow::Borrowed(text);
        for secret in self.0.iter().filter(|secret| text.contains(secret.as_str())) {
            shown = Cow::Owned(shown.replace(secret, HIDDEN));
        }
        if text.len() >= CUT {
            let beginning = self.0.iter().filter_map(|secret| beginning_at_end(&shown, secret)).max();
            if let Some(beginning) = beginning {
                let mut whole = shown.into_owned();
                whole.truncate(whole.len() - beginning);
                shown = Cow::Owned(whole);
            }
        }
        shown
    }
}

/// The length of the longest beginning of the secret that the text ends with.
fn beginning_at_end(text: &str, secret: &str) -> Option<usize> {
    let ends = (SHORTEST_BEGINNING..secret.len()).rev();
    ends.filter_map(|end| secret.get(..end)).find(|beginning| text.ends_with(beginning)).map(str::len)
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secrets(…)")
    }
}

/// A byte as the literals of Python's `bytes` write it.
fn escape(byte: u8) -> Cow<'static, str> {
    Cow::Borrowed(match byte {
        b'\\' => "\\\\",
        b'\n' => "\\n",
        b'\r' => "\\r",
        b'\t' => "\\t",
        b' '..=b'~' => return char::from(byte).to_string().into(),
        _ => return format!("\\x{byte:02x}").into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets(values: &[(&str, &str)]) -> Secrets {
        let mut secrets = Secrets::default();
        values.iter().for_each(|(name, value)| secrets.add(name, value));
        secrets
    }

    #[test]
    fn only_values_of_secret_names_count_and_no_short_ones() {
        let secrets = secrets(&[("app_title", "The shop"), ("app_pin", "1234"), ("app_password", "hunter2")]);
        let text = "The shop, 1234, hunter2";
        assert_eq!(secrets.hide(text), "The shop, 1234, [hidden]");
    }

    #[test]
    fn parts_of_fields_are_secrets_too() {
        let secrets = secrets(&[
            ("Cookie", "theme=dark; SESSID=9f86d081884c7d659a2f"),
            ("Authorization", "Basic QWxhZGRpbjpvcGVu"),
        ]);
        for text in ["9f86d081884c7d659a2f", "b'QWxhZGRpbjpvcGVu'"] {
            assert!(secrets.hide(text).contains(HIDDEN), "{text}");
        }
        assert_eq!(secrets.hide("theme dark Basic"), "theme dark Basic");
    }

    #[test]
    fn secrets_are_known_however_they_are_written() {
        let mut secrets = Secrets::default();
        secrets.add_bytes("a\\b\n\"ž".as_bytes());
        secrets.add_bytes(b"\xff\0k%");
        for text in ["a\\b\n\"ž", r#"a\\b\n"ž"#, r#"a\\b\n"\xc5\xbe"#, r"\xff\x00k%"] {
            assert_eq!(secrets.hide(&format!("<{text}>")), "<[hidden]>", "{text}");
        }
        assert_eq!(format!("{secrets:?}"), "Secrets(…)");
    }

    #[test]
    fn the_longer_secret_is_hidden_first() {
        let secrets = secrets(&[("key", "abcdef"), ("token", "abcdefghi")]);
        assert_eq!(secrets.hide("abcdefghi abcdef"), "[hidden] [hidden]");
    }

    #[test]
    fn a_text_that_was_cut_ends_with_no_beginning_of_a_secret() {
        let secrets = secrets(&[("token", "0123456789abcdef")]);
        let text = format!("{}0123456789abc", "x".repeat(CUT));
        assert_eq!(secrets.hide(&text), "x".repeat(CUT));
        assert_eq!(secrets.hide("x 0123456789abc"), "x 0123456789abc", "what is short was not cut");
    }
}
