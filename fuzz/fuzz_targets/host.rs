//! A host is taken apart and put together as the same; an address names a host that is one, and nothing that
//! the path or a header says moves into the host.
#![no_main]

use http::Request;
use libfuzzer_sys::fuzz_target;
use poorwsgi_core::request::{Authority, Head, HttpHead, is_host};

fuzz_target!(|input: (&str, &str, &str, &str)| {
    let (host, forwarded_host, forwarded_proto, uri) = input;
    if let Ok(authority) = Authority::parse(host) {
        assert!(host.contains(authority.host));
        if let (true, Some(port)) = (is_host(authority.host), authority.port) {
            assert_eq!(Authority::parse(&format!("{}:{port}", authority.host)).ok(), Some(authority));
        }
    }

    let mut request = Request::builder().header("host", host);
    for (name, value) in [("x-forwarded-host", forwarded_host), ("x-forwarded-proto", forwarded_proto)] {
        if !value.is_empty() {
            request = request.header(name, value);
        }
    }
    let Ok(request) = request.body(()) else { return };
    let head = HttpHead::new(request.into_parts().0, None);
    let Ok(url) = (&head as &dyn Head).construct_url(uri) else { return };
    if url == uri {
        return;
    }
    let (_, rest) = url.split_once("://").expect("a scheme");
    let end = rest.find(['/', '?', '#', '\\']).expect("a path");
    let (authority, path) = rest.split_at(end);
    assert!(path == uri || path.strip_prefix('/') == Some(uri), "{url}");
    assert!(Authority::parse(authority).is_ok_and(|authority| is_host(authority.host)), "{url}");
});
