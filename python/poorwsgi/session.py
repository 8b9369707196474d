"""Sessions in cookies, and tokens.

Session holds one value in plain text, PoorSession a dict that is encrypted and authenticated.
poorwsgi.aes_session has another class, for cookies that PoorWSGI can read, too.
"""
from logging import getLogger

from poorwsgi._legacy_session import KEYSTREAM_SIZE, decrypt, encrypt, hidden
from poorwsgi._poorwsgi import (
    Headers,
    NoCompress,
    PoorSession,
    Response,
    Session,
    SessionError,
    check_token,
    get_token,
)

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

log = getLogger("poorwsgi")
