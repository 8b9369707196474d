//! No cookie opens but one that was sealed, and that one gives back its data; a changed byte closes it.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::session::{AesKeys, SealedKeys, Sealer, check_token};

static SEALERS: LazyLock<[Box<dyn Sealer>; 2]> = LazyLock::new(|| {
    [
        Box::new(SealedKeys::new(["new", "old"]).expect("two secrets")),
        Box::new(AesKeys::new(["new", "old"]).expect("two secrets")),
    ]
});

fuzz_target!(|input: (&str, usize, &[u8])| {
    let (cookie, place, data) = input;
    assert!(!check_token(cookie, "secret", "client", None));
    for sealer in SEALERS.iter() {
        assert!(sealer.open("SESSID", cookie).is_err());
        let Ok(sealed) = sealer.seal("SESSID", data) else { continue };
        match sealer.open("SESSID", &sealed) {
            Ok(opened) => assert_eq!(opened, data),
            // what is too long for a cookie is refused
            Err(_) => assert!(sealed.len() > poorwsgi_core::session::COOKIE_LIMIT),
        }
        let mut changed = sealed.into_bytes();
        let place = place % changed.len();
        changed[place] = if changed[place] == b'A' { b'B' } else { b'A' };
        assert!(sealer.open("SESSID", std::str::from_utf8(&changed).expect("ASCII")).is_err());
    }
});
