from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn, TypeVar, final
from wsgiref.types import StartResponse, WSGIEnvironment

METHOD_HEAD: Final[int]
METHOD_GET: Final[int]
METHOD_POST: Final[int]
METHOD_PUT: Final[int]
METHOD_DELETE: Final[int]
METHOD_TRACE: Final[int]
METHOD_OPTIONS: Final[int]
METHOD_CONNECT: Final[int]
METHOD_PATCH: Final[int]
METHOD_GET_POST: Final[int]
METHOD_ALL: Final[int]

_F = TypeVar("_F", bound=Callable[..., object])
_Headers = Mapping[str, str] | tuple[str, str] | Iterable[tuple[str, str]]

@final
class Application:
    def __new__(cls, name: str = "__main__") -> Application: ...
    @property
    def name(self) -> str: ...
    @property
    def debug(self) -> bool: ...
    @debug.setter
    def debug(self, value: bool) -> None: ...
    def route(self, uri: str, method: int = ...) -> Callable[[_F], _F]: ...
    def set_route(self, uri: str, fun: Callable[..., object], method: int = ...) -> None: ...
    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse, /) -> Iterable[bytes]: ...

@final
class Request:
    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def uri_rule(self) -> str | None: ...
    @property
    def path_args(self) -> dict[str, Any]: ...
    @property
    def data(self) -> bytes: ...

@final
class Response:
    @property
    def status_code(self) -> int: ...

class HTTPException(Exception):
    def __init__(self, arg: int, /) -> None: ...

def abort(arg: int) -> NoReturn: ...
def make_response(
    data: str | bytes | dict[Any, Any] | list[Any] | None,
    content_type: str = ...,
    headers: _Headers | None = None,
    status_code: int = 200,
) -> Response: ...

@final
class Server:
    def __new__(cls, application: Application, address: str) -> Server: ...
    @property
    def address(self) -> str: ...
    def serve(self) -> None: ...
    def stop(self) -> None: ...
