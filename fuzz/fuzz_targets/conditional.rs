//! An entity-tag that was read is written as it was; a condition comes only to what its method and field
//! allow.
#![no_main]

use std::time::{Duration, UNIX_EPOCH};

use http::HeaderName;
use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_UNMODIFIED_SINCE};
use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::date::{http_to_time, time_to_http};
use poorwsgi_core::response::EntityTag;
use poorwsgi_core::response::conditional::{Precondition, Validators, evaluate, if_range};
use poorwsgi_core::state::Method;

fn ask(method: Method, name: &HeaderName, value: &str, current: Option<&Validators<'_>>) -> Precondition {
    evaluate(method, |asked| (asked == name).then(|| value.into()), current)
}

fuzz_target!(|input: (u32, bool, &str, &str)| {
    let (seconds, weak, opaque, value) = input;
    if let Some(read) = EntityTag::parse(value) {
        assert_eq!(read.to_string(), value.trim_matches([' ', '\t']));
    }
    let Some(tag) = (if weak { EntityTag::weak(opaque) } else { EntityTag::strong(opaque) }) else { return };
    let written = tag.to_string();
    assert_eq!(EntityTag::parse(&written).as_ref(), Some(&tag));

    let current = Validators {
        entity_tag: Some(tag.clone()),
        last_modified: Some(UNIX_EPOCH + Duration::from_secs(seconds.into())),
    };
    for name in [IF_MATCH, IF_UNMODIFIED_SINCE] {
        assert_ne!(ask(Method::Get, &name, value, Some(&current)), Precondition::NotModified);
    }
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE] {
        assert_ne!(ask(Method::Get, &name, value, Some(&current)), Precondition::Failed);
        assert_ne!(ask(Method::Put, &name, value, Some(&current)), Precondition::NotModified);
        assert_eq!(ask(Method::Put, &name, value, None), Precondition::Proceed);
    }
    assert_eq!(ask(Method::Put, &IF_MATCH, value, None), Precondition::Failed);

    let own = ask(Method::Put, &IF_MATCH, &written, Some(&current));
    assert_eq!(own, if weak { Precondition::Failed } else { Precondition::Proceed });
    assert_eq!(ask(Method::Get, &IF_NONE_MATCH, &written, Some(&current)), Precondition::NotModified);
    let date = time_to_http(seconds.into()).expect("a date with a year of four digits");
    assert_eq!(ask(Method::Get, &IF_MODIFIED_SINCE, &date, Some(&current)), Precondition::NotModified);
    assert!(if_range(&date, &current) && if_range(&written, &current) != weak);
    if if_range(value, &current) {
        let same_tag = EntityTag::parse(value).is_some_and(|read| read.strongly_equals(&tag));
        let date = value.trim_matches([' ', '\t']);
        assert!(same_tag || http_to_time(date).is_some_and(|date| i128::from(date) == i128::from(seconds)));
    }
});
