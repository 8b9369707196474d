//! The index of a directory below the document root.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use askama::Template;
use percent_encoding::utf8_percent_encode;

use super::href::{SEGMENT, directory_href, segments};
use super::{Site, hbytes, render};
use crate::response::document_root::Entry;

/// The page that lists a directory: name, modification time, size and type, with links.
///
/// ```
/// use poorwsgi_core::response::document_root::Entry;
/// use poorwsgi_core::results::{DirectoryIndex, Site};
///
/// let entries = [Entry { name: "100% sure?.txt".into(), size: Some(2_000_000), modified: None, media_type: None }];
/// let index = DirectoryIndex { path: "/files/", entries: &entries, cut: false, parent: true, site: Site::default() };
/// let html = index.render();
/// assert!(html.contains(r#"<a href="/files/100%25%20sure%3F.txt">"#));
/// assert!(html.contains("1.9 MB"));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DirectoryIndex<'a> {
    /// Path of the directory as the client knows it, percent-decoded, with the prefix the application is
    /// mounted below; a slash at its end makes no difference.
    pub path: &'a str,
    /// What to list, in this order.
    pub entries: &'a [Entry],
    /// Whether there are more entries than are listed.
    pub cut: bool,
    /// Whether the directory above may be seen too.
    pub parent: bool,
    /// The server, for the footer.
    pub site: Site<'a>,
}

impl DirectoryIndex<'_> {
    /// The page as an HTML document.
    #[must_use]
    pub fn render(&self) -> String {
        let segments: Vec<&str> = segments(self.path).collect();
        let here = directory_href(segments.iter().copied());
        let parent = match segments.split_last() {
            Some((_, above)) if self.parent => Some(directory_href(above.iter().copied())),
            _ => None,
        };
        render(&IndexTemplate {
            path: self.path,
            cut: self.cut,
            parent,
            rows: self.entries.iter().map(|entry| EntryRow::new(&here, entry)).collect(),
            site: self.site,
        })
    }
}

#[derive(Template)]
#[template(path = "directory_index.html", escape = "named", whitespace = "minimize")]
struct IndexTemplate<'a> {
    path: &'a str,
    cut: bool,
    parent: Option<String>,
    rows: Vec<EntryRow<'a>>,
    site: Site<'a>,
}

struct EntryRow<'a> {
    href: String,
    name: String,
    modified: String,
    size: String,
    kind: &'a str,
}

