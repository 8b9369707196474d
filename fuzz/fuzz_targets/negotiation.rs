//! Qualities are between 0 and 1, and no name makes the look-up panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::negotiation::{is_named, parse_negotiation, quality, render_negotiation};

fuzz_target!(|value: &str| {
    let choices = parse_negotiation(value);
    for &(name, weight) in &choices {
        assert!((0.0..=1.0).contains(&weight), "{name} has {weight}");
        assert!((0.0..=1.0).contains(&quality(&choices, name)));
        let _ = is_named(&choices, name);
    }
    let _ = render_negotiation(choices.iter().map(|&(name, weight)| (name, Some(weight))));
});
