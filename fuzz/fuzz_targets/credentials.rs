//! Any `Authorization` field is read or refused, without inventing a value that is not in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi::digest::Credentials;

fuzz_target!(|field: &str| {
    for field in [field, &format!("Digest {field}")] {
        let Ok(credentials) = Credentials::parse(field) else { continue };
        for value in
            [credentials.username, credentials.realm, credentials.nonce, credentials.uri, credentials.nc]
        {
            assert!(value.is_none_or(|value| value.len() <= field.len()));
        }
    }
});
