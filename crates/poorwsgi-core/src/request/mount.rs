//! Requests to an application that is mounted in another one, below a prefix of the path.

use http::Uri;
use http::request::Parts;
use http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

use crate::HttpError;

/// Where an application is mounted: the prefix that leads to it, and those that lead to the application in
/// which it is mounted. Prefixes are decoded, begin with `/` and do not end with it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), poorwsgi::BoxError> {
/// use poorwsgi::request::Mount;
/// use poorwsgi::{Application, Request, state};
///
/// let mut inner = Application::new("inner");
/// inner.route("/where", state::METHOD_HEAD | state::METHOD_GET, |req: Request| {
///     format!("{} at {}", req.path(), req.mount().as_deref().map_or("", Mount::path))
/// })?;
/// let mut outer = Application::new("outer");
/// outer.mount("/inner", inner)?;
/// # use http_body_util::BodyExt;
/// let text = outer.handle(http::Request::get("/inner/where").body(String::new())?).await.into_body().collect().await?;
/// assert_eq!(text.to_bytes(), "/where at /inner");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    path: String,
    /// The length of the prefixes of the outer applications.
    outer: usize,
}

impl Mount {
    /// A mount below `prefix` in an application that is itself mounted at `outer`, which is empty where it is
    /// not mounted.
    #[must_use]
    pub fn new(outer: &str, prefix: &str) -> Self {
        Mount { path: format!("{outer}{prefix}"), outer: outer.len() }
    }

    /// All prefixes that lead to the application, the outermost first.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The prefixes of the outer applications; empty where there is one outer application.
    #[must_use]
    pub fn outer(&self) -> &str {
        self.path.get(..self.outer).unwrap_or_default()
    }

    /// The prefix in the application in which this one is mounted.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.path.get(self.outer..).unwrap_or_default()
    }
}

/// The mount of a request, with the target that the client sent; in the extensions of the request.
#[derive(Clone, Debug)]
pub(super) struct Mounted {
    pub(super) mount: Mount,
    pub(super) target: Uri,
}

/// Makes the head of a request to an application into that of a request to what is mounted in it below
/// `prefix`: the target loses the prefix, with which its decoded path begins. Where nothing follows the
/// prefix, the new path is `/`.
///
/// # Errors
/// 400 where the rest of the target is not a target.
pub fn enter_mount(parts: &mut Parts, prefix: &str) -> Result<(), HttpError> {
    let target = below(&parts.uri, prefix)
        .map_err(|error| HttpError::bad_request(format!("the target below {prefix}: {error}")))?;
    let whole = std::mem::replace(&mut parts.uri, target);
    let mounted = match parts.extensions.remove::<Mounted>() {
        Some(outer) => Mounted { mount: Mount::new(outer.mount.path(), prefix), target: outer.target },
        None => Mounted { mount: Mount::new("", prefix), target: whole },
    };
    parts.extensions.insert(mounted);
    Ok(())
}

/// The target without the prefix, which the router has matched in the decoded path, and without the `/` behind
/// it.
fn below(target: &Uri, prefix: &str) -> Result<Uri, http::Error> {
    let (_, rest) = split_prefix(target.path(), prefix, PathForm::Escaped);
    let (_, rest) = split_prefix(rest, "/", PathForm::Escaped);
    let target_below = match target.query() {
        Some(query) => format!("/{rest}?{query}"),
        None => format!("/{rest}"),
    };
    let mut parts = target.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(target_below)?);
    Ok(Uri::from_parts(parts)?)
}

/// How the bytes of a path are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathForm {
    /// Decoded: as UTF-8.
    Decoded,
    /// As in a target: an escape such as `%61` is one byte.
    Escaped,
    /// As in the environ of WSGI: each character is one byte (PEP 3333).
    Native,
}

/// Splits a path behind the prefix of a mount, with which its decoded form begins.
///
/// ```
/// use poorwsgi_core::request::{PathForm, split_prefix};
///
/// assert_eq!(split_prefix("/é/x", "/é", PathForm::Decoded), ("/é", "/x"));
/// assert_eq!(split_prefix("/%C3%A9%2Fx", "/é", PathForm::Escaped), ("/%C3%A9", "%2Fx"));
/// assert_eq!(split_prefix("/\u{c3}\u{a9}/x", "/é", PathForm::Native), ("/\u{c3}\u{a9}", "/x"));
/// ```
#[must_use]
pub fn split_prefix<'p>(path: &'p str, prefix: &str, form: PathForm) -> (&'p str, &'p str) {
    let bytes = prefix.len();
    let at = match form {
        PathForm::Decoded => bytes,
        PathForm::Escaped => length_of_escaped(path, bytes),
        PathForm::Native => path.char_indices().nth(bytes).map_or(path.len(), |(at, _)| at),
    };
    path.split_at_checked(at).unwrap_or((path, ""))
}

