//! A route, on the first line, is refused with a reason or registered; the paths on the other lines are
//! resolved.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::routing::{Resolved, Router, set_route};
use poorwsgi_core::state::{METHOD_GET, Method};

fuzz_target!(|input: &str| {
    let mut lines = input.split('\n');
    let Some(rule) = lines.next() else { return };
    let mut router: Router<(), ()> = Router::new();
    if let Err(error) = set_route(&mut router, rule, METHOD_GET, ()) {
        assert!(!error.to_string().is_empty());
        return;
    }
    assert_eq!(router.is_route(rule).ok(), Some(true));
    for path in lines {
        assert!(matches!(
            Resolved::of(&router, path, Method::Post),
            Resolved::NotFound { .. } | Resolved::MethodNotAllowed(_)
        ));
        if let Resolved::Pattern { captures, .. } = Resolved::of(&router, path, Method::Get) {
            for capture in captures.iter() {
                assert!(capture.value.is_none_or(|value| path.contains(value)));
            }
        }
    }
});
