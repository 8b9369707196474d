"""Header fields: the map, and functions that parse and format values."""
from collections.abc import Mapping
from logging import getLogger

from poorwsgi._poorwsgi import (
    ContentRange,
    Headers,
    _parseparam,
    datetime_to_http,
    http_to_datetime,
    http_to_time,
    parse_header,
    parse_negotiation,
    parse_range,
    render_negotiation,
    time_to_http,
)

__all__ = [
    "HEADER_DATETIME_FORMAT",
    "ContentRange",
    "Headers",
    "HeadersList",
    "RangeList",
    "_parseparam",
    "datetime_to_http",
    "http_to_datetime",
    "http_to_time",
    "parse_header",
    "parse_negotiation",
    "parse_range",
    "render_negotiation",
    "time_to_http",
]

#: The preferred form of an HTTP date, for strftime in the C locale.
HEADER_DATETIME_FORMAT = "%a, %d %b %Y %X GMT"

#: The types of headers arguments and of ranges, for annotations.
HeadersList = list | tuple | set | dict
RangeList = list[tuple[int | None, int | None]]

log = getLogger("poorwsgi")

# A Rust class cannot inherit from a Python class.
Mapping.register(Headers)
