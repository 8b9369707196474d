//! A checker of the little HTML that our templates write, for tests: tags balance, attributes are quoted, and
//! required elements are there.

/// Elements without an end tag (HTML, section 13.1.2).
const VOID: &[&str] = &["meta", "br", "hr", "img", "input", "link", "wbr"];

/// Panics unless `html` is a well-formed page of our templates.
pub(super) fn assert_page(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"), "doctype and language");
    assert!(html.contains("<meta charset=\"utf-8\">"), "encoding");
    assert!(html.contains("name=\"viewport\""), "viewport");
    let tags = tags(html);
    for once in ["title", "main", "h1", "style"] {
        assert_eq!(tags.iter().filter(|tag| **tag == once).count(), 1, "one {once}");
    }
    for never in ["script", "iframe", "img", "link", "object", "form", "b"] {
        assert!(!tags.contains(&never), "no {never}");
    }
    let (_, title) = html.split_once("<title>").expect("title");
    assert!(!title.starts_with("</title>"), "a title");
}

/// The names of all start tags, in order, with every element closed where it was opened.
fn tags(html: &str) -> Vec<&str> {
    let mut open = Vec::new();
    let mut seen = Vec::new();
    let mut rest = html.strip_prefix("<!DOCTYPE html>").expect("doctype");
    while let Some((text, after)) = rest.split_once('<') {
        if open.last() != Some(&"style") {
            assert!(!text.contains(['>', '"', '\'']), "raw character in text: {text:?}");
        }
        assert!(after.starts_with(|c: char| c == '/' || c.is_ascii_lowercase()), "stray <: {after:.40}");
        let (tag, after) = after.split_once('>').expect("a tag ends");
        rest = after;
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closes what is open");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert_attributes(attributes);
        seen.push(name);
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "left open: {open:?}");
    seen
}

/// Every attribute is `name="value"`, and none runs code.
fn assert_attributes(attributes: &str) {
    let mut rest = attributes;
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").expect("a quoted value");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "attribute {name:?}");
        assert!(!name.starts_with("on"), "attribute {name:?}");
        let (value, after) = value.split_once('"').expect("the quote ends");
        assert!(!value.contains('\'') && !value.contains('<'), "value {value:?}");
        assert!(name != "href" || value.starts_with(['/', '#']), "href {value:?}");
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
}

#[test]
#[should_panic(expected = "closes what is open")]
fn crossed_tags_are_found() {
    tags("<!DOCTYPE html><p><em></p></em>");
}

#[test]
#[should_panic(expected = "raw character")]
fn raw_quotes_are_found() {
    tags("<!DOCTYPE html><p>\"</p>");
}
