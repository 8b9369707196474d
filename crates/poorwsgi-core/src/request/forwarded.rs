//! What a proxy says about the client behind it, in the `X-Forwarded-…` fields.
//!
//! Anybody can send these fields: a server must remove them from requests that do not come from a proxy it
//! trusts. Proxies append to the list in a field, so the last item is used, which the nearest proxy wrote.

use http::HeaderName;

use super::Head;
use super::host::{Authority, split};
use crate::HttpError;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

impl dyn Head + '_ {
    /// The field `X-Forwarded-For` as it is: the client's address and those of the proxies on the way.
    #[must_use]
    pub fn forwarded_for(&self) -> Option<String> {
        self.header(&FOR).map(Into::into)
    }

    /// The host of `X-Forwarded-Host`, without the port.
    #[must_use]
    pub fn forwarded_host(&self) -> Option<String> {
        self.last(&HOST).map(|host| split(&host).0.to_owned())
    }

    /// The port of `X-Forwarded-Host`; where it has none, the default port of the scheme in
    /// `X-Forwarded-Proto`.
    ///
    /// # Errors
    /// 400 where the port is not a number up to 65535.
    pub fn forwarded_port(&self) -> Result<Option<u16>, HttpError> {
        let host = self.last(&HOST).unwrap_or_default();
        let scheme = || match self.forwarded_proto()?.as_str() {
            "https" => Some(443),
            "http" => Some(80),
            _ => None,
        };
        Ok(Authority::parse(&host)?.port.or_else(scheme))
    }

    /// The scheme of `X-Forwarded-Proto`.
    #[must_use]
    pub fn forwarded_proto(&self) -> Option<String> {
        self.last(&PROTO)
    }

    fn last(&self, name: &HeaderName) -> Option<String> {
        let field = self.header(name)?;
        let last = field.rsplit(',').next().unwrap_or_default().trim();
        (!last.is_empty()).then(|| last.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::tests::with;

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
