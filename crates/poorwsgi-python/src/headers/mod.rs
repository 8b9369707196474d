//! Header fields for Python: the map, and the functions for field values.

mod content_range;
mod functions;
mod map;
mod native;
mod pairs;
mod start_response;

pub(crate) use content_range::ContentRange;
pub(crate) use functions::{
    _parseparam, datetime_to_http, http_to_datetime, http_to_time, parse_header, parse_negotiation,
    parse_range, render_negotiation, time_to_http,
};
pub(crate) use map::{Headers, header_error, headers_from_python};
pub(crate) use native::{bytes_to_native, native_to_bytes};
pub(crate) use pairs::native_pairs;
pub(crate) use start_response::{
    CALLED_BEFORE, each_field, error_info, field_value, raised_again, status_line,
};
