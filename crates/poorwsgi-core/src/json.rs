//! JSON bodies (RFC 8259).

use std::borrow::Cow;

use serde::de::DeserializeOwned;

use crate::charset::{self, Charset};
use crate::{HttpError, state};

/// The limits of a JSON text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonLimits {
    /// How deep arrays and objects may nest. Default: 100. [`parse_json`] takes at most 127 in any case, the
    /// limit of serde_json.
    pub depth: usize,
    /// How many values and member names there may be. Default: 1,000,000. The smallest value takes two bytes
    /// of text, and some hundred bytes of memory.
    pub values: usize,
}

impl Default for JsonLimits {
    fn default() -> Self {
        JsonLimits { depth: 100, values: 1_000_000 }
    }
}

/// Parses a JSON text into any type that can be read from one, such as [`serde_json::Value`].
///
/// The charset is `utf-8` (the default, and what RFC 8259 asks for; a byte order mark is skipped) or any
/// other [`Charset`], in one of its usual names. The size of the text is not limited here; the code that
/// reads the body limits it.
///
/// ```
/// use poorwsgi_core::json::{JsonLimits, parse_json};
///
/// let value: serde_json::Value = parse_json(br#"{"age": 36}"#, None, JsonLimits::default())?;
/// assert_eq!(value["age"], 36);
///
/// let error = parse_json::<serde_json::Value>(b"{\n  \"age\": }", None, JsonLimits::default()).unwrap_err();
/// assert_eq!(error.detail(), Some("JSON: expected value at line 2 column 10"));
/// # Ok::<(), poorwsgi_core::HttpError>(())
/// ```
///
/// # Errors
/// 400 for a text that is not JSON, nests too deep, does not fit the type `T`, or is invalid in its charset.
/// The detail gives the reason and, where the fault has a place, line and column (both from 1, the column in
/// bytes). 413 for too many values.
pub fn parse_json<T: DeserializeOwned>(
    bytes: &[u8],
    charset: Option<&str>,
    limits: JsonLimits,
) -> Result<T, HttpError> {
    let text = decode(bytes, charset)?;
    limits.check(text.as_bytes())?;
    serde_json::from_str(&text)
        .map_err(|error| HttpError::bad_request(format!("JSON: {error}")).with_source(error))
}

impl JsonLimits {
    /// Refuses a text that exceeds these limits, before a recursive parser sees it. This is one pass over the
    /// text, which does not check whether the text is JSON.
    ///
    /// # Errors
    /// 400 with the line and column of the first bracket that is too deep, 413 for too many values.
    pub fn check(self, text: &[u8]) -> Result<(), HttpError> {
        let (mut depth, mut values) = (0_usize, 1_usize);
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
                b'[' | b'{' if depth == self.depth => return Err(self.too_deep(text, at)),
                b'[' | b'{' => {
                    depth += 1;
                    values += 1;
                }
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' | b':' => values += 1,
                _ => {}
            }
        }
        if values > self.values {
            let text = format!("JSON: more than {} values (setting json_values)", self.values);
            return Err(HttpError::new(state::HTTP_REQUEST_ENTITY_TOO_LARGE).with_detail(text));
        }
        Ok(())
    }

    fn too_deep(self, text: &[u8], at: usize) -> HttpError {
        let before = text.get(..at).unwrap_or_default();
        let line = 1 + memchr::memchr_iter(b'\n', before).count();
        let column = at - memchr::memrchr(b'\n', before).map_or(0, |end| end + 1) + 1;
        let depth = self.depth;
        HttpError::bad_request(format!(
            "JSON: nested deeper than {depth} (setting json_depth) at line {line} column {column}"
        ))
    }
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
        parse_json(text, None, JsonLimits::default()).map_err(|error| {
            assert_eq!(error.status(), 400);
            error.detail().unwrap_or_default().to_owned()
        })
    }

    #[test]
    fn charsets_and_byte_order_mark() {
        assert_eq!(
            parse_json::<Value>(b"\"\0\x7e\x01\"\0", Some("UTF-16LE"), JsonLimits::default()).unwrap(),
            "ž"
        );
        assert_eq!(parse(b"\xef\xbb\xbf\"\xc5\xbe\"").unwrap(), "ž");
        assert_eq!(parse_json::<Value>(b"\"\xe9\"", Some("ISO-8859-1"), JsonLimits::default()).unwrap(), "é");
        assert!(parse(b"\"\xe9\"").unwrap_err().contains("index 1"));
        assert!(
            parse_json::<Value>(b"1", Some("koi8-r"), JsonLimits::default())
                .unwrap_err()
                .to_string()
                .contains("\"koi8-r\"")
        );
    }

    /// A text that nests a thousand levels deep is a 400, because a client must not control how deep a parser
    /// recurses.
    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| ["[".repeat(depth), "]".repeat(depth)].concat();
        assert!(parse(nested(100).as_bytes()).is_ok());
        assert_eq!(
            parse(nested(1000).as_bytes()).unwrap_err(),
            "JSON: nested deeper than 100 (setting json_depth) at line 1 column 101"
        );
        assert!(parse(&br#"{"a":"#.repeat(1_000_000)).unwrap_err().contains("deeper"));
        assert_eq!(
            at_most(2).check(b"[\n [[]]]").unwrap_err().detail().unwrap(),
            "JSON: nested deeper than 2 (setting json_depth) at line 2 column 3"
        );
    }

    fn at_most(depth: usize) -> JsonLimits {
        JsonLimits { depth, ..JsonLimits::default() }
    }

    #[test]
    fn values_are_counted() {
        let few = |values| JsonLimits { values, ..JsonLimits::default() };
        let text = br#"[1, {"a,:[": "b", "c": [2, 3]}]"#;
        // Both arrays, the object, two names in it, and 1, "b", 2, 3.
        few(9).check(text).unwrap();
        let error = few(8).check(text).unwrap_err();
        assert_eq!(
            (error.status(), error.detail().unwrap()),
            (413, "JSON: more than 8 values (setting json_values)")
        );
        assert!(parse_json::<Value>(text, None, few(8)).is_err());
    }

    #[test]
    fn brackets_in_strings_and_side_by_side_are_not_deep() {
        let text = format!(r#"["{}", "\"[[[", [], [], {{}}]"#, "[{".repeat(1000));
        at_most(2).check(text.as_bytes()).unwrap();
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
        let error = parse_json::<Vec<u8>>(b"[1, \"x\"]", None, JsonLimits::default()).unwrap_err();
        assert!(error.detail().unwrap().contains("expected u8"), "{error}");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(text in proptest::collection::vec(any::<u8>(), 0..200), depth in 0usize..9) {
            let limits = JsonLimits { depth, ..JsonLimits::default() };
            let _ = parse_json::<Value>(&text, None, limits);
            let _ = limits.check(&text);
        }
    }
}
