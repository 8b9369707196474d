//! The server's part of a request's pages.

use std::borrow::Cow;

use crate::request::Head;
use crate::results::Site;
use crate::settings::{self, Settings};

/// What the [`Site`] of a request's pages needs.
pub(super) struct HeadSite<'a> {
    hostname: String,
    software: Cow<'a, str>,
    debug: bool,
    prefix: String,
}

impl<'a> HeadSite<'a> {
    pub(super) fn new(settings: &Settings, head: &'a dyn Head) -> Self {
        HeadSite {
            hostname: head.hostname(),
            software: head.server_software(),
            debug: settings::debug_for(settings, head),
            prefix: head.script_name(),
        }
    }

    pub(super) fn as_site(&self) -> Site<'_> {
        Site {
            hostname: &self.hostname,
            software: &self.software,
            debug: self.debug,
            prefix: &self.prefix,
            ..Site::default()
        }
    }
}
