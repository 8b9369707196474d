//! Any `Authorization` field is read or refused, without inventing a value that is not in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::digest::Credentials;
use poorwsgi_core::request::Authorization;

fuzz_target!(|field: &str| {
    for field in [field, &format!("Digest {field}")] {
        let authorization = Authorization::parse(field);
        let Some(credentials) = Credentials::read(&authorization) else { continue };
        assert_eq!(authorization.scheme(), "Digest");
        for value in [credentials.realm, credentials.nonce, credentials.uri, credentials.nc] {
            assert!(value.is_none_or(|value| value.len() <= field.len()));
        }
        // `username*` has a charset.
        assert!(credentials.username.is_none_or(|name| name.len() <= 3 * field.len()));
    }
});
