//! Where a `Location` leads to (RFC 3986, section 5.2).

use http::Uri;

/// The origin and the target that a reference in a response to a request for `base` of `origin` leads to; `None`
/// where it leads to another host than `localhost`, or is no reference.
pub(super) fn resolve(origin: &str, base: &Uri, reference: &str) -> Option<(String, Uri)> {
    let reference = reference.split('#').next().unwrap_or_default();
    let (origin, path_and_query) = match split_authority(reference) {
        Some((scheme, authority, rest)) => {
            let authority = authority.rsplit('@').next()?;
            if authority.split(':').next()? != "localhost" {
                return None;
            }
            let scheme = if scheme.is_empty() { origin.split("//").next()? } else { scheme };
            let rest = if rest.starts_with('/') { rest.to_owned() } else { format!("/{rest}") };
            (format!("{scheme}//{authority}"), rest)
        }
        None => (origin.to_owned(), relative(base.path(), base.query(), reference)),
    };
    let (path, query) = match path_and_query.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (path_and_query.as_str(), None),
    };
    let path = without_dots(path);
    let target = query.map_or_else(|| path.parse(), |query| format!("{path}?{query}").parse());
    Some((origin, target.ok()?))
}

/// The start of a reference, which is `http:`, `https:` or nothing, the authority behind its two slashes, and what
/// follows.
fn split_authority(reference: &str) -> Option<(&str, &str, &str)> {
    let (scheme, rest) = ["http:", "https:", ""].iter().find_map(|scheme| {
        let (start, rest) = reference.split_at_checked(scheme.len())?;
        Some((start, start.eq_ignore_ascii_case(scheme).then(|| rest.strip_prefix("//"))??))
    })?;
    let (authority, rest) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    Some((scheme, authority, rest))
}

fn relative(path: &str, query: Option<&str>, reference: &str) -> String {
    if reference.starts_with('/') {
        return reference.to_owned();
    }
    if reference.is_empty() {
        return query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    }
    if reference.starts_with('?') {
        return format!("{path}{reference}");
    }
    let directory = path.rsplit_once('/').map_or("", |(directory, _)| directory);
    format!("{directory}/{reference}")
}

/// A path without the segments `.` and `..` (RFC 3986, section 5.2.4).
fn without_dots(path: &str) -> String {
    let mut segments: Vec<&str> = Vec::new();
    let mut ends_in_directory = false;
    for segment in path.split('/').skip(1) {
        ends_in_directory = matches!(segment, "." | "..");
        match segment {
            "." => {}
            ".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    if ends_in_directory {
        segments.push("");
    }
    format!("/{}", segments.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 3986, section 5.4, as far as a path and a query can tell.
    #[test]
    fn references_are_resolved_as_browsers_resolve_them() {
        let base = Uri::from_static("/b/c/d;p?q");
        for (reference, target) in [
            ("g", "/b/c/g"),
            ("./g", "/b/c/g"),
            ("g/", "/b/c/g/"),
            ("/g", "/g"),
            ("?y", "/b/c/d;p?y"),
            ("g?y", "/b/c/g?y"),
            ("#s", "/b/c/d;p?q"),
            ("g#s", "/b/c/g"),
            ("", "/b/c/d;p?q"),
            (".", "/b/c/"),
            ("..", "/b/"),
            ("../g", "/b/g"),
            ("../../../g", "/g"),
            ("/./g", "/g"),
            ("g;x=1/../y", "/b/c/y"),
        ] {
            let (origin, resolved) = resolve("https://localhost", &base, reference).unwrap();
            assert_eq!((&*origin, &*resolved.to_string()), ("https://localhost", target), "{reference}");
        }
        for (reference, origin, target) in [
            ("http://localhost", "http://localhost", "/"),
            ("HTTP://localhost:8080/g?y", "HTTP://localhost:8080", "/g?y"),
            ("//ann@localhost/g", "https://localhost", "/g"),
        ] {
            let resolved = resolve("https://localhost", &base, reference).unwrap();
            assert_eq!((&*resolved.0, &*resolved.1.to_string()), (origin, target), "{reference}");
        }
        for other in ["//other.example/g", "https://other.example/g", "http://localhost.other.example/"] {
            assert_eq!(resolve("https://localhost", &base, other), None, "{other}");
        }
    }
}
