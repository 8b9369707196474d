//! The cookies that a client keeps (RFC 6265, section 5).

use std::cmp::Reverse;

use http::HeaderMap;
use http::header::SET_COOKIE;
use poorwsgi_core::headers::date::http_to_time;

/// The cookies of one host. Cookies with `Secure` are kept and sent like all others.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
    /// In seconds since 1970; `None` for a cookie that is kept as long as the client.
    expires: Option<i64>,
}

impl Jar {
    /// The cookies that have not expired at `now`, in seconds since 1970.
    fn at(&self, now: u64) -> impl DoubleEndedIterator<Item = &Cookie> {
        self.0.iter().filter(move |cookie| cookie.is_fresh(now))
    }

    pub(super) fn get(&self, name: &str, now: u64) -> Option<&str> {
        self.at(now).rev().find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        let path = "/".to_owned();
        self.put(Cookie { name: name.to_owned(), value: value.to_owned(), path, expires: None });
    }

    fn put(&mut self, cookie: Cookie) {
        self.remove(&cookie);
        self.0.push(cookie);
    }

    fn remove(&mut self, cookie: &Cookie) {
        self.0.retain(|kept| (&kept.name, &kept.path) != (&cookie.name, &cookie.path));
    }

    /// The `Cookie` field of a request for a path; empty where there is no cookie.
    /// Those of longer paths come first (RFC 6265, section 5.4).
    pub(super) fn for_path(&self, path: &str, now: u64) -> String {
        let mut cookies: Vec<_> = self.at(now).filter(|cookie| cookie.is_for(path)).collect();
        cookies.sort_by_key(|cookie| Reverse(cookie.path.len()));
        joined(cookies.into_iter())
    }

    /// All cookies, as one `Cookie` field.
    #[cfg(feature = "sealed-sessions")]
    pub(super) fn all(&self, now: u64) -> String {
        joined(self.at(now))
    }

    /// Keeps the cookies that a response to a request for `path` sets, and removes those that it lets expire.
    pub(super) fn keep(&mut self, headers: &HeaderMap, path: &str, now: u64) {
        for field in headers.get_all(SET_COOKIE) {
            let Some(cookie) = field.to_str().ok().and_then(|field| parse(field, path, now)) else {
                continue;
            };
            if cookie.is_fresh(now) { self.put(cookie) } else { self.remove(&cookie) }
        }
    }
}

fn joined<'c>(cookies: impl Iterator<Item = &'c Cookie>) -> String {
    cookies.map(|Cookie { name, value, .. }| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

impl Cookie {
    fn is_fresh(&self, now: u64) -> bool {
        self.expires.is_none_or(|expires| expires > seconds(now))
    }

    /// RFC 6265, section 5.1.4
    fn is_for(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'))
    }
}

/// The cookie of a `Set-Cookie` field. `Max-Age` has precedence over `Expires` (RFC 6265, section 5.3). Without
/// `Path`, the cookie is for the directory of the request's path (section 5.1.4).
fn parse(field: &str, path: &str, now: u64) -> Option<Cookie> {
    let directory = match path.rsplit_once('/') {
        None | Some(("", _)) => "/",
        Some((directory, _)) => directory,
    };
    let mut parts = field.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.trim().into(),
        value: value.trim().into(),
        path: directory.into(),
        expires: None,
    };
    let (mut by_age, mut by_date) = (None, None);
    for attribute in parts {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("path", path) if path.starts_with('/') => cookie.path = path.to_owned(),
            ("max-age", age) => by_age = age.parse().ok().map(|age: i64| seconds(now).saturating_add(age)),
            ("expires", date) => by_date = http_to_time(date),
            _ => {}
        }
    }
    cookie.expires = by_age.or(by_date);
    Some(cookie)
}

fn seconds(now: u64) -> i64 {
    i64::try_from(now).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 2_000_000_000;

    fn keep(jar: &mut Jar, field: &str) {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, field.parse().unwrap());
        jar.keep(&headers, "/shop/cart", NOW);
    }

    #[test]
    fn a_cookie_expires_by_its_age_or_its_date() {
        let mut jar = Jar::default();
        keep(&mut jar, "age=1; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/");
        keep(&mut jar, "date=1; Expires=Wed, 18 May 2033 03:34:20 GMT; Path=/");
        keep(&mut jar, "forever=1; Path=/");
        assert_eq!(jar.for_path("/", NOW + 59), "age=1; date=1; forever=1");
        assert_eq!(jar.for_path("/", NOW + 60), "forever=1");
        assert_eq!((jar.get("age", NOW + 60), jar.get("forever", u64::MAX)), (None, Some("1")));
    }

    #[test]
    fn cookies_are_kept_by_name_and_path_until_they_expire() {
        let mut jar = Jar::default();
        keep(&mut jar, "a=1; Path=/; HttpOnly");
        keep(&mut jar, "a=3; Path=/; Max-Age=60");
        keep(&mut jar, "b=2");
        assert_eq!(jar.for_path("/", NOW), "a=3");
        assert_eq!(jar.for_path("/shop", NOW), "b=2; a=3");
        assert_eq!(jar.for_path("/shop/1", NOW), "b=2; a=3");
        assert_eq!(jar.for_path("/shopping", NOW), "a=3");
        keep(&mut jar, "a=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/");
        keep(&mut jar, "b=; Max-Age=-1; Path=/shop");
        assert_eq!((jar.for_path("/shop", NOW), jar.get("a", NOW)), (String::new(), None));
    }
}
