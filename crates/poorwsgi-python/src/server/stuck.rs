//! The response to a request whose call takes too long.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use poorwsgi_core::error::StatusText;
use poorwsgi_core::response::Body;
use poorwsgi_core::state::HTTP_SERVICE_UNAVAILABLE;
use pyo3::prelude::*;

use super::asked::Asked;
use super::failure::page;
use crate::forked::Unforkable;
use crate::names::Name;

/// The response to a request whose call takes too long. The thread of the call goes on; the supervisor is
/// told.
pub(super) fn stuck(asked: &Asked) -> http::Response<Body> {
    static STUCK: Name = Name::new("poorwsgi.server", "_stuck");
    static TELLING: AtomicBool = AtomicBool::new(false);
    let page = || page(asked, StatusText::new(HTTP_SERVICE_UNAVAILABLE, "the application took too long"));
    if TELLING.swap(true, Ordering::AcqRel) {
        return page();
    }
    let tell = || {
        let unforkable = Unforkable::wait();
        Python::attach(|py| {
            drop(unforkable);
            if let Err(error) =
                STUCK.get(py).and_then(|stuck| stuck.call1(("a request takes longer than request_timeout",)))
            {
                error.write_unraisable(py, None);
            }
        });
        TELLING.store(false, Ordering::Release);
    };
    // The interpreter may be blocked, and no connection must wait for it.
    if thread::Builder::new().name("poorwsgi stuck".to_owned()).spawn(tell).is_err() {
        TELLING.store(false, Ordering::Release);
    }
    page()
}
