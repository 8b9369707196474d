//! Whatever a client sends in front of what its proxy says, the proxy is believed or the request refused.
#![no_main]

use std::net::IpAddr;

use http::HeaderMap;
use libfuzzer_sys::fuzz_target;
use poorwsgi_core::request::{Connection, ForwardedClient, ForwardedFields};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

fuzz_target!(|input: (bool, &[u8], &[u8])| {
    let (is_rfc_7239, sent, host) = input;
    let (kind, name, said) = if is_rfc_7239 {
        (ForwardedFields::Forwarded, "forwarded", &b"for=\"192.0.2.7:4711\";proto=https"[..])
    } else {
        (ForwardedFields::XForwarded, "x-forwarded-for", &b"192.0.2.7"[..])
    };
    let value = |bytes: &[u8]| http::HeaderValue::from_bytes(bytes).ok();
    let mut headers = HeaderMap::new();
    let Some(joined) = value(&[sent, b", ", said].concat()) else { return };
    headers.insert(name, joined);
    if let Some(host) = value(host) {
        headers.insert("x-forwarded-host", host);
    }
    let Ok(client) = ForwardedClient::read(&headers, kind, |_| false) else { return };
    assert_eq!(client.address.map(|address| address.ip()), Some(CLIENT));
    let connection = client.apply(&mut headers, Connection::default());
    assert_eq!((connection.remote.map(|remote| remote.ip()), connection.secure), (Some(CLIENT), is_rfc_7239));
});
