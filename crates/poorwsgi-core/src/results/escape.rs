//! Escapes text for HTML.

use std::fmt;

/// Escapes text for HTML, in content and in quoted attributes: `&`, `"`, `'`, `<` and `>`.
///
/// ```
/// assert_eq!(poorwsgi::results::html_escape("<a title='&'>"), "&lt;a title=&apos;&amp;&apos;&gt;");
/// ```
#[must_use]
pub fn html_escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    // Writing to a String cannot fail.
    let _ = write_escaped(&mut escaped, text);
    escaped
}

fn write_escaped(dest: &mut impl fmt::Write, text: &str) -> fmt::Result {
    let mut plain = 0;
    for (at, found) in text.match_indices(['&', '"', '\'', '<', '>']) {
        dest.write_str(text.get(plain..at).unwrap_or_default())?;
        dest.write_str(entity(found))?;
        plain = at + found.len();
    }
    dest.write_str(text.get(plain..).unwrap_or_default())
}

/// The escaper of our templates. It writes the entities of [`html_escape`], because PoorWSGI's pages have
/// them, and tests of applications look for them.
#[cfg(feature = "pages")]
#[derive(Clone, Copy)]
pub(super) struct NamedEscapes;

#[cfg(feature = "pages")]
impl askama::filters::Escaper for NamedEscapes {
    fn write_escaped_str<W: fmt::Write>(&self, mut dest: W, text: &str) -> fmt::Result {
        write_escaped(&mut dest, text)
    }
}

fn entity(character: &str) -> &str {
    match character {
        "&" => "&amp;",
        "\"" => "&quot;",
        "'" => "&apos;",
        "<" => "&lt;",
        ">" => "&gt;",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaping_covers_quotes() {
        assert_eq!(
            html_escape(r#"<a href="x">'&'</a>"#),
            "&lt;a href=&quot;x&quot;&gt;&apos;&amp;&apos;&lt;/a&gt;"
        );
        assert_eq!(html_escape("žluť < kůň"), "žluť &lt; kůň");
    }
}
