//! A date that was read is written as the same second.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::date::{http_to_time, time_to_http};

fuzz_target!(|value: &str| {
    if let Some(seconds) = http_to_time(value) {
        let written = time_to_http(seconds).expect("a date with a year of four digits");
        assert_eq!(http_to_time(&written), Some(seconds), "{value:?} became {written:?}");
    }
});