/// The decoded path in what is mounted below a prefix: `/` where nothing follows the prefix.
///
/// ```
/// use poorwsgi_core::request::path_below;
///
/// assert_eq!(path_below("/api/users", "/api"), "/users");
/// assert_eq!(path_below("/api", "/api"), "/");
/// ```
#[must_use]
pub fn path_below<'p>(path: &'p str, prefix: &str) -> &'p str {
    match split_prefix(path, prefix, PathForm::Decoded) {
        (_, "") => "/",
        (_, rest) => rest,
    }
}

/// How much of an escaped path stands for its first `count` bytes.
fn length_of_escaped(path: &str, count: usize) -> usize {
    let mut rest = path.as_bytes();
    for _ in 0..count {
        rest = match rest {
            [b'%', high, low, rest @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => rest,
            [_, rest @ ..] => rest,
            [] => rest,
        };
    }
    path.len() - rest.len()
}

impl Mounted {
    /// Whether the target is the prefix itself, without a `/` behind it.
    pub(super) fn is_bare(&self) -> bool {
        percent_decode_str(self.target.path()).eq(self.mount.path.bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::{Head, HttpHead};
    use proptest::prelude::*;

    fn head(target: &str, prefixes: &[&str]) -> HttpHead {
        let (mut parts, ()) = http::Request::get(target).body(()).unwrap().into_parts();
        for prefix in prefixes {
            enter_mount(&mut parts, prefix).unwrap();
        }
        HttpHead::new(parts, None)
    }

    /// A path that the router has matched with `/a/b/c/d` is cut where the match ends in the decoded path,
    /// not after as many bytes of the target.
    #[test]
    fn the_prefix_is_cut_off_as_it_was_matched() {
        for (path, rest) in [
            ("/a/b/c/d/x?q=1", "/x?q=1"),
            ("/%61/b/c/d/x", "/x"),
            ("/%61/b/c/d", "/"),
            ("/a%2Fb/%63%2fd%2Fx%2Fy", "/x%2Fy"),
            ("/a/b/c/d//x", "//x"),
            ("http://example.org/a/b/c/d/x", "http://example.org/x"),
            ("/a/b/c/d/é", "/é"),
        ] {
            let head = head(path, &["/a/b/c/d"]);
            assert_eq!(head.parts().uri.to_string(), rest, "{path}");
        }
    }

    /// `http::Uri` takes them, and so do servers other than ours.
    #[test]
    fn a_prefix_in_utf_8_is_cut_off_escaped_or_not() {
        for target in ["/é/secret", "/%C3%A9/secret", "/%c3%a9%2Fsecret"] {
            assert_eq!(head(target, &["/é"]).parts().uri.path(), "/secret", "{target}");
        }
    }

    #[test]
    fn the_target_and_the_way_to_the_application_stay_known() {
        let head = head("/out%65r/inner/x?q=1", &["/outer", "/inner"]);
        let mount = head.mount().unwrap();
        assert_eq!((mount.path(), mount.outer(), mount.prefix()), ("/outer/inner", "/outer", "/inner"));
        assert_eq!((&*head.path().unwrap(), &*head.query()), ("/x", "q=1"));
        assert_eq!(head.raw_target().unwrap(), "/out%65r/inner/x?q=1");
        assert_eq!((&head as &dyn Head).client_path().unwrap(), "/outer/inner/x");
    }

    #[test]
    fn a_prefix_with_and_without_a_slash_behind_it() {
        for (target, path, path_info) in
            [("/a", "/", ""), ("/%61", "/", ""), ("/a/", "/", "/"), ("/a/x", "/x", "/x")]
        {
            let head = head(target, &["/a"]);
            assert_eq!(
                (&*head.path().unwrap(), &*head.path_bytes()),
                (path, path_info.as_bytes()),
                "{target}"
            );
        }
        assert_eq!(&*head("/", &[]).path_bytes(), b"/");
    }

    proptest! {
        #[test]
        fn any_target_below_a_prefix_is_one(rest in "(/[a-z%0-9.~!$&'()*+,;=:@-]{0,9}){0,3}", query in "[a-z=&%]{0,9}") {
            let head = head(&format!("/%61b{rest}?{query}"), &["/ab"]);
            let expected = if rest.is_empty() { "/" } else { &rest };
            prop_assert_eq!(head.parts().uri.path(), expected);
            prop_assert_eq!(head.query(), query);
        }

        /// What is mounted is routed by the decoded path before its head is made.
        #[test]
        fn the_path_below_a_prefix_is_that_of_the_head_below_it(rest in "(/[a-z0-9.é ]{0,9}){0,3}") {
            let path = format!("/é{rest}");
            let escaped: String = path.bytes().map(|byte| format!("%{byte:02x}")).collect();
            let head = head(&escaped.replacen("%2f", "/", 1), &["/é"]);
            prop_assert_eq!(&*head.path().unwrap(), path_below(&path, "/é"));
            let native: String = path.bytes().map(char::from).collect();
            let (moved, below) = split_prefix(&native, "/é", PathForm::Native);
            prop_assert_eq!(moved, "/\u{c3}\u{a9}");
            prop_assert_eq!(below.chars().map(|byte| byte as u8).collect::<Vec<_>>(), rest.as_bytes());
        }
    }
}
