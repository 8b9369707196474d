from collections.abc import Callable, Mapping
from typing import Any, NoReturn, Protocol, TypeVar, overload

from poorwsgi.fieldstorage import FieldStorage as _FieldStorage
from poorwsgi.fieldstorage import FieldStorageInterface
from poorwsgi.headers import Headers
from typing_extensions import disjoint_base

__all__ = ["Args", "CachedInput", "EmptyForm", "FieldStorage", "JsonDict", "JsonList", "parse_json_request"]

_T = TypeVar("_T")
_D = TypeVar("_D")
_Func = Callable[[Any], Any]

class _Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...

class _WithQuery(Protocol):
    @property
    def query(self) -> str | None: ...

class _WithBody(Protocol):
    @property
    def input(self) -> Any: ...
    @property
    def headers(self) -> Headers | Mapping[str, str]: ...

class EmptyForm(dict[Any, Any], FieldStorageInterface):
    def __missing__(self, key: object) -> NoReturn: ...
    def getvalue(self, key: str, default: Any = None, func: _Func | None = None) -> Any: ...
    def getfirst(
        self, key: str, default: Any = None, func: _Func | None = None, fce: _Func | None = None
    ) -> Any: ...
    def getlist(
        self, key: str, default: Any = None, func: _Func | None = None, fce: _Func | None = None
    ) -> Any: ...

class Args(dict[str, str | list[str]], FieldStorageInterface):
    def __init__(self, req: _WithQuery, keep_blank_values: object = 0, strict_parsing: object = 0) -> None: ...
    def __missing__(self, key: object) -> NoReturn: ...

class JsonDict(dict[str, Any], FieldStorageInterface):
    def __missing__(self, key: object) -> NoReturn: ...

class JsonList(list[Any]):
    @overload
    def getvalue(self, key: str | None = None, default: Any = None, func: None = None) -> Any: ...
    @overload
    def getvalue(self, key: str | None, default: _D, func: Callable[[Any], _T]) -> _T | _D: ...
    @overload
    def getvalue(self, key: str | None = None, default: None = None, *, func: Callable[[Any], _T]) -> _T | None: ...
    def getfirst(
        self, key: str | None = None, default: Any = None, func: _Func | None = None, fce: _Func | None = None
    ) -> Any: ...
    def getlist(
        self, key: str, default: Any = None, func: _Func | None = None, fce: _Func | None = None
    ) -> list[Any]: ...

def FieldStorage(
    req: _WithBody | type = ...,
    headers: Headers | Mapping[str, str] | None = None,
    keep_blank_values: object = 0,
    strict_parsing: object = 0,
    encoding: str = "utf-8",
    errors: str = "replace",
    max_num_fields: int | None = None,
    separator: str = "&",
    file_callback: Callable[[str], Any] | None = None,
) -> _FieldStorage: ...

def parse_json_request(raw: bytes | bytearray, charset: str | None = "utf-8") -> Any: ...

@disjoint_base
class CachedInput:
    block_size: int
    _CachedInput__file: Any
    _CachedInput__buffer: bytes
    _CachedInput__todo: int
    _CachedInput__timeout: float | None
    def __init__(
        self, file: _Readable, size: int, block_size: int = 32768, timeout: float | None = 10.0
    ) -> None: ...
    def read(self, size: int = -1) -> bytes: ...
    def readline(self, size: int = -1) -> bytes: ...
