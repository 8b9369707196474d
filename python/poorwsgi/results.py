"""The pages that answer where an application has none of its own."""
import os
from logging import getLogger

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
