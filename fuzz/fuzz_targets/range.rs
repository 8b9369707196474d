//! A range that can be satisfied lies within the representation.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::range::{MAX_RANGES, parse_range};

fuzz_target!(|input: (u64, &str)| {
    let (length, value) = input;
    let Some((_, ranges)) = parse_range(value) else { return };
    assert!(ranges.len() <= MAX_RANGES);
    for range in ranges.into_iter().filter_map(|range| range.resolve(length)) {
        assert!(range.start() <= range.end() && *range.end() < length, "{range:?} of {length}");
    }
});
