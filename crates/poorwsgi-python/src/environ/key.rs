//! The keys of header fields in an environ (RFC 3875, section 4.1.18).

use http::{HeaderName, header};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyString;

macro_rules! known_keys {
    ($py:ident, $name:ident, { $($known:ident => $key:literal,)* }) => {
        match *$name {
            $(header::$known => intern!($py, $key).clone(),)*
            _ => made_key($py, $name),
        }
    };
}

/// The key of a field. The strings for common fields are interned.
pub(super) fn key<'py>(py: Python<'py>, name: &HeaderName) -> Bound<'py, PyString> {
    known_keys!(py, name, {
        CONTENT_TYPE => "CONTENT_TYPE",
        CONTENT_LENGTH => "CONTENT_LENGTH",
        HOST => "HTTP_HOST",
        USER_AGENT => "HTTP_USER_AGENT",
        ACCEPT => "HTTP_ACCEPT",
        ACCEPT_ENCODING => "HTTP_ACCEPT_ENCODING",
        ACCEPT_LANGUAGE => "HTTP_ACCEPT_LANGUAGE",
        AUTHORIZATION => "HTTP_AUTHORIZATION",
        CACHE_CONTROL => "HTTP_CACHE_CONTROL",
        CONNECTION => "HTTP_CONNECTION",
        COOKIE => "HTTP_COOKIE",
        DNT => "HTTP_DNT",
        EXPECT => "HTTP_EXPECT",
        IF_MODIFIED_SINCE => "HTTP_IF_MODIFIED_SINCE",
        IF_NONE_MATCH => "HTTP_IF_NONE_MATCH",
        ORIGIN => "HTTP_ORIGIN",
        PRAGMA => "HTTP_PRAGMA",
        RANGE => "HTTP_RANGE",
        REFERER => "HTTP_REFERER",
        TRANSFER_ENCODING => "HTTP_TRANSFER_ENCODING",
        UPGRADE_INSECURE_REQUESTS => "HTTP_UPGRADE_INSECURE_REQUESTS",
    })
}

fn made_key<'py>(py: Python<'py>, name: &HeaderName) -> Bound<'py, PyString> {
    let name = name.as_str().bytes().map(|byte| match byte {
        b'-' => '_',
        other => char::from(other.to_ascii_uppercase()),
    });
    PyString::new(py, &"HTTP_".chars().chain(name).collect::<String>())
}

/// The name of the field that a key stands for, in Title-Case; `None` for other keys.
pub(super) fn field_name(key: &str) -> Option<String> {
    let name = match key {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => key,
        _ => key.strip_prefix("HTTP_")?,
    };
    let mut starts = true;
    let spelled = name.chars().map(|character| match character {
        '_' => {
            starts = true;
            '-'
        }
        _ if std::mem::take(&mut starts) => character.to_ascii_uppercase(),
        _ => character.to_ascii_lowercase(),
    });
    Some(spelled.collect())
}
