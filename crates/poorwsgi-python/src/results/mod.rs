//! The pages of the engine, for our own requests and for any object with the same attributes.

mod challenge;
mod debug;
mod directory;
mod error_pages;
mod inspect;
mod text;
mod visitor;

pub(crate) use debug::{_routes, debug_info};
pub(crate) use directory::directory_index;
pub(crate) use error_pages::{
    bad_request, forbidden, internal_server_error, method_not_allowed, not_found, not_implemented,
    not_modified, unauthorized,
};
pub(crate) use inspect::inspect;
pub(crate) use text::{escape_table, handlers_view, hbytes, html_escape, human_methods_};

const MODULE: &str = "poorwsgi.results";
