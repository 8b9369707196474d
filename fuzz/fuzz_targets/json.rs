//! Whatever is sent as JSON is read or refused, and nothing that was read nests deeper, or holds more, than
//! allowed.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::json::{JsonLimits, parse_json};
use serde_json::Value;

/// Recursion is safe here: serde_json gives out no value nested deeper than 127.
fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Values and names. Of a name that comes twice, one is left.
fn values(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(values).sum(),
        Value::Object(members) => members.values().map(|value| 1 + values(value)).sum::<usize>(),
        _ => 0,
    }
}

fuzz_target!(|input: (u8, bool, &[u8])| {
    let (max_depth, latin, text) = input;
    let max_depth = usize::from(max_depth);
    let charset = latin.then_some("iso-8859-1");
    let limits = JsonLimits { depth: max_depth, values: 1000 };
    let allowed = limits.check(text);
    let Ok(value) = parse_json::<Value>(text, charset, limits) else { return };
    assert!(allowed.is_ok());
    let depth = depth(&value);
    assert!(depth <= max_depth);
    if let Some(less) = depth.checked_sub(1) {
        assert!(JsonLimits { depth: less, ..limits }.check(text).is_err());
    }
    let values = values(&value);
    assert!(values <= limits.values);
    assert!(JsonLimits { values: values - 1, ..limits }.check(text).is_err());
});
