//! The cookies that a client keeps (RFC 6265, section 5).

use http::HeaderMap;
use http::header::SET_COOKIE;
use poorwsgi_core::headers::date::http_to_time;

/// The cookies of one host. Those for encrypted connections are kept and sent like all others.
#[derive(Debug, Default)]
pub(super) struct Jar(Vec<Cookie>);

#[derive(Debug)]
struct Cookie {
    name: String,
    value: String,
    path: String,
}

impl Jar {
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }

    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.put(Cookie { name: name.to_owned(), value: value.to_owned(), path: "/".to_owned() });
    }

    fn put(&mut self, cookie: Cookie) {
        self.remove(&cookie);
        self.0.push(cookie);
    }

    fn remove(&mut self, cookie: &Cookie) {
        self.0.retain(|kept| (&kept.name, &kept.path) != (&cookie.name, &cookie.path));
    }

    /// The `Cookie` field of a request for a path; empty where there is no cookie.
    pub(super) fn for_path(&self, path: &str) -> String {
        joined(self.0.iter().filter(|cookie| cookie.is_for(path)))
    }

    /// All cookies, as one `Cookie` field.
    #[cfg(feature = "sealed-sessions")]
    pub(super) fn all(&self) -> String {
        joined(self.0.iter())
    }

    /// Keeps, or removes, what a response says.
    pub(super) fn keep(&mut self, headers: &HeaderMap) {
        for field in headers.get_all(SET_COOKIE) {
            let Some((cookie, is_expired)) = field.to_str().ok().and_then(parse) else { continue };
            if is_expired { self.remove(&cookie) } else { self.put(cookie) }
        }
    }
}

fn joined<'c>(cookies: impl Iterator<Item = &'c Cookie>) -> String {
    cookies.map(|Cookie { name, value, .. }| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
}

impl Cookie {
    /// RFC 6265, section 5.1.4
    fn is_for(&self, path: &str) -> bool {
        path.strip_prefix(self.path.as_str())
            .is_some_and(|rest| rest.is_empty() || self.path.ends_with('/') || rest.starts_with('/'))
    }
}

/// The cookie of a `Set-Cookie` field, and whether it has expired: by `Max-Age` first, then by `Expires`.
fn parse(field: &str) -> Option<(Cookie, bool)> {
    let mut parts = field.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie { name: name.trim().into(), value: value.trim().into(), path: "/".into() };
    let (mut by_age, mut by_date) = (None, None);
    for attribute in parts {
        let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match (name.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("path", path) if path.starts_with('/') => cookie.path = path.to_owned(),
            ("max-age", age) => by_age = age.parse().ok().map(|age: i64| age <= 0),
            ("expires", date) => by_date = http_to_time(date).map(|time| time <= now()),
            _ => {}
        }
    }
    Some((cookie, by_age.or(by_date).unwrap_or(false)))
}

fn now() -> i64 {
    poorwsgi_core::headers::date::unix_seconds(std::time::SystemTime::now()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keep(jar: &mut Jar, field: &str) {
        let mut headers = HeaderMap::new();
        headers.append(SET_COOKIE, field.parse().unwrap());
        jar.keep(&headers);
    }

    #[test]
    fn cookies_are_kept_by_name_and_path_until_they_expire() {
        let mut jar = Jar::default();
        keep(&mut jar, "a=1; Path=/; HttpOnly");
        keep(&mut jar, "b=2; path=/shop");
        keep(&mut jar, "a=3; Path=/; Max-Age=60");
        assert_eq!(jar.for_path("/"), "a=3");
        assert_eq!(jar.for_path("/shop"), "b=2; a=3");
        assert_eq!(jar.for_path("/shop/1"), "b=2; a=3");
        assert_eq!(jar.for_path("/shopping"), "a=3");
        keep(&mut jar, "a=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/");
        keep(&mut jar, "b=; Max-Age=-1; Path=/shop");
        assert_eq!((jar.for_path("/shop"), jar.get("a")), (String::new(), None));
    }
}
