from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime
from logging import Logger
from typing import Any, Final, TypeAlias, TypeVar, overload

from typing_extensions import disjoint_base

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

_T = TypeVar("_T")
_V = TypeVar("_V", bound=str | list[Any] | tuple[Any, ...])

HEADER_DATETIME_FORMAT: Final[str]
HeadersList: TypeAlias = list[Any] | tuple[Any, ...] | set[Any] | dict[Any, Any]
RangeList: TypeAlias = list[tuple[int | None, int | None]]
log: Logger

_Pairs: TypeAlias = Headers | dict[str, str] | tuple[str, str] | Iterable[tuple[str, str]]
_Choices: TypeAlias = Iterable[tuple[object] | tuple[object, object] | str]

@disjoint_base
class ContentRange:
    start: int
    end: int
    full: int | str
    units: str
    def __init__(
        self,
        start: int = 0,
        end: int = 0,
        full: int | str = "*",
        units: str = "bytes",
    ) -> None: ...

@disjoint_base
# At run time, Headers is registered with Mapping instead of inheriting from it; __iter__ yields pairs, as in
# PoorWSGI.
class Headers(Mapping[str, str]):
    def __init__(self, headers: _Pairs | None = None, strict: bool = True) -> None: ...
    def __len__(self) -> int: ...
    def __getitem__(self, name: str, /) -> str: ...
    def __setitem__(self, name: str, value: str | list[Any] | tuple[Any, ...], /) -> None: ...
    def __delitem__(self, name: str, /) -> None: ...
    def __contains__(self, name: object, /) -> bool: ...
    def __iter__(self) -> Iterator[tuple[str, str]]: ...  # type: ignore[override]
    def __eq__(self, other: object, /) -> bool: ...
    def names(self) -> tuple[str, ...]: ...
    def keys(self) -> tuple[str, ...]: ...  # type: ignore[override]
    def values(self) -> tuple[str, ...]: ...  # type: ignore[override]
    def items(self) -> tuple[tuple[str, str], ...]: ...  # type: ignore[override]
    @overload
    def get(self, key: str, default: None = None) -> str | None: ...
    @overload
    def get(self, key: str, default: str | _T) -> str | _T: ...
    def get_all(self, name: str) -> tuple[str, ...]: ...
    def setdefault(self, name: str, value: _V) -> str | _V: ...
    def add(self, name: str, value: str | list[Any] | tuple[Any, ...]) -> None: ...
    def add_header(
        self,
        name: str,
        value: str | list[Any] | tuple[Any, ...] | None = None,
        **kwargs: str | None,
    ) -> None: ...
    @staticmethod
    def iso88591(value: str) -> str: ...
    @staticmethod
    def utf8(value: str) -> str: ...

def _parseparam(s: str) -> Iterator[str]: ...
def parse_header(line: str) -> tuple[str, dict[str, str]]: ...
def parse_negotiation(value: str) -> list[tuple[str, float]]: ...
def render_negotiation(negotation: _Choices) -> str: ...
def parse_range(value: str) -> dict[str, list[tuple[int | None, int | None]]]: ...
def datetime_to_http(value: date) -> str: ...
def time_to_http(value: float | str | None = None) -> str: ...
def http_to_datetime(value: str) -> datetime: ...
def http_to_time(value: str) -> int: ...
