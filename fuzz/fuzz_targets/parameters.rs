//! Any field value splits without a panic; a parameter that was written is read back.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::parameters::{decode_extended, parse_header, render_parameter};

fuzz_target!(|line: &str| {
    let (value, parameters) = parse_header(line);
    assert!(value.len() <= line.len());
    assert!(parameters.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= line.len());
    for (name, _) in parameters.iter() {
        assert!(parameters.get(name).is_some());
        let _ = parameters.text(name);
    }
    let _ = decode_extended(line);

    if line.contains(|c: char| c.is_control()) || line.is_empty() {
        return;
    }
    let written = render_parameter("filename", Some(line)).expect("the name is a token");
    let written = format!("attachment; {written}");
    let (_, parameters) = parse_header(&written);
    assert_eq!(parameters.text("filename").as_deref(), Some(line), "written as {written}");
});
