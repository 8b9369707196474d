# The native module. Its public names are documented, and typed, in the modules that export them.
from collections.abc import Callable, Sequence
from os import PathLike
from typing import NoReturn

from poorwsgi.aes_session import AESSession as AESSession
from poorwsgi.digest import check_credentials as check_credentials
from poorwsgi.digest import check_response as check_response
from poorwsgi.fieldstorage import FieldStorage as FieldStorage
from poorwsgi.fieldstorage import FieldStorageInterface as FieldStorageInterface
from poorwsgi.fieldstorage import FieldStorageParser as FieldStorageParser
from poorwsgi.fieldstorage import valid_boundary as valid_boundary
from poorwsgi.headers import ContentRange as ContentRange
from poorwsgi.headers import Headers as Headers
from poorwsgi.headers import _parseparam as _parseparam
from poorwsgi.headers import datetime_to_http as datetime_to_http
from poorwsgi.headers import http_to_datetime as http_to_datetime
from poorwsgi.headers import http_to_time as http_to_time
from poorwsgi.headers import parse_header as parse_header
from poorwsgi.headers import parse_negotiation as parse_negotiation
from poorwsgi.headers import parse_range as parse_range
from poorwsgi.headers import render_negotiation as render_negotiation
from poorwsgi.headers import time_to_http as time_to_http
from poorwsgi.wsgi import FormLimits as FormLimits
from poorwsgi.request import CachedInput as CachedInput
from poorwsgi.request import Request as Request
from poorwsgi.request import SimpleRequest as SimpleRequest
from poorwsgi.request import parse_json_request as parse_json_request
from poorwsgi.response import BaseResponse
from poorwsgi.response import HTTPException as HTTPException
from poorwsgi.response import NOT_MODIFIED_DENY as NOT_MODIFIED_DENY
from poorwsgi.response import NOT_MODIFIED_ONE_OF_REQUIRED as NOT_MODIFIED_ONE_OF_REQUIRED
from poorwsgi.response import ResponseError as ResponseError
from poorwsgi.response import abort as abort
from poorwsgi.response import make_response as make_response
from poorwsgi.response import redirect as redirect
from poorwsgi.results import HTML_ESCAPE_TABLE as HTML_ESCAPE_TABLE
from poorwsgi.results import bad_request as bad_request
from poorwsgi.results import debug_info as debug_info
from poorwsgi.results import directory_index as directory_index
from poorwsgi.results import forbidden as forbidden
from poorwsgi.results import get_token as get_token
from poorwsgi.results import handlers_view as handlers_view
from poorwsgi.results import hbytes as hbytes
from poorwsgi.results import html_escape as html_escape
from poorwsgi.results import human_methods_ as human_methods_
from poorwsgi.results import internal_server_error as internal_server_error
from poorwsgi.results import method_not_allowed as method_not_allowed
from poorwsgi.results import not_found as not_found
from poorwsgi.results import not_implemented as not_implemented
from poorwsgi.results import not_modified as not_modified
from poorwsgi.results import unauthorized as unauthorized
from poorwsgi.server import FileWrapper as FileWrapper
from poorwsgi.server import Input as Input
from poorwsgi.server import Listener as Listener
from poorwsgi.server import Server as Server
from poorwsgi.session import NoCompress as NoCompress
from poorwsgi.session import PoorSession as PoorSession
from poorwsgi.session import Session as Session
from poorwsgi.session import SessionError as SessionError
from poorwsgi.session import check_token as check_token
from poorwsgi.state import DECLINED as DECLINED
from poorwsgi.state import HTTP_ACCEPTED as HTTP_ACCEPTED
from poorwsgi.state import HTTP_ALREADY_REPORTED as HTTP_ALREADY_REPORTED
from poorwsgi.state import HTTP_BAD_GATEWAY as HTTP_BAD_GATEWAY
from poorwsgi.state import HTTP_BAD_REQUEST as HTTP_BAD_REQUEST
from poorwsgi.state import HTTP_CLIENT_CLOSED_REQUEST as HTTP_CLIENT_CLOSED_REQUEST
from poorwsgi.state import HTTP_CONFLICT as HTTP_CONFLICT
from poorwsgi.state import HTTP_CONNECTION_CLOSED_WITHOUT_RESPONSE as HTTP_CONNECTION_CLOSED_WITHOUT_RESPONSE
from poorwsgi.state import HTTP_CONTINUE as HTTP_CONTINUE
from poorwsgi.state import HTTP_CREATED as HTTP_CREATED
from poorwsgi.state import HTTP_EARLY_HINTS as HTTP_EARLY_HINTS
from poorwsgi.state import HTTP_EXPECTATION_FAILED as HTTP_EXPECTATION_FAILED
from poorwsgi.state import HTTP_FAILED_DEPENDENCY as HTTP_FAILED_DEPENDENCY
from poorwsgi.state import HTTP_FORBIDDEN as HTTP_FORBIDDEN
from poorwsgi.state import HTTP_GATEWAY_TIME_OUT as HTTP_GATEWAY_TIME_OUT
from poorwsgi.state import HTTP_GONE as HTTP_GONE
from poorwsgi.state import HTTP_IM_USED as HTTP_IM_USED
from poorwsgi.state import HTTP_INSUFFICIENT_STORAGE as HTTP_INSUFFICIENT_STORAGE
from poorwsgi.state import HTTP_INTERNAL_SERVER_ERROR as HTTP_INTERNAL_SERVER_ERROR
from poorwsgi.state import HTTP_I_AM_A_TEAPOT as HTTP_I_AM_A_TEAPOT
from poorwsgi.state import HTTP_LENGTH_REQUIRED as HTTP_LENGTH_REQUIRED
from poorwsgi.state import HTTP_LOCKED as HTTP_LOCKED
from poorwsgi.state import HTTP_LOOP_DETECTED as HTTP_LOOP_DETECTED
from poorwsgi.state import HTTP_METHOD_NOT_ALLOWED as HTTP_METHOD_NOT_ALLOWED
from poorwsgi.state import HTTP_MISDIRECTED_REQUEST as HTTP_MISDIRECTED_REQUEST
from poorwsgi.state import HTTP_MOVED_PERMANENTLY as HTTP_MOVED_PERMANENTLY
from poorwsgi.state import HTTP_MOVED_TEMPORARILY as HTTP_MOVED_TEMPORARILY
from poorwsgi.state import HTTP_MULTIPLE_CHOICES as HTTP_MULTIPLE_CHOICES
from poorwsgi.state import HTTP_MULTI_STATUS as HTTP_MULTI_STATUS
from poorwsgi.state import HTTP_NETWORK_AUTHENTICATION_REQUIRED as HTTP_NETWORK_AUTHENTICATION_REQUIRED
from poorwsgi.state import HTTP_NETWORK_CONNECT_TIMEOUT_ERROR as HTTP_NETWORK_CONNECT_TIMEOUT_ERROR
from poorwsgi.state import HTTP_NON_AUTHORITATIVE as HTTP_NON_AUTHORITATIVE
from poorwsgi.state import HTTP_NOT_ACCEPTABLE as HTTP_NOT_ACCEPTABLE
from poorwsgi.state import HTTP_NOT_EXTENDED as HTTP_NOT_EXTENDED
from poorwsgi.state import HTTP_NOT_FOUND as HTTP_NOT_FOUND
from poorwsgi.state import HTTP_NOT_IMPLEMENTED as HTTP_NOT_IMPLEMENTED
from poorwsgi.state import HTTP_NOT_MODIFIED as HTTP_NOT_MODIFIED
from poorwsgi.state import HTTP_NO_CONTENT as HTTP_NO_CONTENT
from poorwsgi.state import HTTP_OK as HTTP_OK
from poorwsgi.state import HTTP_PARTIAL_CONTENT as HTTP_PARTIAL_CONTENT
from poorwsgi.state import HTTP_PAYMENT_REQUIRED as HTTP_PAYMENT_REQUIRED
from poorwsgi.state import HTTP_PERMANENT_REDIRECT as HTTP_PERMANENT_REDIRECT
from poorwsgi.state import HTTP_PRECONDITION_FAILED as HTTP_PRECONDITION_FAILED
from poorwsgi.state import HTTP_PRECONDITION_REQUIRED as HTTP_PRECONDITION_REQUIRED
from poorwsgi.state import HTTP_PROCESSING as HTTP_PROCESSING
from poorwsgi.state import HTTP_PROXY_AUTHENTICATION_REQUIRED as HTTP_PROXY_AUTHENTICATION_REQUIRED
from poorwsgi.state import HTTP_RANGE_NOT_SATISFIABLE as HTTP_RANGE_NOT_SATISFIABLE
from poorwsgi.state import HTTP_REQUEST_ENTITY_TOO_LARGE as HTTP_REQUEST_ENTITY_TOO_LARGE
from poorwsgi.state import HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE as HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE
from poorwsgi.state import HTTP_REQUEST_TIME_OUT as HTTP_REQUEST_TIME_OUT
from poorwsgi.state import HTTP_REQUEST_URI_TOO_LARGE as HTTP_REQUEST_URI_TOO_LARGE
from poorwsgi.state import HTTP_RESET_CONTENT as HTTP_RESET_CONTENT
from poorwsgi.state import HTTP_SEE_OTHER as HTTP_SEE_OTHER
from poorwsgi.state import HTTP_SERVICE_UNAVAILABLE as HTTP_SERVICE_UNAVAILABLE
from poorwsgi.state import HTTP_SWITCHING_PROTOCOLS as HTTP_SWITCHING_PROTOCOLS
from poorwsgi.state import HTTP_TEMPORARY_REDIRECT as HTTP_TEMPORARY_REDIRECT
from poorwsgi.state import HTTP_TOO_EARLY as HTTP_TOO_EARLY
from poorwsgi.state import HTTP_TOO_MANY_REQUESTS as HTTP_TOO_MANY_REQUESTS
from poorwsgi.state import HTTP_UNAUTHORIZED as HTTP_UNAUTHORIZED
from poorwsgi.state import HTTP_UNAVAILABLE_FOR_LEGAL_REASONS as HTTP_UNAVAILABLE_FOR_LEGAL_REASONS
from poorwsgi.state import HTTP_UNPROCESSABLE_ENTITY as HTTP_UNPROCESSABLE_ENTITY
from poorwsgi.state import HTTP_UNSUPPORTED_MEDIA_TYPE as HTTP_UNSUPPORTED_MEDIA_TYPE
from poorwsgi.state import HTTP_UPGRADE_REQUIRED as HTTP_UPGRADE_REQUIRED
from poorwsgi.state import HTTP_USE_PROXY as HTTP_USE_PROXY
from poorwsgi.state import HTTP_VARIANT_ALSO_VARIES as HTTP_VARIANT_ALSO_VARIES
from poorwsgi.state import HTTP_VERSION_NOT_SUPPORTED as HTTP_VERSION_NOT_SUPPORTED
from poorwsgi.state import METHOD_ALL as METHOD_ALL
from poorwsgi.state import METHOD_CONNECT as METHOD_CONNECT
from poorwsgi.state import METHOD_DELETE as METHOD_DELETE
from poorwsgi.state import METHOD_GET as METHOD_GET
from poorwsgi.state import METHOD_GET_POST as METHOD_GET_POST
from poorwsgi.state import METHOD_HEAD as METHOD_HEAD
from poorwsgi.state import METHOD_OPTIONS as METHOD_OPTIONS
from poorwsgi.state import METHOD_PATCH as METHOD_PATCH
from poorwsgi.state import METHOD_POST as METHOD_POST
from poorwsgi.state import METHOD_PUT as METHOD_PUT
from poorwsgi.state import METHOD_TRACE as METHOD_TRACE
from poorwsgi.wsgi import Application as Application
from poorwsgi.wsgi import to_response as to_response

