//! A query string, or a urlencoded body, reads the same whole and in pieces, within its limits.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::form::urlencoded::{Options, Pair, UrlencodedParser, parse};
use poorwsgi_core::form::{FormError, FormLimits};
use poorwsgi_fuzz::pieces;

fn options(keep_blank_values: bool) -> Options {
    let limits = FormLimits { fields: 50, field_bytes: 100, fields_bytes: 400, ..FormLimits::default() };
    Options { keep_blank_values, limits, ..Options::default() }
}

fn read(pieces: impl Iterator<Item = bytes::Bytes>, options: Options) -> Result<Vec<Pair>, FormError> {
    let mut parser = UrlencodedParser::new(options);
    let mut pairs = Vec::new();
    for piece in pieces {
        parser.push(piece);
        while let Some(pair) = parser.next_pair()? {
            pairs.push(pair);
        }
    }
    pairs.extend(parser.finish()?);
    Ok(pairs)
}

fuzz_target!(|input: &[u8]| {
    let Some((body, split)) = pieces(input) else { return };
    let keep = body.first().is_some_and(|byte| byte % 2 == 0);
    let whole = parse(&body, options(keep));
    let split = read(split, options(keep));
    assert_eq!(whole.as_ref().ok(), split.as_ref().ok());
    if let Ok(pairs) = whole {
        assert!(pairs.len() <= 50);
    }
});
