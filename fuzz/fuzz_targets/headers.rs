//! A field that was accepted holds no byte that could end a line, and is found again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::Headers;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (name, value) = input;
    let Ok(name) = std::str::from_utf8(name) else { return };
    let mut headers = Headers::new();
    if headers.append(name, value).is_err() {
        assert!(headers.is_empty());
        return;
    }
    let stored = headers.get(name).expect("a field that was accepted");
    assert!(!stored.as_bytes().iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    assert!(name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':'));
    assert_eq!(headers.remove(name).as_ref().map(|value| value.as_bytes()), Some(value));
});
