import builtins
from collections.abc import Callable, Iterator, KeysView, Mapping
from types import TracebackType
from typing import IO, Any, ClassVar, Protocol, TypeVar, overload

from poorwsgi.headers import Headers as Headers
from poorwsgi.headers import parse_header as parse_header
from typing_extensions import Self, disjoint_base

__all__ = [
    "FieldStorage",
    "FieldStorageInterface",
    "FieldStorageParser",
    "Headers",
    "parse_header",
    "valid_boundary",
]

_T = TypeVar("_T")
_D = TypeVar("_D")

class _Upload(Protocol):
    def write(self, data: bytes, /) -> object: ...
    def read(self, size: int = ..., /) -> object: ...
    def seek(self, position: int, /) -> object: ...

class _Input(Protocol):
    def read(self, size: int, /) -> bytes: ...

class FieldStorageInterface:
    def __contains__(self, key: object, /) -> bool: ...
    def __getitem__(self, key: Any, /) -> Any: ...
    @overload
    def getvalue(self, key: str, default: Any = None, func: None = None) -> Any: ...
    @overload
    def getvalue(self, key: str, default: _D, func: Callable[[Any], _T]) -> _T | _D: ...
    @overload
    def getvalue(self, key: str, default: None = None, *, func: Callable[[Any], _T]) -> _T | None: ...
    @overload
    def getfirst(self, key: str, default: Any = None, func: None = None, fce: Callable[[Any], Any] | None = None) -> Any: ...
    @overload
    def getfirst(self, key: str, default: _D, func: Callable[[Any], _T], fce: None = None) -> _T | _D: ...
    @overload
    def getfirst(
        self, key: str, default: None = None, *, func: Callable[[Any], _T], fce: None = None
    ) -> _T | None: ...
    @overload
    def getlist(
        self, key: str, default: Any = None, func: None = None, fce: Callable[[Any], Any] | None = None
    ) -> list[Any]: ...
    @overload
    def getlist(self, key: str, default: _D, func: Callable[[Any], _T], fce: None = None) -> list[_T] | _D: ...
    @overload
    def getlist(
        self, key: str, default: None = None, *, func: Callable[[Any], _T], fce: None = None
    ) -> list[_T]: ...

@disjoint_base
class FieldStorage(FieldStorageInterface):
    name: str | None
    filename: str | None
    file: Any
    list: builtins.list[Any]
    type: str
    type_options: dict[str, str]
    disposition: str
    disposition_options: dict[str, str]
    length: int
    bytes_read: int
    def __init__(self, name: str | None = None, value: Any = None) -> None: ...
    def __del__(self) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        *_args: builtins.type[BaseException] | BaseException | TracebackType | None,
    ) -> None: ...
    def __bool__(self) -> bool: ...
    def __iter__(self) -> Iterator[str]: ...
    def __len__(self) -> int: ...
    @property
    def value(self) -> Any: ...
    def keys(self) -> KeysView[str]: ...
    def get(self, key: str, default: Any = None) -> Any: ...

@disjoint_base
class FieldStorageParser:
    BUFSIZE: ClassVar[int]
    input: _Input | None
    headers: Headers | Mapping[str, str]
    outerboundary: bytes
    keep_blank_values: object
    strict_parsing: object
    limit: int | None
    encoding: str
    errors: str
    max_num_fields: int | None
    separator: str
    file_callback: Callable[[str], _Upload] | None
    bytes_read: int
    done: int
    filename: str | None
    innerboundary: bytes
    length: int
    def __init__(
        self,
        input_: _Input | None = None,
        headers: Headers | Mapping[str, str] | None = None,
        outerboundary: bytes = b"",
        keep_blank_values: object = 0,
        strict_parsing: object = 0,
        limit: int | None = None,
        encoding: str = "utf-8",
        errors: str = "replace",
        max_num_fields: int | None = None,
        separator: str = "&",
        file_callback: Callable[[str], _Upload] | None = None,
    ) -> None: ...
    def parse(self) -> FieldStorage: ...
    def read_urlencoded(self) -> list[FieldStorage]: ...
    def read_multi(self) -> list[FieldStorage]: ...
    def read_single(self) -> IO[Any]: ...
    def read_binary(self) -> IO[Any]: ...
    def read_lines(self) -> IO[Any]: ...
    def read_lines_to_eof(self, file: IO[Any]) -> IO[Any]: ...
    def read_lines_to_outerboundary(self, file: IO[Any]) -> IO[Any]: ...
    def skip_lines(self) -> None: ...
    def make_file(self) -> Any: ...
    def _parse_content_type(self) -> tuple[str, dict[str, str]]: ...
    def _skip_to_boundary(self) -> None: ...

def valid_boundary(data: str | bytes) -> bool: ...
