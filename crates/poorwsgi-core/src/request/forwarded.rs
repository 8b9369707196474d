//! What a proxy says about the client behind it, in the `X-Forwarded-…` fields.
//!
//! Anybody can send these fields: a server must remove them from requests that do not come from a proxy it
//! trusts. Proxies append to the list in a field, so the last item is used, which the nearest proxy wrote.

use std::borrow::Cow;

use http::HeaderName;
use http::header::FORWARDED;

use super::Head;
use super::host::{Authority, default_port, split};
use crate::HttpError;

pub(super) const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(super) const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(super) const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
pub(super) const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether a field says who the client behind a proxy is: `Forwarded` (RFC 7239) and `X-Forwarded-…`. A server
/// removes these fields unless it trusts its peer.
pub(super) fn is_about_client(name: &HeaderName) -> bool {
    *name == FORWARDED || name.as_str().starts_with("x-forwarded-")
}

impl dyn Head + '_ {
    /// The field `X-Forwarded-For` as it is: the client's address and those of the proxies on the way.
    #[must_use]
    pub fn forwarded_for(&self) -> Option<String> {
        self.header(&FOR).map(Into::into)
    }

    /// The host of `X-Forwarded-Host`, without the port.
    #[must_use]
    pub fn forwarded_host(&self) -> Option<String> {
        self.last(&FORWARDED_HOST).map(|host| split(&host).0.to_owned())
    }

    /// The port of `X-Forwarded-Host`; where it has none, the default port of the scheme in
    /// `X-Forwarded-Proto`.
    ///
    /// # Errors
    /// 400 where the port is not a number up to 65535.
    pub fn forwarded_port(&self) -> Result<Option<u16>, HttpError> {
        let host = self.last(&FORWARDED_HOST).unwrap_or_default();
        let of_scheme = || default_port(&self.last(&PROTO)?);
        Ok(Authority::parse(&host)?.port.or_else(of_scheme))
    }

    /// The scheme of `X-Forwarded-Proto`.
    #[must_use]
    pub fn forwarded_proto(&self) -> Option<String> {
        self.last(&PROTO).map(Cow::into_owned)
    }

    fn last(&self, name: &HeaderName) -> Option<Cow<'_, str>> {
        match self.header(name)? {
            Cow::Borrowed(field) => last_item(field).map(Cow::Borrowed),
            Cow::Owned(field) => last_item(&field).map(|item| Cow::Owned(item.to_owned())),
        }
    }
}

fn last_item(list: &str) -> Option<&str> {
    let last = list.rsplit(',').next().unwrap_or_default().trim();
    (!last.is_empty()).then_some(last)
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;
    use super::*;

    /// security: each field that is read here is one that a server removes.
    #[test]
    fn the_fields_about_the_client() {
        let others = ["forwarded", "x-forwarded-"].map(HeaderName::from_static);
        for name in [FOR, FORWARDED_HOST, PORT, PROTO].into_iter().chain(others) {
            assert!(is_about_client(&name), "{name}");
        }
        for name in ["host", "forwarded-for", "x-forwarded", "via"] {
            assert!(!is_about_client(&HeaderName::from_static(name)), "{name}");
        }
    }

    #[test]
    fn forwarded_fields_as_poorwsgi_reads_them() {
        let none = with(&[]);
        assert_eq!(none.head().forwarded_for(), None);
        assert_eq!(none.head().forwarded_host(), None);
        assert_eq!(none.head().forwarded_port().unwrap(), None);
        let head = with(&[
            ("x-forwarded-for", "192.0.2.1, 192.0.2.2"),
            ("x-forwarded-host", "f:82"),
            ("x-forwarded-proto", "https"),
        ]);
        assert_eq!(head.head().forwarded_for().unwrap(), "192.0.2.1, 192.0.2.2");
        assert_eq!(head.head().forwarded_host().unwrap(), "f");
        assert_eq!(head.head().forwarded_port().unwrap(), Some(82));
        assert_eq!(head.head().forwarded_proto().unwrap(), "https");
    }

    #[test]
    fn the_port_of_the_scheme() {
        for (proto, port) in [("https", Some(443)), ("http", Some(80)), ("ftp", None)] {
            let head = with(&[("x-forwarded-proto", proto), ("x-forwarded-host", "[::1]")]);
            assert_eq!(head.head().forwarded_port().unwrap(), port);
            assert_eq!(head.head().forwarded_host().unwrap(), "[::1]");
        }
        let bad = with(&[("x-forwarded-host", "f:x")]);
        assert_eq!(bad.head().forwarded_port().unwrap_err().status(), 400);
    }

    /// PoorWSGI 2.8.1 takes the whole list for one host.
    #[test]
    fn of_a_list_the_nearest_proxy_counts() {
        let head = with(&[
            ("x-forwarded-host", "evil.org"),
            ("x-forwarded-host", "f:82"),
            ("x-forwarded-proto", "a, http"),
        ]);
        assert_eq!(head.head().forwarded_host().unwrap(), "f");
        assert_eq!(head.head().forwarded_proto().unwrap(), "http");
    }
}
