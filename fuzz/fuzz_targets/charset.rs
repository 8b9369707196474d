//! Whatever bytes are said to be in whatever charset, they are decoded or refused, as the standard library
//! does where it can.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::charset::{Charset, MAX_NAME, unsupported};

const NAMES: [&str; 13] = [
    "us-ascii",
    "UTF-8",
    "utf_16",
    "utf-16le",
    "UTF-16BE",
    "utf-32",
    "utf-32le",
    "utf-32be",
    "latin-1",
    "iso-8859-2",
    "iso-8859-15",
    "windows-1250",
    "cp1252",
];

fn agrees(charset: Charset, bytes: &[u8], text: Option<&str>) {
    let units = || bytes.chunks_exact(2).map(|unit| [unit[0], unit[1]]);
    let expected = match charset {
        Charset::Utf8 => std::str::from_utf8(bytes).ok().map(str::to_owned),
        Charset::Ascii => bytes.is_ascii().then(|| bytes.iter().copied().map(char::from).collect()),
        Charset::Iso8859_1 => Some(bytes.iter().copied().map(char::from).collect()),
        Charset::Utf16Le if bytes.len().is_multiple_of(2) => {
            String::from_utf16(&units().map(u16::from_le_bytes).collect::<Vec<_>>()).ok()
        }
        Charset::Utf16Be if bytes.len().is_multiple_of(2) => {
            String::from_utf16(&units().map(u16::from_be_bytes).collect::<Vec<_>>()).ok()
        }
        _ => return,
    };
    assert_eq!(text, expected.as_deref());
}

fuzz_target!(|input: (u8, &str, usize, &[u8])| {
    let (choice, name, split, bytes) = input;
    assert!(unsupported(name).len() < 16 * MAX_NAME);
    let name = NAMES.get(usize::from(choice)).copied().unwrap_or(name);
    let Some(charset) = Charset::named(name) else { return };
    assert!(name.len() <= MAX_NAME);
    assert_eq!(Charset::named(charset.name()), Some(charset));
    let decoded = charset.decode(bytes);
    agrees(charset, bytes, decoded.as_deref().ok());
    match &decoded {
        Ok(text) => assert!(text.len() <= 3 * bytes.len()),
        Err(error) => {
            // What stands before the fault is whole.
            assert!(error.index() < bytes.len());
            assert!(charset.decode(&bytes[..error.index()]).is_ok());
        }
    }
    let (first, second) = bytes.split_at(split % (bytes.len() + 1));
    let is_wide = charset.name().starts_with("utf");
    if !is_wide && let (Ok(first), Ok(second)) = (charset.decode(first), charset.decode(second)) {
        assert_eq!(decoded.ok().as_deref(), Some(&*[first, second].concat()));
    }
});