impl<'a> EntryRow<'a> {
    fn new(here: &str, entry: &'a Entry) -> Self {
        let slash = if entry.is_dir() { "/" } else { "" };
        let encoded = utf8_percent_encode(&entry.name, SEGMENT);
        EntryRow {
            href: format!("{here}{encoded}{slash}"),
            name: format!("{}{slash}", entry.name),
            modified: entry.modified.and_then(date).unwrap_or_else(|| "–".to_owned()),
            size: entry.size.map_or_else(|| "–".to_owned(), size),
            kind: match entry.media_type {
                _ if entry.is_dir() => "Directory",
                Some(media_type) => media_type,
                None => "application/octet-stream",
            },
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn size(bytes: u64) -> String {
    match hbytes(bytes as f64) {
        (_, "") => format!("{bytes} B"),
        (value, unit) => format!("{value:.1} {unit}B"),
    }
}

/// The time as `06-Nov-1994 08:49`; `None` before 1970 and after 9999. A file may have such a time.
fn date(time: SystemTime) -> Option<String> {
    const YEAR_10000: Duration = Duration::from_secs(253_402_300_800);
    time.duration_since(UNIX_EPOCH).ok().filter(|since| *since < YEAR_10000)?;
    // An HTTP date has parts of fixed width: "Sun, 06 Nov 1994 08:49:37 GMT".
    let text = httpdate::fmt_http_date(time);
    let (day, month, year, clock) = (text.get(5..7)?, text.get(8..11)?, text.get(12..16)?, text.get(17..22)?);
    Some(format!("{day}-{month}-{year} {clock}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::wellformed::assert_page;

    fn index(path: &str, entries: &[Entry], parent: bool) -> String {
        let html = DirectoryIndex { path, entries, cut: false, parent, site: Site::default() }.render();
        assert_page(&html);
        html
    }

    fn file(name: &str) -> Entry {
        Entry { name: name.to_owned(), size: Some(0), modified: None, media_type: None }
    }

    // The columns and formats are those of PoorWSGI 2.8.1, except that it shows the time at which the inode
    // changed.
    #[test]
    fn a_file_has_name_date_size_and_type() {
        let entry = Entry {
            size: Some(2_000_000),
            modified: Some(UNIX_EPOCH + Duration::from_secs(784_111_777)),
            media_type: Some("text/plain"),
            ..file("notes.txt")
        };
        let html = index("/docs", &[entry], false);
        for cell in ["<bdi>notes.txt</bdi>", ">06-Nov-1994 08:49<", ">1.9 MB<", ">text/plain<"] {
            assert!(html.contains(cell), "{cell}");
        }
        assert!(html.contains("href=\"/docs/notes.txt\""));
        assert!(html.contains("<title>Index of /docs</title>"));
    }

    #[test]
    fn a_directory_has_a_slash_and_no_size() {
        let entry = Entry { size: None, ..file("pictures") };
        let html = index("/", &[entry], true);
        assert!(html.contains("<a href=\"/pictures/\"><bdi>pictures/</bdi></a>"));
        assert!(html.contains(">Directory<") && !html.contains("4.0 kB"));
        assert!(!html.contains("Parent directory"), "nothing is above the root");
    }

    #[test]
    fn entries_stay_in_their_order() {
        let html = index("/", &[file("b"), file("a"), file("c")], false);
        let at = |name: &str| html.find(&format!("<bdi>{name}</bdi>")).unwrap();
        assert!(at("b") < at("a") && at("a") < at("c"));
    }

    #[test]
    fn the_parent_is_linked_where_it_may_be_seen() {
        assert!(index("/a/b c/d/", &[], true).contains("<a href=\"/a/b%20c/\">.. (parent directory)</a>"));
        assert!(index("/a", &[], true).contains("<a href=\"/\">.. (parent directory)</a>"));
        assert!(!index("/a/b/", &[], false).contains("Parent directory"));
    }

    // PoorWSGI does not escape file names.
    #[test]
    fn names_and_path_are_escaped() {
        let injection = "\"><script>alert('&')</script>";
        let entry = Entry { media_type: Some(injection), ..file(injection) };
        let site = Site {
            hostname: injection,
            admin: injection,
            software: injection,
            debug: true,
            prefix: injection,
        };
        let html = DirectoryIndex {
            path: &format!("/{injection}/"),
            entries: &[entry],
            cut: true,
            parent: true,
            site,
        }
        .render();
        assert_page(&html);
        assert_eq!(html.matches("&lt;script&gt;").count(), 7);
    }

    #[test]
    fn no_name_becomes_another_address() {
        for name in ["javascript:alert(1)", "a?b#c", "//elsewhere", "%2e%2e", "..", "a\\b", "žluť"] {
            let html = index("/", &[file(name)], false);
            let (_, rest) = html.split_once("href=\"").unwrap();
            let (href, _) = rest.split_once('"').unwrap();
            assert!(!href.starts_with("//") && !href.contains([':', '?', '#', '\\']), "{href}");
            let decoded = percent_encoding::percent_decode_str(href).decode_utf8().unwrap();
            assert_eq!(decoded, format!("/{name}"));
        }
        assert!(index("//elsewhere/x", &[file("a")], false).contains("href=\"/elsewhere/x/a\""));
    }

    #[test]
    fn times_out_of_range_are_left_out() {
        let day = Duration::from_secs(86_400);
        assert_eq!(date(UNIX_EPOCH - day), None);
        assert_eq!(date(UNIX_EPOCH + Duration::from_secs(253_402_300_800)), None);
        assert_eq!(date(UNIX_EPOCH).as_deref(), Some("01-Jan-1970 00:00"));
        assert_eq!(
            date(UNIX_EPOCH + Duration::from_secs(253_402_300_799)).as_deref(),
            Some("31-Dec-9999 23:59")
        );
    }

    #[test]
    fn a_list_that_was_cut_says_so() {
        let page =
            |cut| DirectoryIndex { path: "/", entries: &[], cut, parent: false, site: Site::default() };
        assert!(page(true).render().contains("more entries"));
        assert!(!page(false).render().contains("more entries"));
    }

    #[test]
    fn sizes_are_for_people() {
        assert_eq!(size(0), "0 B");
        assert_eq!(size(999), "999 B");
        assert_eq!(size(1024), "1.0 kB");
        assert_eq!(size(u64::MAX), "16384.0 PB");
    }
}
