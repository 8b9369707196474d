from collections.abc import Sequence
from logging import Logger
from typing import Any

from typing_extensions import disjoint_base

from poorwsgi.session import Session as Session
from poorwsgi.session import SessionError as SessionError
from poorwsgi.session import _SameSite, _Secret

__all__ = ["AESSession", "Session", "SessionError"]

_NONCE_SIZE: int
log: Logger

@disjoint_base
class AESSession(Session):
    data: dict[str, Any]
    def __init__(
        self,
        secret_key: _Secret | Sequence[_Secret],
        expires: int | None = 0,
        max_age: int | None = None,
        domain: str | None = "",
        path: str | None = "/",
        secure: bool = False,
        same_site: _SameSite = False,
        sid: str = "SESSID",
    ) -> None: ...
