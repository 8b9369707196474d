//! JSON bodies (RFC 8259).

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::HttpError;
use crate::charset::{self, Charset};

/// How deep arrays and objects nest at most, unless the application says otherwise. serde_json's own limit is 127, so a
/// higher setting does not go deeper than that in [`parse_json`].
pub const DEFAULT_MAX_DEPTH: usize = 100;

/// Parses a JSON text into any type that can be read from one, such as [`serde_json::Value`].
///
/// The charset is `utf-8` (the default, and what RFC 8259 asks for; a byte order mark is skipped) or any other
/// [`Charset`], in one of its usual names. How large the text may be is the business of whoever reads the body.
///
/// ```
/// use poorwsgi::json::{DEFAULT_MAX_DEPTH, parse_json};
///
/// let value: serde_json::Value = parse_json(br#"{"age": 36}"#, None, DEFAULT_MAX_DEPTH)?;
/// assert_eq!(value["age"], 36);
///
/// let error = parse_json::<serde_json::Value>(b"{\n  \"age\": }", None, DEFAULT_MAX_DEPTH).unwrap_err();
/// assert_eq!(error.detail(), Some("JSON: expected value at line 2 column 10"));
/// # Ok::<(), poorwsgi::HttpError>(())
/// ```
///
/// # Errors
/// 400 with the reason (also where the text is JSON but not of the type), and with line and column (both from 1, the column in bytes) where the fault has a place.
pub fn parse_json<T: DeserializeOwned>(
    bytes: &[u8],
    charset: Option<&str>,
    max_depth: usize,
) -> Result<T, HttpError> {
    let text = decode(bytes, charset)?;
    check_depth(text.as_bytes(), max_depth)?;
    serde_json::from_str(&text)
        .map_err(|error| HttpError::bad_request(format!("JSON: {error}")).with_source(error))
}

/// Refuses a text whose arrays and objects nest deeper than `max_depth`, before a parser that recurses sees it. One pass
/// over the text; whether it is JSON at all is left to that parser.
///
/// # Errors
/// 400 with the line and column of the first bracket that is too deep.
pub fn check_depth(text: &[u8], max_depth: usize) -> Result<(), HttpError> {
    let mut depth = 0_usize;
    let mut bytes = text.iter().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                while let Some((_, byte)) = bytes.next() {
                    match byte {
                        b'\\' => _ = bytes.next(),
                        b'"' => break,
                        _ => {}
                    }
                }
            }
            b'[' | b'{' if depth == max_depth => {
                let before = text.get(..at).unwrap_or_default();
                let line = 1 + memchr::memchr_iter(b'\n', before).count();
                let column = at - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
                return Err(HttpError::bad_request(format!(
                    "JSON: nested deeper than {max_depth} (setting json_depth) at line {line} column {column}"
                )));
            }
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    Ok(())
}

fn decode<'a>(bytes: &'a [u8], charset: Option<&str>) -> Result<Cow<'a, str>, HttpError> {
    let name = charset.unwrap_or("utf-8");
    let charset = Charset::named(name)
        .ok_or_else(|| HttpError::bad_request(format!("JSON: {}", charset::unsupported(name))))?;
    let bytes = match charset {
        Charset::Utf8 => bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes),
        _ => bytes,
    };
    charset.decode(bytes).map_err(|error| HttpError::bad_request(format!("JSON: {error}")).with_source(error))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn parse(text: &[u8]) -> Result<Value, String> {
        parse_json(text, None, DEFAULT_MAX_DEPTH).map_err(|error| {
            assert_eq!(error.status(), 400);
            error.detail().unwrap_or_default().to_owned()
        })
    }

    #[test]
    fn charsets_and_byte_order_mark() {
        assert_eq!(parse_json::<Value>(b"\"\0\x7e\x01\"\0", Some("UTF-16LE"), 9).unwrap(), "ž");
        assert_eq!(parse(b"\xef\xbb\xbf\"\xc5\xbe\"").unwrap(), "ž");
        assert_eq!(parse_json::<Value>(b"\"\xe9\"", Some("ISO-8859-1"), 9).unwrap(), "é");
        assert!(parse(b"\"\xe9\"").unwrap_err().contains("index 1"));
        assert!(parse_json::<Value>(b"1", Some("koi8-r"), 9).unwrap_err().to_string().contains("\"koi8-r\""));
    }

    /// A text a thousand levels deep is a 400, as the recursion of a parser must never be the client's choice.
    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(parse(nested(DEFAULT_MAX_DEPTH).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(1000).as_bytes()).unwrap_err(),
            "JSON: nested deeper than 100 (setting json_depth) at line 1 column 101"
        );
        assert!(parse(&br#"{"a":"#.repeat(1_000_000)).unwrap_err().contains("deeper"));
        assert_eq!(
            check_depth(b"[\n [[]]]", 2).unwrap_err().detail().unwrap(),
            "JSON: nested deeper than 2 (setting json_depth) at line 2 column 3"
        );
    }

    #[test]
    fn brackets_in_strings_and_side_by_side_are_not_deep() {
        let text = format!(r#"["{}", "\"[[[", [], [], {{}}]"#, "[{".repeat(1000));
        check_depth(text.as_bytes(), 2).unwrap();
        parse(text.as_bytes()).unwrap();
    }

    #[test]
    fn the_place_of_a_fault_is_named() {
        assert_eq!(parse(b"").unwrap_err(), "JSON: EOF while parsing a value at line 1 column 0");
        assert_eq!(parse(b"[1,\n 2,]").unwrap_err(), "JSON: trailing comma at line 2 column 4");
        assert_eq!(
            parse(b"{\"a\": 1, \"a\": 2}").unwrap(),
            json!({"a": 2}),
            "the last of two equal keys wins"
        );
    }

    #[test]
    fn a_text_of_another_type_is_the_clients_fault() {
        let error = parse_json::<Vec<u8>>(b"[1, \"x\"]", None, 9).unwrap_err();
        assert!(error.detail().unwrap().contains("expected u8"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(text in proptest::collection::vec(any::<u8>(), 0..200), depth in 0usize..9) {
            let _ = parse_json::<Value>(&text, None, depth);
            let _ = check_depth(&text, depth);
        }
    }
}
