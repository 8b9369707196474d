from collections.abc import Iterable, Sequence
from http.cookies import SimpleCookie
from logging import Logger
from typing import Any, Literal, Protocol

from typing_extensions import disjoint_base

from poorwsgi.headers import Headers as Headers
from poorwsgi.response import Response as Response

__all__ = [
    "KEYSTREAM_SIZE",
    "Headers",
    "NoCompress",
    "PoorSession",
    "Response",
    "Session",
    "SessionError",
    "check_token",
    "decrypt",
    "encrypt",
    "get_token",
    "hidden",
]

KEYSTREAM_SIZE: int
log: Logger

_Secret = str | bytes | bytearray | memoryview
_SameSite = Literal["Strict", "Lax", "None", False]

class _Compressor(Protocol):
    def compress(self, data: bytes, compresslevel: int, /) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...

class _TakesHeaders(Protocol):
    def add_header(self, name: str, value: str, /) -> object: ...

class _Request(Protocol):
    @property
    def secret_key(self) -> _Secret | None: ...
    @property
    def cookies(self) -> SimpleCookie | None: ...

def hidden(text: str | bytes, secret_hash: bytes) -> bytes: ...
def encrypt(data: bytes, table: Sequence[int]) -> bytes: ...
def decrypt(data: bytes, table: Iterable[int]) -> bytes: ...
def get_token(secret: object, client: object, timeout: float | None = None, expired: int | None = 0) -> str: ...
def check_token(token: object, secret: object, client: object, timeout: float | None = None) -> bool: ...

class SessionError(RuntimeError): ...

@disjoint_base
class NoCompress:
    @staticmethod
    def compress(data: bytes, compresslevel: int = 0) -> bytes: ...
    @staticmethod
    def decompress(data: bytes) -> bytes: ...

@disjoint_base
class Session:
    # Any value in a Session, a dict in PoorSession and AESSession.
    data: Any
    cookie: SimpleCookie
    _sid: str
    _destroyed: bool
    def __init__(
        self,
        expires: int | None = 0,
        max_age: int | None = None,
        domain: str | None = "",
        path: str | None = "/",
        secure: bool = False,
        same_site: _SameSite = False,
        sid: str = "SESSID",
    ) -> None: ...
    def load(self, cookies: SimpleCookie | None) -> None: ...
    def write(self) -> str: ...
    def destroy(self) -> None: ...
    def header(self, headers: _TakesHeaders | None = None) -> list[tuple[str, str]]: ...

@disjoint_base
class PoorSession(Session):
    data: dict[str, Any]
    def __init__(
        self,
        secret_key: _Secret | Sequence[_Secret] | _Request,
        expires: int | None = 0,
        max_age: int | None = None,
        domain: str | None = "",
        path: str | None = "/",
        secure: bool = False,
        same_site: _SameSite = False,
        compress: _Compressor | None = ...,
        sid: str = "SESSID",
        *,
        legacy: bool = False,
    ) -> None: ...
