//! Links to directories of this server.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Encodes all characters of a path segment except the unreserved ones (RFC 3986, section 2.3).
pub(super) const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of a directory, always with exactly one slash at its start: with two it would name another server
/// (RFC 3986, section 4.2).
pub(super) fn directory_href<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    let mut href = String::from("/");
    for segment in segments {
        href.extend(utf8_percent_encode(segment, SEGMENT));
        href.push('/');
    }
    href
}

/// The segments of a decoded path. Slashes at either end, and repeated ones, make no difference.
pub(super) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}
