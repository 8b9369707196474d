//! The server's part of a request's pages.

use std::borrow::Cow;

use crate::request::Head;
use crate::results::Site;
use crate::settings::{self, Settings};

/// The server's name and software and whether debug is on, for the [`Site`] of a request's pages.
pub(super) struct HeadSite<'a> {
    hostname: String,
    software: Cow<'a, str>,
    debug: bool,
}

impl<'a> HeadSite<'a> {
    pub(super) fn new(settings: &Settings, head: &'a dyn Head) -> Self {
        HeadSite {
            hostname: head.hostname(),
            software: head.server_software(),
            debug: settings::debug_for(settings, head),
        }
    }

    pub(super) fn as_site(&self) -> Site<'_> {
        Site { hostname: &self.hostname, software: &self.software, debug: self.debug, ..Site::default() }
    }
}
