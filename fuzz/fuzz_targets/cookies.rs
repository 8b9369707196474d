//! Every cookie that was read stands in the field, and can be set again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use poorwsgi_core::headers::{Cookies, SetCookie};

fuzz_target!(|field: &str| {
    for (name, value) in Cookies::parse(field).iter() {
        assert!(!name.is_empty() && field.contains(name));
        assert!(value.len() <= field.len());
        let Ok(written) = SetCookie::new(name, value).render() else { continue };
        assert!(!written.contains(|c: char| c.is_control()));
        assert_eq!(Cookies::parse(&written).get(name), Some(value), "written as {written}");
    }
});
