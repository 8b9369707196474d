//! A push parser of `application/x-www-form-urlencoded` bodies and query strings (WHATWG URL, section 5.1).
//!
//! ```
//! use bytes::Bytes;
//! use poorwsgi_core::form::urlencoded::{Options, UrlencodedParser};
//!
//! let mut parser = UrlencodedParser::new(Options::default());
//! let mut pairs = Vec::new();
//! for chunk in ["name=Ond%C5", "%99ej&city=Hradec+Kr%C3%A1lov%C3%A9"] {
//!     parser.push(Bytes::from(chunk));
//!     while let Some(pair) = parser.next_pair()? {
//!         pairs.push(pair);
//!     }
//! }
//! pairs.extend(parser.finish()?);
//! assert_eq!(pairs, [("name".into(), "Ondřej".into()), ("city".into(), "Hradec Králové".into())]);
//! # Ok::<(), poorwsgi_core::form::FormError>(())
//! ```

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use super::limits::{self, FormLimits};
use super::{Decode, FormError, utf8_lossy};

/// How pairs are read. The default reads as PoorWSGI does by default.
#[derive(Clone)]
pub struct Options {
    /// Whether a name with an empty value is a pair. Default `false`: it is left out.
    pub keep_blank_values: bool,
    /// Whether a pair without `=` is an error. Default `false`: it is a name with an empty value.
    pub strict_parsing: bool,
    /// The byte that separates pairs. Default `&`. With another separator, such as `;`, a cache in front of
    /// the application may see other pairs than the application does.
    pub separator: u8,
    /// The limits, of which `fields`, `field_bytes` and `fields_bytes` apply here.
    pub limits: FormLimits,
    /// How bytes become text. Default UTF-8 with replacement.
    pub decode: Decode,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            keep_blank_values: false,
            strict_parsing: false,
            separator: b'&',
            limits: FormLimits::default(),
            decode: Arc::new(utf8_lossy),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("keep_blank_values", &self.keep_blank_values)
            .field("strict_parsing", &self.strict_parsing)
            .field("separator", &char::from(self.separator))
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// A name and its value.
pub type Pair = (String, String);

/// Bytes in, pairs out. See the [module](self) for an example.
#[derive(Debug)]
pub struct UrlencodedParser {
    options: Options,
    input: Bytes,
    /// The beginning of a pair whose end has not arrived yet.
    begun: Vec<u8>,
    /// Whether any byte has arrived. An empty body has no pair, not even an empty one.
    begins: bool,
    fields: u64,
    fields_bytes: u64,
}

impl UrlencodedParser {
    /// A parser for one body.
    #[must_use]
    pub const fn new(options: Options) -> Self {
        UrlencodedParser {
            options,
            input: Bytes::new(),
            begun: Vec::new(),
            begins: false,
            fields: 0,
            fields_bytes: 0,
        }
    }

    /// Gives the parser the next piece of the body. Take all pairs before pushing the next piece, which
    /// otherwise has to be copied.
    pub fn push(&mut self, piece: Bytes) {
        self.begins |= !piece.is_empty();
        if self.input.is_empty() {
            self.input = piece;
        } else {
            self.input = [self.input.as_ref(), piece.as_ref()].concat().into();
        }
    }

    /// The next whole pair, `None` where more of the body is needed.
    ///
    /// # Errors
    /// [`FormError::TooLarge`] over a limit, [`FormError::Malformed`] for a pair without `=` where
    /// `strict_parsing` is on, [`FormError::Decode`] where the decoding function fails.
    pub fn next_pair(&mut self) -> Result<Option<Pair>, FormError> {
        while let Some(end) = memchr::memchr(self.options.separator, &self.input) {
            let mut piece = self.input.split_to(end + 1);
            piece.truncate(end);
            let pair = self.end_pair(&piece)?;
            if pair.is_some() {
                return Ok(pair);
            }
        }
        let rest = std::mem::take(&mut self.input);
        self.check_encoded(self.begun.len() + rest.len())?;
        self.begun.extend_from_slice(&rest);
        Ok(None)
    }

    /// Ends the body. Returns the last pair, which no separator follows.
    ///
    /// # Errors
    /// As [`next_pair`](Self::next_pair).
    pub fn finish(mut self) -> Result<Option<Pair>, FormError> {
        if self.begins { self.end_pair(&[]) } else { Ok(None) }
    }

    fn end_pair(&mut self, rest: &[u8]) -> Result<Option<Pair>, FormError> {
        limits::FIELDS.spend(&self.options.limits, &mut self.fields, 1)?;
        if self.begun.is_empty() {
            return self.pair(rest);
        }
        let mut whole = std::mem::take(&mut self.begun);
        whole.extend_from_slice(rest);
        self.pair(&whole)
    }

