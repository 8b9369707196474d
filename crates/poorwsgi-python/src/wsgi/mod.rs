//! An `Application` under another WSGI server (PEP 3333).
//!
//! The server calls the application as any other callable. This module translates the environ and the
//! response; the pipeline (`language`) answers the request.

mod answer;
