//! A password file that was read is written and read as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::digest::PasswordMap;

fuzz_target!(|text: &str| {
    let Ok(map) = PasswordMap::parse(text) else { return };
    for (realm, user, digest) in map.iter() {
        assert!(map.verify(realm, user, digest));
    }
    let again = PasswordMap::parse(&map.render()).expect("what was written");
    assert!(map.iter().eq(again.iter()));
});
