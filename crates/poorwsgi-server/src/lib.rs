//! The HTTP/1.1 server.
#![forbid(unsafe_code)]