def parse_args(query: str | None, keep_blank_values: int, strict_parsing: int, app: object) -> dict[str, str | list[str]]: ...

# Used by poorwsgi._forms.
def _convert(func: Callable[[object], object], key: object, value: object) -> object: ...
def _missing(key: object) -> NoReturn: ...

# Used by poorwsgi.digest.
def _check_login(req: object, realm: str, username: str | None) -> None: ...
def _digest_command(
    file: str | PathLike[str] | None, realm: str, user: str, action: str, *,
    password: Callable[[str], str], new_password: Callable[[], str | None], digest: Callable[[str], str],
    write: Callable[[str], object],
) -> int: ...
def _read_passwords(path: str | PathLike[str]) -> list[tuple[str, str, str]]: ...
def _write_passwords(path: str | PathLike[str], users: Sequence[tuple[str, str, str]]) -> None: ...

# Used by poorwsgi.response.
_RESPONSE_CLASSES: tuple[type[BaseResponse], ...]

# Used by poorwsgi.server.
def _call_within(timeout: float, function: Callable[[], object]) -> None: ...
def _charset(name: str) -> str | None: ...
def _end_servers(timeout: float) -> bool: ...
def _set_multiprocess() -> None: ...
def _forked() -> None: ...
def _forks() -> None: ...
def _has_forked() -> None: ...
def _raise_descriptor_limit(**settings: object) -> None: ...

# Used by poorwsgi.testing.
def _shift_clock(milliseconds: int) -> int: ...
def _may_have_content(method: str, status: int) -> bool: ...
def _redirected(method: str, status: int, url: str, location: str) -> tuple[str, bool, list[str]] | None: ...

# Used by poorwsgi._log.
def _request_id() -> str | None: ...

# Used by poorwsgi._settings.
SETTINGS: tuple[
    tuple[str, str, str, int | float | str | tuple[str, ...] | None, int | None, int | None, tuple[str, ...], str], ...
]
def _check_address(address: str) -> None: ...
def _check_function(function: object, what: str) -> None: ...
def _check_settings(**settings: object) -> None: ...

# Used by poorwsgi.cli.
def _end_after_parent(parent: int, timeout: float) -> None: ...
def _routes(app: Application) -> list[tuple[str, str, str, str]]: ...