    /// Checks the encoded length of a pair, which is at most three times the decoded length. The decoded
    /// length is checked when the pair is whole. A pair that will be left out is checked, too, so that the
    /// result does not depend on how the body is divided into pieces.
    fn check_encoded(&self, length: usize) -> Result<(), FormError> {
        limits::FIELD_BYTES.check(&self.options.limits, length as u64 / 3)
    }

    fn pair(&mut self, text: &[u8]) -> Result<Option<Pair>, FormError> {
        self.check_encoded(text.len())?;
        let (name, value) = match memchr::memchr(b'=', text) {
            Some(at) => (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default()),
            None if self.options.strict_parsing => {
                let shown: String = String::from_utf8_lossy(text).chars().take(80).collect();
                return Err(FormError::malformed(format!("bad query field: {shown:?} has no \"=\"")));
            }
            None => (text, &[][..]),
        };
        if text.is_empty() || (value.is_empty() && !self.options.keep_blank_values) {
            return Ok(None);
        }
        let (name, value) = (decode(name), decode(value));
        let bytes = (name.len() + value.len()) as u64;
        limits::FIELD_BYTES.check(&self.options.limits, bytes)?;
        limits::FIELDS_BYTES.spend(&self.options.limits, &mut self.fields_bytes, bytes)?;
        let text = |bytes| (self.options.decode)(bytes).map_err(FormError::Decode);
        Ok(Some((text(name)?, text(value)?)))
    }
}

/// All pairs of a query string, or of a body that is in memory as a whole.
///
/// # Errors
/// As [`UrlencodedParser::next_pair`].
pub fn parse(text: &[u8], options: Options) -> Result<Vec<Pair>, FormError> {
    let mut parser = UrlencodedParser::new(options);
    let mut pairs = Vec::new();
    parser.push(Bytes::copy_from_slice(text));
    while let Some(pair) = parser.next_pair()? {
        pairs.push(pair);
    }
    pairs.extend(parser.finish()?);
    Ok(pairs)
}

/// Decodes byte by byte, because names and values are short and their escapes are close together, so that
/// searching for the next escape does not pay.
fn decode(encoded: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.iter();
    while let Some(&byte) = rest.next() {
        decoded.push(match (byte, rest.as_slice()) {
            (b'+', _) => b' ',
            (b'%', [high, low, ..]) => match (hex_digit(*high), hex_digit(*low)) {
                (Some(high), Some(low)) => {
                    rest.nth(1);
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => byte,
        });
    }
    decoded
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn options(keep_blank_values: bool, strict_parsing: bool) -> Options {
        Options { keep_blank_values, strict_parsing, ..Options::default() }
    }

    fn pairs(text: &str, options: Options) -> Option<Vec<Pair>> {
        match parse(text.as_bytes(), options) {
            Ok(pairs) => Some(pairs),
            Err(FormError::Malformed(_)) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// A name without a value is left out, but its length is checked first, in one piece as in many.
    #[test]
    fn a_long_field_is_too_large_however_it_comes() {
        let limits = FormLimits { field_bytes: 10, ..FormLimits::default() };
        let options = || Options { limits: limits.clone(), ..Options::default() };
        let long = "n".repeat(40);
        assert!(matches!(parse(long.as_bytes(), options()), Err(FormError::TooLarge { .. })));
        let mut parser = UrlencodedParser::new(options());
        parser.push(Bytes::from(long));
        assert!(matches!(parser.next_pair(), Err(FormError::TooLarge { .. })));
        assert_eq!(parse("n".repeat(9).as_bytes(), options()).unwrap(), []);
    }

    /// What PoorWSGI 2.8.1 reads, for (keep_blank_values, strict_parsing) = (no, no), (no, yes), (yes, no),
    /// (yes, yes).
    #[test]
    fn pairs_are_those_of_poorwsgi() {
        type Pairs = Option<&'static [(&'static str, &'static str)]>;
        let table: [(&str, [Pairs; 4]); 12] = [
            ("", [Some(&[]), Some(&[]), Some(&[]), Some(&[])]),
            ("&", [Some(&[]), None, Some(&[]), None]),
            ("a", [Some(&[]), None, Some(&[("a", "")]), None]),
            ("a=", [Some(&[]), Some(&[]), Some(&[("a", "")]), Some(&[("a", "")])]),
            ("a=1&&b=2", [Some(&[("a", "1"), ("b", "2")]), None, Some(&[("a", "1"), ("b", "2")]), None]),
            ("=v", [Some(&[("", "v")]); 4]),
            ("a=1;b=2", [Some(&[("a", "1;b=2")]); 4]),
            ("a=%zz&b=%C3%28", [Some(&[("a", "%zz"), ("b", "\u{fffd}(")]); 4]),
            ("a==1", [Some(&[("a", "=1")]); 4]),
            ("a=1&b", [Some(&[("a", "1")]), None, Some(&[("a", "1"), ("b", "")]), None]),
            ("+a+=b+c", [Some(&[(" a ", "b c")]); 4]),
            ("a=%F0%9F%98", [Some(&[("a", "\u{fffd}")]); 4]),
        ];
        for (text, expected) in table {
            for (which, expected) in expected.into_iter().enumerate() {
                let expected = expected.map(|pairs| {
                    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
                });
                assert_eq!(
                    pairs(text, options(which >= 2, which % 2 == 1)),
                    expected,
                    "{text:?}, case {which}"
                );
            }
        }
    }

    /// PoorWSGI's `max_num_fields` counts what is between separators, empty or not.
    #[test]
    fn empty_fields_count() {
        let with =
            |fields| Options { limits: FormLimits { fields, ..FormLimits::default() }, ..Options::default() };
        assert!(parse(b"a=1&b=2", with(2)).is_ok());
        assert!(matches!(parse(b"a=1&&", with(2)), Err(FormError::TooLarge { limit: 2, .. })));
        assert!(parse(b"", with(0)).is_ok());
    }

    #[test]
    fn a_value_is_measured_decoded() {
        let limits = FormLimits { field_bytes: 4, fields_bytes: 6, ..FormLimits::default() };
        let with = |text: &[u8]| parse(text, Options { limits: limits.clone(), ..Options::default() });
        assert!(with(b"a=%41%42%43").is_ok());
        assert!(matches!(with(b"a=1234"), Err(FormError::TooLarge { what: "bytes of one field", .. })));
        assert!(matches!(with(b"a=123&b=123"), Err(FormError::TooLarge { what: "bytes of all fields", .. })));
        let mut parser = UrlencodedParser::new(Options { limits, ..Options::default() });
        parser.push(Bytes::from_static(&[b'x'; 100]));
        assert!(parser.next_pair().is_err(), "an endless field is refused before its end");
    }

    #[test]
    fn another_separator_is_taken_when_asked_for() {
        let semicolon = Options { separator: b';', ..Options::default() };
        assert_eq!(pairs("a=1;b=2", semicolon), pairs("a=1&b=2", Options::default()));
    }

    #[test]
    fn another_charset_and_its_refusal() {
        let latin: Decode = Arc::new(|bytes| Ok(bytes.into_iter().map(char::from).collect()));
        let read = parse(b"a=%E9", Options { decode: latin, ..Options::default() }).unwrap();
        assert_eq!(read, [("a".to_owned(), "é".to_owned())]);
        let refuse: Decode = Arc::new(|_| Err("no".into()));
        let read = parse(b"a=1", Options { decode: refuse, ..Options::default() });
        assert!(matches!(read, Err(FormError::Decode(_))));
    }

    proptest! {
        /// A split body reads like a whole one, and nothing panics.
        #[test]
        fn split_anywhere_it_reads_the_same(text in "[ab=&+%0-9A-F]{0,40}", cut in 0usize..40, strict in any::<bool>()) {
            let cut = cut.min(text.len());
            let mut parser = UrlencodedParser::new(options(true, strict));
            let mut read = Ok(Vec::new());
            for piece in [&text[..cut], &text[cut..]] {
                parser.push(Bytes::copy_from_slice(piece.as_bytes()));
                while let Ok(pairs) = &mut read {
                    match parser.next_pair() {
                        Ok(Some(pair)) => pairs.push(pair),
                        Ok(None) => break,
                        Err(error) => read = Err(error),
                    }
                }
            }
            if let Ok(pairs) = &mut read {
                match parser.finish() {
                    Ok(last) => pairs.extend(last),
                    Err(error) => read = Err(error),
                }
            }
            prop_assert_eq!(read.ok(), pairs(&text, options(true, strict)));
        }

        #[test]
        fn decoding_is_that_of_the_url_standard(text in "[ab+%0-9A-Fa-f]{0,40}") {
            let mut decoded = form_urlencoded::parse(text.as_bytes());
            let expected = decoded.next().map_or_else(String::new, |(name, _)| name.into_owned());
            let decoded = decode(text.as_bytes());
            prop_assert_eq!(String::from_utf8_lossy(&decoded), expected);
        }

        #[test]
        fn render_then_parse_is_identity(pairs in proptest::collection::vec((".*", ".+"), 0..8)) {
            let mut text = form_urlencoded::Serializer::new(String::new());
            text.extend_pairs(&pairs);
            prop_assert_eq!(parse(text.finish().as_bytes(), Options::default()).unwrap(), pairs);
        }

        #[test]
        fn arbitrary_bytes_do_not_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&text, Options::default());
        }
    }
}
