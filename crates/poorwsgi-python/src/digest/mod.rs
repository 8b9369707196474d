//! Digest authentication for Python, by means of `poorwsgi_core::digest`.

mod check;
mod duck;
mod passwords;

pub(crate) use check::{_check_login, check_credentials, check_response};
pub(crate) use duck::{is_fresh, settings_of};
pub(crate) use passwords::{_digest_command, _read_passwords, _write_passwords};

const MODULE: &str = "poorwsgi.digest";
