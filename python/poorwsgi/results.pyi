import os as os
from collections.abc import Callable, Mapping
from logging import Logger
from typing import Any, Final, Protocol, TypeVar

from poorwsgi.headers import time_to_http as time_to_http
from poorwsgi.response import HTTPException as HTTPException
from poorwsgi.response import NotModifiedResponse as NotModifiedResponse
from poorwsgi.response import Response as Response
from poorwsgi.session import get_token as get_token
from poorwsgi.state import HTTP_BAD_REQUEST as HTTP_BAD_REQUEST
from poorwsgi.state import HTTP_FORBIDDEN as HTTP_FORBIDDEN
from poorwsgi.state import HTTP_INTERNAL_SERVER_ERROR as HTTP_INTERNAL_SERVER_ERROR
from poorwsgi.state import HTTP_METHOD_NOT_ALLOWED as HTTP_METHOD_NOT_ALLOWED
from poorwsgi.state import HTTP_NOT_FOUND as HTTP_NOT_FOUND
from poorwsgi.state import HTTP_NOT_IMPLEMENTED as HTTP_NOT_IMPLEMENTED
from poorwsgi.state import HTTP_NOT_MODIFIED as HTTP_NOT_MODIFIED
from poorwsgi.state import HTTP_UNAUTHORIZED as HTTP_UNAUTHORIZED
from poorwsgi.state import METHOD_ALL as METHOD_ALL
from poorwsgi.wsgi import Application

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

default_states: Final[Mapping[int, Mapping[int, Callable[..., Response]]]]
_Key = TypeVar("_Key")
_Handler = TypeVar("_Handler", bound=Callable[..., Any])

# A page shows method, uri, debug, hostname and server_software of a request, but needs none of these
# attributes.
_Request = object

class _HeadersOwner(Protocol):
    @property
    def headers(self) -> Mapping[str, str]: ...

HTML_ESCAPE_TABLE: Final[dict[str, str]]
log: Logger

def html_escape(text: str) -> str: ...
def hbytes(val: float) -> tuple[float, str]: ...
def human_methods_(m: int) -> str: ...
def handlers_view(
    handlers: Mapping[_Key, Mapping[int, _Handler]],
    sort: bool = True,
) -> list[tuple[_Key, int, _Handler]]: ...
def not_modified(req: _HeadersOwner) -> NotModifiedResponse: ...
def internal_server_error(req: _Request, *_: object) -> Response: ...
def bad_request(req: _Request, error: object = None) -> Response: ...
def unauthorized(req: _Request, realm: str | None = None, stale: bool | str = "", error: object = None) -> Response: ...
def forbidden(req: _Request, error: object = None) -> Response: ...
def not_found(req: _Request, error: object = None) -> Response: ...
def method_not_allowed(req: _Request, error: object = None) -> Response: ...
def not_implemented(req: _Request, code: int | None = None, error: object = None) -> Response: ...
def directory_index(req: _Request, path: str | os.PathLike[str]) -> tuple[str, str, tuple[str, str]]: ...
def debug_info(req: _Request, app: Application) -> str: ...
