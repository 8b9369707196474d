import os
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from http.client import responses as responses
from io import BytesIO as BytesIO
from logging import Logger
from os import R_OK as R_OK
from typing import Any, Final, NoReturn, Protocol, TypeAlias
from wsgiref.types import StartResponse

from typing_extensions import disjoint_base

from poorwsgi.headers import ContentRange as ContentRange
from poorwsgi.headers import Headers as Headers
from poorwsgi.headers import datetime_to_http as datetime_to_http
from poorwsgi.headers import time_to_http as time_to_http
from poorwsgi.state import DECLINED as DECLINED
from poorwsgi.state import HTTP_I_AM_A_TEAPOT as HTTP_I_AM_A_TEAPOT
from poorwsgi.state import HTTP_MOVED_PERMANENTLY as HTTP_MOVED_PERMANENTLY
from poorwsgi.state import HTTP_MOVED_TEMPORARILY as HTTP_MOVED_TEMPORARILY
from poorwsgi.state import HTTP_NO_CONTENT as HTTP_NO_CONTENT
from poorwsgi.state import HTTP_NOT_MODIFIED as HTTP_NOT_MODIFIED
from poorwsgi.state import HTTP_OK as HTTP_OK
from poorwsgi.state import HTTP_PARTIAL_CONTENT as HTTP_PARTIAL_CONTENT
from poorwsgi.state import HTTP_RANGE_NOT_SATISFIABLE as HTTP_RANGE_NOT_SATISFIABLE
from poorwsgi.state import deprecated as deprecated

_Data: TypeAlias = str | bytes | bytearray | memoryview
_Headers: TypeAlias = Headers | Mapping[str, str] | tuple[str, str] | Iterable[tuple[str, str]]
_Ranges: TypeAlias = Iterable[tuple[int | None, int | None] | list[int | None]]

# Any, because a custom encoder may accept any type.
_Json: TypeAlias = Any

class _Reads(Protocol):
    def read(self, size: int, /) -> bytes: ...

JSON_GENERATOR: Final[bool]
NOT_MODIFIED_DENY: Final[frozenset[str]]
NOT_MODIFIED_ONE_OF_REQUIRED: Final[frozenset[str]]
log: Logger

class IBytesIO(BytesIO):
    def read_kilo(self) -> bytes: ...
    def __iter__(self) -> Iterator[bytes]: ...  # type: ignore[override]

@disjoint_base
class BaseResponse:
    status_code: int
    content_type: str | None
    def __init__(self, content_type: str = "", headers: _Headers | None = None, status_code: int = 200) -> None: ...
    @property
    def reason(self) -> str: ...
    @property
    def content_length(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def headers(self) -> Headers: ...
    @headers.setter
    def headers(self, value: _Headers) -> None: ...
    @property
    def ranges(self) -> tuple[tuple[int | None, int | None], ...]: ...
    def add_header(self, name: str, value: str, **kwargs: str | None) -> None: ...
    def make_partial(self, ranges: _Ranges | None = None, units: str = "bytes") -> None: ...
    def make_range(self, ranges: _Ranges, units: str = "bytes", full: int | str | None = "*") -> None: ...
    def __start_response__(self, start_response: StartResponse) -> None: ...
    def __end_of_response__(self) -> Iterable[bytes]: ...
    def __call__(self, start_response: StartResponse, /) -> Iterable[bytes]: ...

class Response(BaseResponse):
    def __init__(
        self,
        data: _Data | None = b"",
        content_type: str | None = "text/html; charset=utf-8",
        headers: _Headers | None = None,
        status_code: int = 200,
    ) -> None: ...
    def write(self, data: _Data) -> None: ...

class PartialResponse(Response):
    def __init__(
        self,
        data: _Data | None = b"",
        content_type: str | None = "text/html; charset=utf-8",
        headers: _Headers | None = None,
    ) -> None: ...

class JSONResponse(Response):
    def __init__(
        self,
        data_: _Json = None,
        charset: str | None = "utf-8",
        headers: _Headers | None = None,
        status_code: int = 200,
        encoder_kwargs: Mapping[str, Any] | None = None,
        **kwargs: _Json,
    ) -> None: ...

class TextResponse(Response):
    def __init__(
        self,
        text: _Data,
        charset: str | None = "utf-8",
        headers: _Headers | None = None,
        status_code: int = 200,
    ) -> None: ...

class FileObjResponse(BaseResponse):
    def __init__(
        self,
        file_obj: _Reads,
        content_type: str | None = None,
        headers: _Headers | None = None,
        status_code: int = 200,
    ) -> None: ...

class FileResponse(FileObjResponse):
    def __init__(
        self,
        path: str | os.PathLike[str],
        content_type: str | None = None,
        headers: _Headers | None = None,
        status_code: int = 200,
    ) -> None: ...

class GeneratorResponse(BaseResponse):
    def __init__(
        self,
        generator: Iterable[bytes],
        content_type: str | None = "text/html; charset=utf-8",
        headers: _Headers | None = None,
        status_code: int = 200,
        content_length: int = 0,
    ) -> None: ...
    def __range_generator__(self) -> Iterator[bytes]: ...

class StrGeneratorResponse(GeneratorResponse):
    def __init__(
        self,
        generator: Iterable[str],
        content_type: str | None = "text/html; charset=utf-8",
        headers: _Headers | None = None,
        status_code: int = 200,
    ) -> None: ...

class JSONGeneratorResponse(StrGeneratorResponse):
    def __init__(
        self,
        charset: str | None = "utf-8",
        headers: _Headers | None = None,
        status_code: int = 200,
        **kwargs: _Json,
    ) -> None: ...

class NoContentResponse(BaseResponse):
    def __init__(self, headers: _Headers | None = None, status_code: int = 204) -> None: ...

class EmptyResponse(NoContentResponse):
    def __init__(self, status_code: int = 204) -> None: ...

class Declined(NoContentResponse):
    def __init__(self, status_code: int = 200) -> None: ...
    def add_header(self, *_args: object, **_kwargs: object) -> None: ...
    def __call__(self, start_response: StartResponse, /) -> tuple[()]: ...

class RedirectResponse(Response):
    def __init__(
        self,
        location: str,
        status_code: int | bool | None = 302,
        message: _Data | None = b"",
        headers: _Headers | None = None,
        permanent: bool = False,
    ) -> None: ...

class NotModifiedResponse(NoContentResponse):
    def __init__(
        self,
        headers: _Headers | None = None,
        etag: str | None = None,
        content_location: str | None = None,
        date: str | float | datetime | None = None,
        vary: str | None = None,
    ) -> None: ...

class ResponseError(RuntimeError): ...

@disjoint_base
class HTTPException(Exception):
    def __init__(self, arg: int | BaseResponse, **kwargs: Any) -> None: ...
    def make_response(self) -> BaseResponse | None: ...
    @property
    def response(self) -> BaseResponse | None: ...
    @property
    def status_code(self) -> int: ...

def make_response(
    data: _Data | dict[Any, Any] | list[Any] | Iterable[bytes] | None,
    content_type: str = "text/html; charset=utf-8",
    headers: _Headers | None = None,
    status_code: int = 200,
) -> BaseResponse: ...
def redirect(
    location: str,
    status_code: int | bool | None = 302,
    message: _Data | None = b"",
    headers: _Headers | None = None,
    permanent: bool = False,
) -> NoReturn: ...
def abort(arg: int | BaseResponse) -> NoReturn: ...
