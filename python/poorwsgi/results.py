"""The default pages, for which an application may set its own handlers."""
import os
from logging import getLogger
from types import MappingProxyType

from poorwsgi._poorwsgi import (
    HTML_ESCAPE_TABLE,
    HTTPException,
    NotModifiedResponse,
    Response,
    bad_request,
    debug_info,
    directory_index,
    forbidden,
    get_token,
    handlers_view,
    hbytes,
    html_escape,
    human_methods_,
    internal_server_error,
    method_not_allowed,
    not_found,
    not_implemented,
    not_modified,
    time_to_http,
    unauthorized,
)
from poorwsgi.session import get_token
from poorwsgi.state import (
    HTTP_BAD_REQUEST,
    HTTP_FORBIDDEN,
    HTTP_INTERNAL_SERVER_ERROR,
    HTTP_METHOD_NOT_ALLOWED,
    HTTP_NOT_FOUND,
    HTTP_NOT_IMPLEMENTED,
    HTTP_NOT_MODIFIED,
    HTTP_UNAUTHORIZED,
    METHOD_ALL,
    __date__,
    __version__,
    methods,
    sorted_methods,
)

__all__ = [
    "bad_request",
    "debug_info",
    "directory_index",
    "forbidden",
    "handlers_view",
    "hbytes",
    "html_escape",
    "human_methods_",
    "internal_server_error",
    "method_not_allowed",
    "not_found",
    "not_implemented",
    "not_modified",
    "unauthorized",
]

log = getLogger("poorwsgi")

#: The built-in page of each status: {status: {method: function}}. Read-only: an application sets its own
#: pages with http_state.
default_states = MappingProxyType({
    status: MappingProxyType(dict.fromkeys(methods.values(), page))
    for status, page in (
        (HTTP_NOT_MODIFIED, not_modified),
        (HTTP_BAD_REQUEST, bad_request),
        (HTTP_UNAUTHORIZED, unauthorized),
        (HTTP_FORBIDDEN, forbidden),
        (HTTP_NOT_FOUND, not_found),
        (HTTP_METHOD_NOT_ALLOWED, method_not_allowed),
        (HTTP_INTERNAL_SERVER_ERROR, internal_server_error),
        (HTTP_NOT_IMPLEMENTED, not_implemented),
    )
})
